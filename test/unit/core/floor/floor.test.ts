import { describe, expect, it } from 'vitest';
import { lastHlcAt, makeHlc } from '../../../../src/core/clock/index.ts';
import {
  beyondBudget,
  carryOver,
  collect,
  collectionFloorOf,
  completeOf,
  type FloorClaim,
  fixCut,
  heardCut,
  isOpen,
  isRefuted,
  type KeptKey,
  lateOnArrival,
  NO_CUTS,
  NOTHING_KEPT,
  observedOfPast,
  passesOver,
  settle,
  shownAt,
  startGate,
  stateAt,
} from '../../../../src/core/floor/index.ts';
import { initialRoster, stateOf } from '../../../../src/core/roster/index.ts';
import type { Hlc } from '../../../../src/core/types/index.ts';
import { hasher } from '../wire/commits.ts';
import { at, authorOf, type Op, op, rulesOf } from './support.ts';

const [A, B, C] = [authorOf('a'), authorOf('b'), authorOf('c')];
const namesOf = (some: readonly Op[]): readonly string[] => some.map(({ name }) => name);
const HOUR = 3_600_000;

describe('collection', () => {
  const put = (name: string, ms: number, expires?: number): Op =>
    op(name, authorOf(name), ms, [], [], expires === undefined ? {} : { expires });
  const tombstone = (name: string, ms: number): Op => op(name, authorOf(name), ms, [], [], { kind: 'delete' });

  it.each<[string, readonly Op[], readonly string[]]>([
    ['takes a key of which only a tombstone is left', [tombstone('a', 10)], []],
    ['takes several tombstones, and a put that has ended', [tombstone('b', 20), put('a', 10, 50)], []],
    ['leaves a tombstone that hides an older put', [tombstone('b', 20), put('a', 10)], ['b', 'a']],
    ['takes a tombstone below the put that is shown', [put('b', 20), tombstone('a', 10)], ['b']],
    ['leaves what is younger than its floor', [tombstone('b', 101), tombstone('a', 10)], ['b']],
    ['leaves a put that ends later', [put('a', 10, 101)], ['a']],
  ])('%s', (_, siblings, left) => expect(namesOf(collect(siblings, 100))).toEqual(left));

  it('comes to the same by whatever floors it went', () => {
    const all = [tombstone('d', 80), put('c', 60, 90), tombstone('b', 40), put('a', 20, 30)];
    for (const first of [0, 20, 45, 70, 100]) expect(collect(collect(all, first), 100)).toEqual(collect(all, 100));
  });

  it('stands on whole hours older than the retention, and never falls', () => {
    expect(collectionFloorOf(30 * HOUR + 5, 24 * HOUR, 0)).toBe(6 * HOUR);
    expect(collectionFloorOf(30 * HOUR - 1, 24 * HOUR, 0)).toBe(5 * HOUR);
    expect(collectionFloorOf(30 * HOUR, 40 * HOUR, 2 * HOUR)).toBe(2 * HOUR);
    expect(collectionFloorOf(HOUR, 24 * HOUR, 0)).toBe(0);
  });

  it('is not what readers see: an expired winner hides the others from its end on', () => {
    const siblings = [put('b', 20, 50), put('a', 10)];
    expect(shownAt(siblings, 49)?.name).toBe('b');
    expect(shownAt(siblings, 50)).toBeUndefined();
    expect(shownAt([tombstone('c', 30), ...siblings], 0)).toBeUndefined();
    expect(shownAt([], 0)).toBeUndefined();
  });
});

describe('a floor that moves', () => {
  const [early, late] = [op('early', A, 5_000), op('late', B, 6_000)];
  const cut = (ms: number) => ({ at: ms, collection: 0, counts: () => true });
  const rules = rulesOf({ late: new Map([['late', 10_000]]) });
  const kept: KeptKey<Op> = { siblings: [late, early], hidden: [], aside: [] };

  it('is what came before the cut was fixed; what came later is set aside, and a later cut may have it', () => {
    expect(namesOf(stateAt(kept, rules, cut(10_000)))).toEqual(['early']);
    expect(namesOf(stateAt(kept, rules, cut(20_000)))).toEqual(['late', 'early']);
    const base = stateAt(kept, rules, cut(10_000));
    const { key, lost } = settle(kept, base, { ...rules, floor: at(10_000) }, 20_000);
    expect([namesOf(key.siblings), key.aside, lost]).toEqual([['early'], [{ operation: late, until: 20_000 }], []]);
    const after = { ...rules, floor: at(10_000) };
    expect(namesOf(stateAt(key, after, cut(20_000)))).toEqual(['late', 'early']);
    expect(namesOf(stateAt(key, after, cut(30_000)))).toEqual(['early']);
  });

  it('has an operation as late only when it comes first after the cut, and not when it comes again', () => {
    const arriving = (key: KeptKey<Op>, one: Op) => lateOnArrival(key, one, 10_000);
    expect(arriving(NOTHING_KEPT, early)).toBe(10_000);
    expect(arriving(NOTHING_KEPT, op('after', A, 10_001))).toBe(0);
    expect(arriving({ ...NOTHING_KEPT, siblings: [early] }, { ...early })).toBe(0);
    expect(arriving({ ...NOTHING_KEPT, hidden: [early] }, early)).toBe(0);
    expect(arriving({ ...NOTHING_KEPT, aside: [{ operation: early, until: 20_000 }] }, early)).toBe(0);
  });

  it('carries over what a cut has that may still become complete', () => {
    const after = { ...rules, floor: at(10_000) };
    const { key } = settle(kept, [early], after, 20_000);
    expect(carryOver(key, after, 30_000, [cut(20_000)]).aside).toEqual([{ operation: late, until: 30_000 }]);
    expect(carryOver(key, after, 30_000, []).aside).toEqual(key.aside);
  });

  it('passes cuts over while it carries, but for those that all who carry fix', () => {
    const after = { ...rules, floor: at(10_000) };
    const { key } = settle(kept, [early], after, 20_000);
    const passed = (ms: number, undecided: readonly ReturnType<typeof cut>[]) =>
      passesOver([NOTHING_KEPT, key], after, ms, undecided);
    expect([30_000, 40_000, 50_000, 60_000].map((ms) => passed(ms, [cut(20_000)]))).toEqual([false, true, true, false]);
    // The cut is refuted, or has nothing of what was set aside.
    expect(passed(40_000, [])).toBe(false);
    expect(passed(40_000, [cut(30_000)])).toBe(false);
  });

  it('lets go of what no cut of this node can have any more, and says so', () => {
    const { key, lost } = settle(kept, [early], { ...rules, floor: at(10_000) }, 10_000);
    expect([key.aside, namesOf(lost)]).toEqual([[], ['late']]);
  });

  it('is replaced whole by a snapshot', () => {
    const other = op('other', C, 7_000, [early]);
    const above = op('above', A, 15_000);
    const { key, lost } = settle(
      { ...NOTHING_KEPT, siblings: [above, late], hidden: [early] },
      [other],
      rulesOf({ floor: 10_000 }),
      0,
    );
    expect(namesOf(key.siblings)).toEqual(['above', 'other']);
    expect(namesOf(lost)).toEqual(['late']);
  });
});

