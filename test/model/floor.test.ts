import { describe, expect, it } from 'vitest';
import { failureOf, firstFloorFailure } from './floor/failures.ts';
import { FOUND_BY, type Mistake } from './floor/mistakes.ts';

/** `npm run model -- --floors` sets these. */
const SEED = process.env['MODEL_SEED'] ?? 'unit';
const CASES = Number(process.env['MODEL_CASES'] ?? 100);
const REPLAY = process.env['MODEL_REPLAY'];
const HOUR_MS = 3_600_000;

/** Cases of long runs in which the checker once asked for what does not have to hold. */
const SOUND = ['2026-11-29/51700'];

describe('a fleet that changes while it runs', () => {
  it.runIf(REPLAY !== undefined)('holds in the replayed case, which is told event by event', () => {
    const told: string[] = [];
    const failure = failureOf(REPLAY ?? '', 'none', (line) => told.push(line));
    process.stdout.write(`${told.join('\n')}\n`);
    expect(failure).toBeUndefined();
  });

  it.skipIf(REPLAY !== undefined)(
    'has one state for one floor and roster, and loses nothing of those who stay, in any weather',
    () => expect(firstFloorFailure(SEED, CASES)).toBeUndefined(),
    HOUR_MS,
  );

  it.skipIf(REPLAY !== undefined).each(SOUND)('is not blamed in the case %s, which is sound', (seed) =>
    expect(failureOf(seed)).toBeUndefined(),
  );

  it.skipIf(REPLAY !== undefined).each(Object.entries(FOUND_BY) as [Mistake, string][])(
    'does not with the mistake "%s", which the checker finds in a case that is sound without it',
    (mistake, seed) => {
      expect(failureOf(seed)).toBeUndefined();
      expect(failureOf(seed, mistake)).toBeDefined();
    },
    HOUR_MS,
  );
});
