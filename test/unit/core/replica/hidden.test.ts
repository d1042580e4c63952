import fc from 'fast-check';
import { expect, it } from 'vitest';
import { lastHlcAt } from '../../../../src/core/clock/index.ts';
import { createHidden, type HiddenOperation, type HiddenOperations } from '../../../../src/core/replica/hidden.ts';
import type { RowWrite } from '../../../../src/core/replica/index.ts';
import {
  decodeHidden,
  decodeHiddenBlock,
  encodeHidden,
  HIDDEN_BLOCKS,
  HIDDEN_GONE,
  HIDDEN_ROWS,
  type RowRange,
  rowToBlockNumber,
  rowToGonePlace,
} from '../../../../src/core/rows/index.ts';
import {
  type Bytes,
  bytesToHex,
  type Fragment,
  type Hlc,
  hexToBytes,
  type Sibling,
} from '../../../../src/core/types/index.ts';
import { encodeEntry, fragmentToSiblings } from '../../../../src/core/wire/index.ts';
import { createTestReplica, hasher } from './support.ts';

const START = 1_700_000_000_000;
/** About what one small operation takes, row and memory. */
const ONE = 700;

const siblingOf = (fragment: Fragment): Sibling => fragmentToSiblings(fragment, hasher)[0] as Sibling;

/** What is hidden when keys are written in commits of 200 or so many, and each by itself in another 10 s. */
function overwritten(
  keys: number,
  maxBytes: number,
  author = 1,
  hidden = createHidden({ hasher, counts: () => true, maxBytes }),
  ofCommit = 200,
): HiddenOperations {
  const { put, step } = createTestReplica(author);
  const all = Array.from({ length: keys }, (_, i) => ({ kind: 'put' as const, key: `k/${i}`, value: i }));
  const before: Sibling[] = [];
  for (let at = 0; at < keys; at += ofCommit)
    for (const commit of step({ writes: [{ operations: all.slice(at, at + ofCommit) }] }, START).commits)
      before.push(...fragmentToSiblings(commit, hasher));
  for (const [i, one] of before.entries())
    hidden.hide({ key: `k/${i}`, siblings: [siblingOf(put(`k/${i}`, i, START + 60_000 + i))] }, [one]);
  return hidden;
}

it('beyond its room the oldest go, are told, and are no news once the floor has passed what superseded them [FL5]', () => {
  const hidden = overwritten(20, 10 * ONE);
  const { operations, keys } = hidden.beyond;
  expect(hidden.bytes).toBeLessThanOrEqual(10 * ONE);
  expect([operations > 0, hidden.size + operations]).toEqual([true, 20]);
  expect(keys).toEqual(Array.from({ length: operations }, (_, i) => `k/${i}`));
  const last = lastHlcAt(START + 90_000);
  hidden.pass(lastHlcAt(START + 30_000), last, 1_000);
  expect(hidden.beyond.operations).toBe(operations);
  hidden.pass(last, last, 1_000);
  expect([hidden.beyond, hidden.size, hidden.bytes]).toEqual([{ operations: 0, keys: [] }, 0, 0]);
});

it('what is superseded by something that counts no more stays until the floor has passed all that is known by then [FL5]', () => {
  let until = Infinity;
  const hidden = overwritten(3, 1e6, 1, createHidden({ hasher, counts: (_, ms) => ms <= until, maxBytes: 1e6 }));
  until = START + 30_000;
  const last = lastHlcAt(START + 90_000);
  // Each round begins where the one before ended.
  for (let round = 0; round < 4; round++) while (!hidden.pass(lastHlcAt(START + 70_000), last, 10));
  expect(hidden.size).toBe(3);
  for (let round = 0; round < 2; round++) while (!hidden.pass(last, last, 10));
  expect(hidden.size).toBe(0);
});

it('goes on letting go of the oldest while more comes, and keeps just those that came last [FL5]', () => {
  const hidden = overwritten(200, 10 * ONE);
  const left = Array.from({ length: 200 }, (_, i) => `k/${i}`).filter((key) => hidden.of(key).length > 0);
  expect(left).toEqual(Array.from({ length: hidden.size }, (_, i) => `k/${200 - hidden.size + i}`));
  expect([hidden.size > 5, hidden.size + hidden.beyond.operations]).toEqual([true, 200]);
  // All of it goes when the floor passes, and there is room anew.
  hidden.pass(lastHlcAt(START + 90_000), lastHlcAt(START + 90_000), 1_000);
  expect([hidden.size, hidden.bytes]).toEqual([0, 0]);
});

type Put = Extract<RowWrite, { type: 'put' }>;
const putsOf = (rows: readonly RowWrite[]): Put[] => rows.filter((row): row is Put => row.type === 'put');

