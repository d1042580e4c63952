import { describe } from 'vitest';
import { testSeeds } from './faults.ts';
import { seedsOf } from './seeds.ts';

// The other half of the fixed seeds stands in more-seeds.test.ts, as files run side by side.
describe('a fleet under faults keeps every acknowledged write and ends equal [D3, D4, R3, S11]', () => {
  testSeeds(seedsOf('faults', { fixed: 6, fresh: 4 }));
});
