import { describe, expect, test } from 'vitest';
import { runCollectionSeed } from './collection-scenario.ts';
import { explain, seedsOf, summarise, verbose } from './seeds.ts';

describe('what is dead leaves in a storm: equal roots, no write lost, and nothing forgotten returns [FL6, FL7, FL8, FL9]', () => {
  for (const seed of seedsOf('collections', { fixed: 1, fresh: 0 }))
    test(`seed ${seed}`, async () => {
      const report = await runCollectionSeed(seed, verbose);
      summarise(report);
      expect(explain(report, '--collections ')).toBe('');
    });
});