describe('cuts of a node', () => {
  const roster = stateOf(initialRoster([A, B]), new Set(), hasher);
  const claim = (ms: number, more: Partial<FloorClaim> = {}): FloorClaim => ({
    at: ms,
    root: new Uint8Array(32),
    roster: roster.hash,
    collection: 0,
    previous: ms - 10_000,
    ...more,
  });
  const reign = { state: roster, start: 10_000, end: 50_000 };

  it('are fixed once and in order, and observe the last HLC of their time', () => {
    const { own, observe } = fixCut(NO_CUTS, claim(20_000));
    expect(observe).toBe(lastHlcAt(20_000));
    expect(() => fixCut(own, claim(20_000))).toThrow(RangeError);
    expect(() => fixCut(own, claim(10_000))).toThrow(RangeError);
    expect(fixCut(own, claim(30_000)).own.fixed).toHaveLength(2);
  });

  it('are complete when all writers claim one state, within the reign of their roster', () => {
    const by = (a: FloorClaim, b?: FloorClaim) => new Map([[A, a], ...(b === undefined ? [] : [[B, b] as const])]);
    expect(completeOf(reign, by(claim(20_000), claim(20_000, { previous: 0 })))?.at).toBe(20_000);
    expect(completeOf(reign, by(claim(20_000)))).toBeUndefined();
    expect(completeOf(reign, by(claim(20_000), claim(20_000, { collection: 1 })))).toBeUndefined();
    expect(completeOf(reign, by(claim(20_000), claim(20_000, { root: new Uint8Array(32).fill(1) })))).toBeUndefined();
    expect(completeOf(reign, by(claim(10_000), claim(10_000)))).toBeUndefined();
    expect(completeOf(reign, by(claim(60_000), claim(60_000)))).toBeUndefined();
    expect(completeOf({ ...reign, end: undefined }, by(claim(60_000), claim(60_000)))?.at).toBe(60_000);
  });

  it('are refuted by another claim, and by a writer that passed them over', () => {
    expect(isRefuted(claim(20_000), [claim(20_000), claim(30_000), claim(10_000)])).toBe(false);
    expect(isRefuted(claim(20_000), [claim(20_000, { collection: 1 })])).toBe(true);
    expect(isRefuted(claim(20_000), [claim(30_000, { previous: 10_000 })])).toBe(true);
  });

  it('of others are observed, unless they are too far ahead to believe', () => {
    expect(heardCut(20_000, 1)).toBe(lastHlcAt(20_000));
    expect(heardCut(20_000, 0)).toBeUndefined();
  });

  it('begin after a start when a peer has told, or it was waited long enough; with a new store only when told', () => {
    const kept = startGate('kept', 1_000);
    expect([isOpen(kept, 1_000), isOpen(kept, 11_000), isOpen({ ...kept, heard: true }, 1_000)]).toEqual([
      false,
      true,
      true,
    ]);
    const fresh = startGate('new', 1_000);
    expect([
      isOpen(fresh, 10 ** 9),
      isOpen({ ...fresh, heard: true }, 20_999),
      isOpen({ ...fresh, heard: true }, 21_000),
    ]).toEqual([false, false, true]);
    expect(observedOfPast({ committed: makeHlc(9_000, 1), attested: 5_000, floor: 8_000 })).toBe(makeHlc(9_000, 1));
    expect(observedOfPast({ committed: 0n as Hlc, attested: 5_000, floor: 8_000 })).toBe(lastHlcAt(8_000));
  });
});

it('what is kept outside the tree stays within its bytes, and the oldest go', () => {
  const rows = [1n, 2n, 3n].map((hlc) => ({ hlc: hlc as Hlc, bytes: 10 }));
  expect(beyondBudget(rows, 30, 30)).toEqual([]);
  expect(beyondBudget(rows, 30, 15).map(({ hlc }) => hlc)).toEqual([1n, 2n]);
});