it('a row of its own leads to its operation, and says nothing else than it was written with [FL5]', () => {
  const [first, second] = [1, 2].map((author) => putsOf(overwritten(1, 1e6, author).takeRows())[0] as Put) as [
    Put,
    Put,
  ];
  const place = { row: first.key, at: 0 };
  expect(decodeHidden(place, first.value, hasher).operation.key).toBe('k/0');
  expect(() => decodeHidden(place, second.value, hasher)).toThrow('another operation');
  expect(() => decodeHidden({ ...place, at: 1 }, first.value, hasher)).toThrow('not one operation');
  for (let at = 0; at < first.value.length; at++) {
    const flipped = first.value.slice();
    flipped[at] = (flipped[at] as number) ^ 1;
    let read: Sibling | undefined;
    try {
      read = decodeHidden(place, flipped, hasher);
    } catch (error) {
      expect(error).toMatchObject({ code: 'damaged-row' });
    }
    // A signature that changed is found by the check of signatures.
    if (read !== undefined) expect(read.commit).toEqual(decodeHidden(place, first.value, hasher).commit);
  }
});

/** A store of hidden operations, and what a start reads of it. */
function storeOf(hidden: HiddenOperations, rows = new Map<string, Bytes>()) {
  const take = (): void => {
    for (const row of hidden.takeRows())
      if (row.type === 'del') rows.delete(bytesToHex(row.key));
      else rows.set(bytesToHex(row.key), row.value);
  };
  const within = ({ gte, lt }: RowRange): [Bytes, Bytes][] =>
    [...rows]
      .filter(([key]) => key >= bytesToHex(gte) && key < bytesToHex(lt))
      .map(([key, value]) => [hexToBytes(key) as Bytes, value]);
  const start = (last: Hlc): HiddenOperations => {
    const again = createHidden({ hasher, counts: () => true, maxBytes: 1e6 });
    for (const [key] of within(HIDDEN_GONE)) again.loadGone(rowToBlockNumber(key), rowToGonePlace(key));
    for (const [row, value] of within(HIDDEN_ROWS)) again.load(decodeHidden({ row, at: 0 }, value, hasher), last);
    for (const [row, value] of within(HIDDEN_BLOCKS)) again.loadBlock(rowToBlockNumber(row), value, last);
    again.loaded();
    return again;
  };
  const read = (one: HiddenOperation | undefined, held = hidden): Sibling => {
    const place = one === undefined ? undefined : held.placeOf(one);
    if (place === undefined) throw new Error('it has no place');
    return decodeHidden(place, rows.get(bytesToHex(place.row)) as Bytes, hasher);
  };
  return { rows, take, start, read, within, of: (other: HiddenOperations) => storeOf(other, rows) };
}
const keysOf = (hidden: HiddenOperations, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `k/${i}`).filter((key) => hidden.of(key).length > 0);

it('what one step hides of one commit shares rows, in which each is found, and which go with the last of it [FL5]', () => {
  const hidden = overwritten(600, 1e6);
  const store = storeOf(hidden);
  store.take();
  // 256 operations and 64 KiB are in one row at most.
  const blocks = store.within(HIDDEN_BLOCKS);
  expect([blocks.length, store.rows.size]).toEqual([3, 3]);
  expect(Math.max(...blocks.map(([, value]) => value.length))).toBeLessThan(66_000);
  for (const key of keysOf(hidden, 600)) expect(store.read(hidden.of(key)[0]).operation.key).toBe(key);

  // The floor passes the first half: the first row is gone, and of the second it is known what is.
  const last = lastHlcAt(START + 90_000);
  for (const limit of [100, 200, 1000]) {
    hidden.pass(lastHlcAt(START + 60_000 + 299), last, limit);
    store.take();
  }
  expect(keysOf(hidden, 600)).toEqual(Array.from({ length: 300 }, (_, i) => `k/${300 + i}`));
  expect(store.within(HIDDEN_BLOCKS)).toHaveLength(2);
  expect(store.within(HIDDEN_GONE)).toHaveLength(300 - decodeHiddenBlock(blocks[0]?.[1] as Bytes, hasher).length);
  const again = store.start(last);
  expect(keysOf(again, 600)).toEqual(keysOf(hidden, 600));
  expect(again.bytes).toBe(hidden.bytes);
  for (const key of keysOf(again, 600)) expect(store.read(again.of(key)[0], again).operation.key).toBe(key);

  // After a start the rest goes alike, and nothing is left of it.
  const rest = store.of(again);
  while (!again.pass(last, last, 1000)) rest.take();
  rest.take();
  expect([again.size, again.bytes, rest.rows.size]).toEqual([0, 0, 0]);
});

