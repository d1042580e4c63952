import { describe, expect, it } from 'vitest';
import { firstRosterFailure, type Mistake } from './roster-case.ts';

/** `npm run model -- --rosters` sets these. */
const SEED = process.env['MODEL_SEED'] ?? 'unit';
const CASES = Number(process.env['MODEL_CASES'] ?? 400);
const HOUR_MS = 3_600_000;

describe('rosters that writers decide by ballots', () => {
  it(
    'are one for each epoch, and each T is certified under one of them, whatever is lost, late, twice or restarted',
    () => expect(firstRosterFailure(SEED, CASES)).toBeUndefined(),
    HOUR_MS,
  );

  it.each<[Mistake, RegExp]>([
    ['unchecked-proposals', /two rosters/],
    ['votes-after-loss', /two rosters|certified/],
    ['forgets-votes', /two rosters|certified/],
    ['attests-after-loss', /certified/],
    ['attests-after-vote', /certified/],
    ['start-of-proposer', /certified/],
    ['attests-before-start', /certified/],
  ])('are not when there is the mistake %s: the checker finds it', (mistake, found) => {
    expect(firstRosterFailure('p2', 3000, mistake)).toMatch(found);
  });
});
