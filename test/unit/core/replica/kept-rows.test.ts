import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hlcMs, lastHlcAt, ZERO_HLC } from '../../../../src/core/clock/index.ts';
import {
  admit,
  type FloorRules,
  type KeptKey,
  NO_CUTS,
  NOTHING_KEPT,
  recount,
  settle,
  stateAt,
} from '../../../../src/core/floor/index.ts';
import { keptRows, type RowWrite } from '../../../../src/core/replica/index.ts';
import {
  asideKey,
  bucketRange,
  decodeFixedCuts,
  decodeFloorRow,
  encodeAside,
  encodeFixedCuts,
  encodeHidden,
  floorKey,
  hiddenKey,
  LATE,
  lateKey,
  lateRange,
} from '../../../../src/core/rows/index.ts';
import { type Author, type Bytes, bytesToHex, compareBytes, type Sibling } from '../../../../src/core/types/index.ts';
import { fragmentToSiblings } from '../../../../src/core/wire/index.ts';
import { createTestReplica, hasher } from './support.ts';

const START = 1_700_000_000_000;
const KEY = 'key';

/** Operations on one key by three authors, of whom some have seen what others wrote. */
function operations(): readonly Sibling[] {
  const authors = [1, 2, 3].map((id) => createTestReplica(id));
  return Array.from({ length: 18 }, (_, i) => {
    const by = authors[i % 3] as (typeof authors)[number];
    const fragment = by.put(KEY, i, START + i * 2_500);
    // Every second one is told to the author that writes next.
    if (i % 2 === 0) authors[(i + 1) % 3]?.step({ fragments: [fragment] }, START + i * 2_500);
    return fragmentToSiblings(fragment, hasher)[0] as Sibling;
  });
}
const OPERATIONS = operations();
const nameOf = (one: Sibling): string => `${bytesToHex(one.commit)}/${one.index}`;
const byName = (some: readonly Sibling[]): readonly string[] => some.map(nameOf).sort();

/** The rows as a store has them, and what they say. */
function createRows() {
  const rows = new Map<string, readonly [Bytes, Bytes]>();
  return {
    write(writes: readonly RowWrite[]) {
      for (const one of writes)
        if (one.type === 'put') rows.set(bytesToHex(one.key), [one.key, one.value]);
        else if (!rows.delete(bytesToHex(one.key))) throw new Error('a row is deleted that is not there');
    },
    read(siblings: readonly Sibling[]): KeptKey<Sibling> {
      const found = [...rows.values()].map(([key, value]) => decodeFloorRow(key, value, hasher));
      return {
        siblings,
        hidden: found.flatMap((row) => (row.kind === 'hidden' ? [row.operation] : [])),
        aside: found.flatMap((row) => (row.kind === 'aside' ? [{ operation: row.operation, until: row.until }] : [])),
      };
    },
  };
}