it('what is let go of in the step that hid it is never written, and a later block has another number [FL5]', () => {
  const hidden = overwritten(10, 1e6);
  hidden.takeOut('k/1', () => true);
  const store = storeOf(hidden);
  store.take();
  expect(store.within(HIDDEN_BLOCKS).map(([, value]) => decodeHiddenBlock(value, hasher).length)).toEqual([9]);
  const last = lastHlcAt(START + 90_000);
  const again = store.start(last);
  const more = overwritten(8, 1e6, 2, again);
  expect(more).toBe(again);
  const numbers = putsOf(again.takeRows()).map(({ key }) => rowToBlockNumber(key));
  expect(numbers).toEqual([1]);
});

it('what takes the place of an earlier one of its 10 s has a row of its own, which goes with it [FL5]', () => {
  const authors = [createTestReplica(1), createTestReplica(2)] as const;
  const hidden = createHidden({ hasher, counts: () => true });
  const store = storeOf(hidden);
  const keys = Array.from('abcdefgh');
  const write = (turn: number): Sibling[] => {
    const [writer, reader] = turn % 2 === 0 ? authors : ([authors[1], authors[0]] as const);
    const operations = keys.map((key) => ({ kind: 'put' as const, key, value: turn }));
    const { commits } = writer.step({ writes: [{ operations }] }, START + 1 + turn);
    reader.step({ fragments: commits }, START + 1 + turn);
    return commits.flatMap((commit) => fragmentToSiblings(commit, hasher));
  };
  let shown = write(0);
  const own: number[] = [];
  for (let turn = 1; turn < 7; turn++) {
    const next = write(turn);
    next.forEach((one, at) => hidden.hide({ key: one.operation.key, siblings: [one] }, [shown[at] as Sibling]));
    shown = next;
    store.take();
    own.push(store.within(HIDDEN_ROWS).length);
  }
  // The first of each author and key stood in blocks, which are gone with them.
  expect(own).toEqual([0, 0, 8, 16, 16, 16]);
  expect([store.rows.size, hidden.size]).toEqual([16, 16]);
  expect(store.start(lastHlcAt(START + 90_000)).bytes).toBe(hidden.bytes);
});

it('fewer than eight operations that a step hides of no larger group have rows of their own [FL5]', () => {
  for (const [keys, rows] of [
    [7, 7],
    [8, 1],
    [207, 8],
    [208, 1],
  ] as const) {
    const store = storeOf(overwritten(keys, 1e6));
    store.take();
    expect(store.rows.size, `${keys} keys`).toBe(rows);
  }
});

it('operations of many commits share rows as well, each by itself in them [FL5]', () => {
  const hidden = overwritten(400, 1e6, 1, createHidden({ hasher, counts: () => true, maxBytes: 1e6 }), 3);
  const store = storeOf(hidden);
  store.take();
  const blocks = store.within(HIDDEN_BLOCKS);
  expect([blocks.length, store.rows.size]).toEqual([2, 2]);
  expect(Math.max(...blocks.map(([, value]) => value.length))).toBeLessThan(66_000);
  // A row takes no more than its operations would in rows of their own, and two bytes for each.
  const alone = keysOf(hidden, 400).map((key) => encodeHidden(store.read(hidden.of(key)[0])).length);
  const sum = (sizes: readonly number[]): number => sizes.reduce((a, b) => a + b, 0);
  expect(sum(blocks.map(([, value]) => value.length))).toBeLessThan(sum(alone) + 5 * 400);
  for (const key of keysOf(hidden, 400)) expect(store.read(hidden.of(key)[0]).operation.key).toBe(key);
  hidden.takeOut('k/7', () => true);
  store.take();
  const last = lastHlcAt(START + 90_000);
  const again = store.start(last);
  expect([again.size, again.bytes, again.of('k/7')]).toEqual([399, hidden.bytes, []]);
  for (const key of keysOf(again, 400)) expect(store.read(again.of(key)[0], again).operation.key).toBe(key);
  const rest = store.of(again);
  while (!again.pass(last, last, 1000));
  rest.take();
  expect([again.size, again.bytes, rest.rows.size]).toEqual([0, 0, 0]);
});

