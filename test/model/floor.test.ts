import { describe, expect, it } from 'vitest';
import { failureOf, firstFloorFailure } from './floor/failures.ts';
import { FOUND_BY, type Mistake } from './floor/mistakes.ts';

/** `npm run model -- --floors` sets these. */
const SEED = process.env['MODEL_SEED'] ?? 'unit';
const CASES = Number(process.env['MODEL_CASES'] ?? 100);
const HOUR_MS = 3_600_000;

describe('a fleet that changes while it runs', () => {
  it(
    'has one state for one floor and roster, and loses nothing of those who stay, in any weather',
    () => expect(firstFloorFailure(SEED, CASES)).toBeUndefined(),
    HOUR_MS,
  );

  it.each(Object.entries(FOUND_BY) as [Mistake, string][])(
    'does not with the mistake "%s", which the checker finds in a case that is sound without it',
    (mistake, seed) => {
      expect(failureOf(seed)).toBeUndefined();
      expect(failureOf(seed, mistake)).toBeDefined();
    },
    HOUR_MS,
  );
});
