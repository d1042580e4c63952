import { describe, expect, test } from 'vitest';
import { runSeed } from './scenario.ts';
import { explain, seedsOf, summarise, verbose } from './seeds.ts';

describe('a fleet under faults keeps every acknowledged write and ends equal [D3, D4, R3, S11]', () => {
  for (const seed of seedsOf('faults', { fixed: 50, fresh: 4 })) {
    test(`seed ${seed}`, async () => {
      const report = await runSeed(seed, verbose === undefined ? {} : { verbose });
      summarise(report);
      expect(explain(report)).toBe('');
      expect(report.acknowledged).toBeGreaterThan(20);
    });
  }
});

describe.skipIf(process.env.SIM_SEED !== undefined)('a seed is a whole run: the same seed, the same trace', () => {
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
