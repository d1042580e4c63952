import { describe, expect, it } from 'vitest';
import type { BootstrapRecord } from '../../../../src/core/rows/index.ts';
import type { SnapshotPlan } from '../../../../src/core/snapshot/index.ts';
import type { BootstrapState } from '../../../../src/runtime/bootstrap/state.ts';
import * as states from '../../../../src/runtime/bootstrap/state.ts';

const recordAt = (cursor: number, verified = 0): BootstrapRecord => ({
  certificate: Uint8Array.of(1),
  sources: [],
  chunks: Uint8Array.of(0, 1),
  cursor: new Uint8Array(cursor),
  verified,
});
/** While chunks are fetched, and once they are all here. */
const FETCHED = recordAt(0);
const ARRIVED = recordAt(32);
/** What a transition is given. */
const NEXT = recordAt(32, 7);
const PLAN = { bits: 1 } as SnapshotPlan;
const NONE: BootstrapState = { phase: 'none' };
const INTERRUPTED: states.Resting = { phase: 'interrupted', record: FETCHED };
const FAILED: states.Resting = { phase: 'failed', record: FETCHED, error: 'why' };

const STATES = {
  none: NONE,
  interrupted: INTERRUPTED,
  'looking anew': { phase: 'looking', record: undefined, from: { phase: 'done' } },
  'looking for the rest': { phase: 'looking', record: FETCHED, from: FAILED },
  fetching: { phase: 'fetching', record: FETCHED, plan: PLAN, from: NONE },
  'catching-up': { phase: 'catching-up', record: ARRIVED },
  verifying: { phase: 'verifying', record: ARRIVED },
  done: { phase: 'done' },
  'failed early': { phase: 'failed', record: undefined, error: 'why' },
  failed: FAILED,
  'failed late': { phase: 'failed', record: ARRIVED, error: 'why' },
} as const satisfies Record<string, BootstrapState>;
type Name = keyof typeof STATES;

const look = (from: Name, record?: BootstrapRecord): BootstrapState => ({
  phase: 'looking',
  record,
  from: STATES[from] as states.Resting,
});

/** What each transition makes of the states from which it is legal; from all others it throws. */
const TRANSITIONS: Record<
  string,
  { readonly run: (state: BootstrapState) => BootstrapState; readonly legal: Partial<Record<Name, BootstrapState>> }
> = {
  look: {
    run: states.look,
    legal: {
      none: look('none'),
      interrupted: look('interrupted', FETCHED),
      fetching: look('none', FETCHED),
      done: look('done'),
      'failed early': look('failed early'),
      failed: look('failed', FETCHED),
      'failed late': look('failed late', ARRIVED),
    },
  },
  fetch: {
    run: (state) => states.fetch(state, PLAN, NEXT),
    legal: {
      'looking anew': { phase: 'fetching', record: NEXT, plan: PLAN, from: { phase: 'done' } },
      'looking for the rest': { phase: 'fetching', record: NEXT, plan: PLAN, from: FAILED },
    },
  },
  giveUp: {
    run: states.giveUp,
    legal: { 'looking anew': { phase: 'done' }, 'looking for the rest': INTERRUPTED },
  },
  arrive: {
    run: (state) => states.arrive(state, NEXT),
    legal: Object.fromEntries(
      (['fetching', 'interrupted', 'failed early', 'failed', 'failed late'] as const).map((name) => [
        name,
        { phase: 'catching-up', record: NEXT },
      ]),
    ),
  },
  catchUp: {
    run: states.catchUp,
    legal: {
      'catching-up': { phase: 'verifying', record: ARRIVED },
      verifying: STATES.verifying,
      'failed late': { phase: 'verifying', record: ARRIVED },
    },
  },
  progress: {
    run: (state) => states.progress(state, NEXT),
    legal: {
      fetching: { phase: 'fetching', record: NEXT, plan: PLAN, from: NONE },
      'catching-up': { phase: 'catching-up', record: NEXT },
      verifying: { phase: 'verifying', record: NEXT },
    },
  },
  finish: {
    run: states.finish,
    legal: { 'catching-up': { phase: 'done' }, verifying: { phase: 'done' } },
  },
  fail: {
    run: (state) => states.fail(state, 'new'),
    legal: Object.fromEntries(
      Object.entries(STATES).map(([name, state]) => [
        name,
        { phase: 'failed', record: 'record' in state ? state.record : undefined, error: 'new' },
      ]),
    ),
  },
};

const table = Object.entries(TRANSITIONS).flatMap(([transition, { run, legal }]) =>
  (Object.keys(STATES) as Name[]).map((name) => ({ transition, name, run, expected: legal[name] })),
);

describe('the states of a bootstrap', () => {
  it.each(table.filter(({ expected }) => expected !== undefined))(
    '$transition leads on from $name',
    ({ name, run, expected }) => {
      expect(run(STATES[name])).toEqual(expected);
    },
  );

  it.each(table.filter(({ expected }) => expected === undefined))('$transition throws from $name', ({ name, run }) => {
    expect(() => run(STATES[name])).toThrow(STATES[name].phase);
  });

  it('chunks that were fetched stay known when a look comes to nothing, whatever the state before was', () => {
    const fetching = states.fetch(states.look(NONE), PLAN, FETCHED);
    expect(states.giveUp(states.look(fetching))).toEqual(INTERRUPTED);
    expect(states.giveUp(states.look(NONE))).toEqual(NONE);
    expect(states.giveUp(states.look({ phase: 'done' }))).toEqual({ phase: 'done' });
  });

  it('a transition leaves the state it comes from as it was', () => {
    const before = structuredClone(STATES);
    for (const { name, run, expected } of table) if (expected !== undefined) run(STATES[name]);
    expect(STATES).toEqual(before);
  });

  it('a start finds what an earlier run left', () => {
    expect(states.initialState(undefined)).toEqual(NONE);
    expect(states.initialState(FETCHED)).toEqual(INTERRUPTED);
    expect(states.initialState(ARRIVED)).toEqual(STATES.verifying);
  });

  it.each([
    ['none', undefined, false, false, undefined],
    ['interrupted', FETCHED, false, false, 'manifest'],
    ['looking anew', undefined, true, false, 'manifest'],
    ['looking for the rest', FETCHED, true, false, 'manifest'],
    ['fetching', FETCHED, true, false, 'chunks'],
    ['catching-up', ARRIVED, false, true, 'catching-up'],
    ['verifying', ARRIVED, false, true, 'verifying'],
    ['done', undefined, false, false, 'done'],
    ['failed early', undefined, false, false, 'failed'],
    ['failed', FETCHED, false, false, 'failed'],
    ['failed late', ARRIVED, false, true, 'failed'],
  ] as const)('%s: its record, whether repairs wait, whether all is here, and what status shows', (name, ...told) => {
    const state = STATES[name];
    const [record, isHolding, isArrived, shown] = told;
    expect(states.recordOf(state)).toBe(record);
    expect([states.isTakingOver(state), states.isArrived(state), states.shownPhase(state)]).toEqual([
      isHolding,
      isArrived,
      shown,
    ]);
  });
});
