import { describe, expect, test } from 'vitest';
import { testSeeds } from './faults.ts';
import { runSeed } from './scenario.ts';
import { isAsked } from './seeds.ts';

describe.skipIf(isAsked)('a fleet under faults keeps every acknowledged write and ends equal: more seeds', () => {
  testSeeds(Array.from({ length: 8 }, (_, i) => 13 + i));
});

describe.skipIf(isAsked)('a seed is a whole run: the same seed, the same trace', () => {
  test('seeds 1 and 2, twice each', async () => {
    const [one, two] = [await runSeed(1), await runSeed(2)];
    for (const once of [one, two]) {
      const twice = await runSeed(once.seed);
      expect(twice.traceHash).toBe(once.traceHash);
      expect(twice.events).toBe(once.events);
    }
    expect(one.traceHash).not.toBe(two.traceHash);
  });
});