it('a block of operations by themselves says nothing else than it was written with [FL5]', () => {
  const store = storeOf(overwritten(8, 1e6, 1, createHidden({ hasher, counts: () => true, maxBytes: 1e6 }), 1));
  store.take();
  const [row] = store.within(HIDDEN_BLOCKS);
  const [key, value] = row as [Bytes, Bytes];
  const before = decodeHiddenBlock(value, hasher);
  expect(before).toHaveLength(8);
  expect(() => decodeHidden({ row: key, at: 8 }, value, hasher)).toThrow('not so many operations');
  for (let at = 0; at < value.length; at++) {
    const flipped = value.slice();
    flipped[at] = (flipped[at] as number) ^ 1;
    let read: readonly Sibling[] = [];
    try {
      read = decodeHiddenBlock(flipped, hasher);
    } catch (error) {
      expect(error).toMatchObject({ code: 'damaged-row' });
    }
    // A signature that changed is found by the check of signatures.
    for (const [i, one] of read.entries()) expect(one.commit).toEqual(before[i]?.commit);
  }
  // Two operations in the place of one.
  const two = encodeEntry({
    key: 'k/0',
    siblings: [before[0], siblingOf(createTestReplica(2).put('k/0', 1, START))] as Sibling[],
  });
  const forged = Uint8Array.from([0x82, 0x00, 0x59, two.length >> 8, two.length & 0xff, ...two]);
  expect(() => decodeHiddenBlock(forged, hasher)).toThrow('has not one operation');
});

it('room counts what blocks have of operations that are gone [FL5]', () => {
  const hidden = overwritten(100, 1e6);
  const store = storeOf(hidden);
  store.take();
  const all = hidden.bytes;
  for (let i = 0; i < 99; i++) hidden.takeOut(`k/${i}`, () => true);
  store.take();
  const [row] = store.within(HIDDEN_BLOCKS);
  expect(hidden.bytes).toBeLessThan(all);
  expect(hidden.bytes).toBeGreaterThan(row?.[1].length ?? Infinity);
  hidden.takeOut('k/99', () => true);
  store.take();
  expect([hidden.bytes, store.rows.size]).toEqual([0, 0]);
});

it('whatever comes and goes, a start finds in the store just what is hidden, and each of it can be read [FL5]', () => {
  const step = fc.record({
    author: fc.integer({ min: 0, max: 1 }),
    keys: fc.uniqueArray(fc.integer({ min: 0, max: 11 }), { minLength: 1, maxLength: 12 }),
    /** How much later it is, ms: in most steps within the same 10 s. */
    later: fc.constantFrom(1, 1, 1, 4000, 11_000),
    next: fc.constantFrom('nothing', 'take-out', 'pass', 'start', 'lose'),
  });
  const named = ({ commit, index, operation }: Pick<HiddenOperation, 'commit' | 'index' | 'operation'>): string =>
    `${operation.key} ${bytesToHex(commit)} ${index}`;
  const namesIn = (hidden: HiddenOperations): string[] =>
    Array.from({ length: 12 }, (_, i) => hidden.of(`k/${i}`).map(named))
      .flat()
      .sort();
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 25 }), (steps) => {
      const authors = [createTestReplica(1), createTestReplica(2)] as const;
      let hidden = createHidden({ hasher, counts: () => true, maxBytes: 1e6 });
      let store = storeOf(hidden);
      const shown = new Map<string, Sibling>();
      let now = START;
      for (const { author, keys, later, next } of steps) {
        now += later;
        const operations = keys.map((i) => ({ kind: 'put' as const, key: `k/${i}`, value: now }));
        const [writer, reader] = author === 0 ? authors : ([authors[1], authors[0]] as const);
        const { commits } = writer.step({ writes: [{ operations }] }, now);
        reader.step({ fragments: commits }, now);
        for (const one of commits.flatMap((commit) => fragmentToSiblings(commit, hasher))) {
          const { key } = one.operation;
          const before = shown.get(key);
          shown.set(key, one);
          if (before !== undefined) hidden.hide({ key, siblings: [one] }, [before]);
        }
        const last = lastHlcAt(now);
        const [first] = hidden.of(`k/${keys[0]}`);
        if (next === 'take-out') hidden.takeOut(`k/${keys[0]}`, () => true);
        if (next === 'pass') hidden.pass(lastHlcAt(now - 5000), last, 7);
        store.take();
        if (next === 'lose' && first !== undefined) {
          hidden.lose(first);
          store.take();
        }
        const again = store.start(last);
        expect(namesIn(again)).toEqual(namesIn(hidden));
        expect(again.bytes).toBe(hidden.bytes);
        for (let i = 0; i < 12; i++)
          for (const one of again.of(`k/${i}`)) expect(named(store.read(one, again))).toBe(named(one));
        if (next === 'start') {
          hidden = again;
          store = store.of(again);
        }
      }
      const end = lastHlcAt(now + 60_000);
      // One round may have begun before, in the middle.
      for (let round = 0; round < 2; round++) while (!hidden.pass(end, end, 100));
      store.take();
      expect([hidden.size, hidden.bytes, store.rows.size]).toEqual([0, 0, 0]);
    }),
    { numRuns: 60 },
  );
});
