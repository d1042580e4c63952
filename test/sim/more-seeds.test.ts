import { describe, expect, test } from 'vitest';
import { testSeeds } from './faults.ts';
import { runSeed } from './scenario.ts';
import { isAsked } from './seeds.ts';

describe.skipIf(isAsked)('a fleet under faults keeps every acknowledged write and ends equal: more seeds', () => {
  testSeeds(Array.from({ length: 4 }, (_, i) => 7 + i));
});

describe.skipIf(isAsked)('a seed is a whole run: the same seed, the same trace', () => {
  test('seed 17 twice, and another one', async () => {
    const [once, twice, other] = [await runSeed(17), await runSeed(17), await runSeed(18)];
    expect(twice.traceHash).toBe(once.traceHash);
    expect(twice.events).toBe(once.events);
    expect(other.traceHash).not.toBe(once.traceHash);
  });
});
