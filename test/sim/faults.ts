import { expect, test } from 'vitest';
import { runSeed } from './scenario.ts';
import { explain, summarise, verbose } from './seeds.ts';

/** One test for each seed: a fleet under a storm of faults that the seed draws. */
export function testSeeds(seeds: readonly number[]): void {
  for (const seed of seeds) {
    test(`seed ${seed}`, async () => {
      const report = await runSeed(seed, verbose === undefined ? {} : { verbose });
      summarise(report);
      expect(explain(report)).toBe('');
      expect(report.acknowledged).toBeGreaterThan(20);
    });
  }
}
