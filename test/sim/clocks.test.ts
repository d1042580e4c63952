import { describe, expect, test } from 'vitest';
import { runClockSeed } from './clock-scenario.ts';
import { explain, seedsOf, summarise, verbose } from './seeds.ts';

describe('a fleet with wrong clocks goes on, loses nothing, and is whole within a minute of their being right [C6, N7, N8, Z10]', () => {
  for (const seed of seedsOf('clocks', { fixed: 3, fresh: 3 })) {
    test(`seed ${seed}`, async () => {
      const report = await runClockSeed(seed, verbose === undefined ? {} : { verbose });
      summarise(report);
      expect(explain(report, '--clocks ')).toBe('');
      expect(report.acknowledged).toBeGreaterThan(2);
    });
  }
});
