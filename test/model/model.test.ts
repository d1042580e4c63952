import { describe, expect, it } from 'vitest';
import { caseOf, failureOf, firstFailure, lineOf, MODES, parseCase } from './case.ts';

/** `npm run model` sets these. */
const SEED = process.env['MODEL_SEED'] ?? 'unit';
const CASES = Number(process.env['MODEL_CASES'] ?? 400);
const REPLAY = process.env['MODEL_REPLAY'];
const HOUR_MS = 3_600_000;

describe('a fleet of honest nodes, also with one author who lies or with changing trust lists', () => {
  it.skipIf(REPLAY !== undefined)(
    'ends with one state and one root at a cut, loses no write, blames no honest node and sees no clone [R3, R10, N16, Z1, Z2, W5]',
    () => expect(firstFailure(SEED, CASES)).toBeUndefined(),
    HOUR_MS,
  );

  it.runIf(REPLAY !== undefined)('holds in the replayed case', () => {
    expect(failureOf(parseCase(REPLAY ?? ''))).toBeUndefined();
  });

  it('is the same for the same seed, and has all modes', () => {
    const cases = Array.from({ length: 30 }, (_, i) => caseOf(`same/${i}`));
    expect(new Set(cases.map(({ mode }) => mode))).toEqual(new Set(MODES));
    expect(cases.map(lineOf)).toEqual(Array.from({ length: 30 }, (_, i) => lineOf(caseOf(`same/${i}`))));
    expect(parseCase(lineOf(cases[0] as (typeof cases)[number]))).toEqual(cases[0]);
  });
});
