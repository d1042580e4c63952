import { describe, expect, test } from 'vitest';
import { testSeeds } from './faults.ts';
import { runSeed } from './scenario.ts';
import { isAsked } from './seeds.ts';

describe.skipIf(isAsked)('a fleet under faults keeps every acknowledged write and ends equal: more seeds', () => {
  testSeeds(Array.from({ length: 14 }, (_, i) => 19 + i));
});

describe.skipIf(isAsked)('a seed is a whole run: the same seed, the same trace', () => {
  for (const seed of [1, 2, 3]) {
    test(`seed ${seed} twice`, async () => {
      const [once, twice] = [await runSeed(seed), await runSeed(seed)];
      expect(twice.traceHash).toBe(once.traceHash);
      expect(twice.events).toBe(once.events);
    });
  }

  test('another seed is another run', async () => {
    expect((await runSeed(1)).traceHash).not.toBe((await runSeed(2)).traceHash);
  });
});