describe('the rows of what a key has outside the tree', () => {
  it('say what it has after any operation, roster and floor, and none is written for what stays', () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ take: fc.nat(OPERATIONS.length - 1), late: fc.boolean() }) },
      { weight: 1, arbitrary: fc.record({ remove: fc.nat(2) }) },
      { weight: 1, arbitrary: fc.record({ floor: fc.integer({ min: 1, max: 5 }) }) },
    );
    let [hidden, aside] = [0, 0];
    const run = (steps: readonly (typeof step extends fc.Arbitrary<infer T> ? T : never)[]): void => {
      const rows = createRows();
      const late = new Map<string, number>();
      const gone = new Set<Author>();
      let floor = 0;
      let key: KeptKey<Sibling> = NOTHING_KEPT;
      const rules = (): FloorRules => ({
        floor: floor === 0 ? ZERO_HLC : lastHlcAt(floor),
        counts: (author) => !gone.has(author),
        periodMs: 10_000,
        lateFor: (one) => late.get(nameOf(one as Sibling)) ?? 0,
      });
      for (const one of steps) {
        const before = key;
        if ('take' in one) {
          const operation = OPERATIONS[one.take] as Sibling;
          if (one.late) late.set(nameOf(operation), Math.ceil(hlcMs(operation.hlc) / 10_000) * 10_000);
          key = { ...key, ...admit(key, operation, rules(), () => false).held };
        } else if ('remove' in one) {
          gone.add((OPERATIONS[one.remove] as Sibling).author);
          key = { ...key, ...recount(key, rules()) };
        } else if (START + one.floor * 10_000 > floor) {
          const at = START + one.floor * 10_000;
          const base = stateAt(key, rules(), { at, collection: 0, counts: rules().counts });
          floor = at;
          ({ key } = settle(key, base, rules(), at + 10_000));
        }
        rows.write(keptRows(before, key, hasher));
        const read = rows.read(key.siblings);
        expect(byName(read.hidden)).toEqual(byName(key.hidden));
        const asides = (of: KeptKey<Sibling>) => of.aside.map((a) => `${nameOf(a.operation)} ${a.until}`).sort();
        expect(asides(read)).toEqual(asides(key));
        expect(keptRows(read, key, hasher)).toEqual([]);
        hidden += read.hidden.length;
        aside += read.aside.length;
      }
    };
    fc.assert(fc.property(fc.array(step, { minLength: 5, maxLength: 25 }), run), { numRuns: 60 });
    expect(hidden).toBeGreaterThan(100);
    expect(aside).toBeGreaterThan(20);
  });

  it('stand in the order of HLCs, and those about lateness in that of cuts, so that a floor passes one range', () => {
    const [first, , third] = OPERATIONS as readonly [Sibling, Sibling, Sibling];
    expect(compareBytes(hiddenKey(first, hasher), hiddenKey(third, hasher))).toBeLessThan(0);
    const { gte, lt } = lateRange(START);
    const isIn = (at: number): boolean => {
      const key = lateKey(third, at);
      return compareBytes(key, gte) >= 0 && compareBytes(key, lt) < 0;
    };
    expect([0, START - 1, START, START + 1].map(isIn)).toEqual([true, true, true, false]);
    expect(decodeFloorRow(lateKey(third, START), LATE, hasher)).toEqual({
      kind: 'late',
      commit: third.commit,
      index: 0,
      at: START,
    });
    const all = bucketRange('floor');
    for (const key of [hiddenKey(first, hasher), asideKey(first, hasher), lateKey(first, START)])
      expect(compareBytes(key, all.gte) >= 0 && compareBytes(key, all.lt) < 0).toBe(true);
  });

  it('are refused where they are damaged or stand elsewhere', () => {
    const [first, second] = OPERATIONS as readonly [Sibling, Sibling];
    const wrong: readonly (readonly [Bytes, Bytes])[] = [
      [hiddenKey(second, hasher), encodeHidden(first)],
      [asideKey(second, hasher), encodeAside({ operation: first, until: 5 })],
      [asideKey(first, hasher), encodeHidden(first).subarray(0, 4)],
      [hiddenKey(first, hasher), encodeHidden({ ...first, commit: second.commit })],
      [floorKey(9, new Uint8Array(3)), LATE],
      [lateKey(first, 5).subarray(0, 20), LATE],
    ];
    for (const [key, value] of wrong)
      expect(() => decodeFloorRow(key, value, hasher)).toThrow(expect.objectContaining({ code: 'damaged-row' }));
  });

  it('of fixed cuts are read as they were written', () => {
    const claim = {
      at: 5,
      root: new Uint8Array(32).fill(1),
      roster: new Uint8Array(32).fill(2),
      collection: 3,
      previous: 4,
    };
    const own = { newest: 7, fixed: [claim, { ...claim, at: 6, previous: 5 }] };
    expect(decodeFixedCuts(encodeFixedCuts(own))).toEqual(own);
    expect(decodeFixedCuts(encodeFixedCuts(NO_CUTS))).toEqual(NO_CUTS);
    expect(() => decodeFixedCuts(encodeFixedCuts(own).subarray(0, 50))).toThrow(
      expect.objectContaining({ code: 'damaged-row' }),
    );
  });
});
