import { describe, expect, test } from 'vitest';
import { runRosterSeed } from './roster-scenario.ts';
import { explain, seedsOf, summarise, verbose } from './seeds.ts';

describe('members join, retire and change their keys in a storm: one roster for each epoch, equal roots, no write lost [RO4, RO5, RO8, RO12]', () => {
  for (const seed of seedsOf('rosters', { fixed: 2, fresh: 1 }))
    test(`seed ${seed}`, async () => {
      const report = await runRosterSeed(seed, verbose);
      summarise(report);
      expect(explain(report, '--rosters ')).toBe('');
    });
});
