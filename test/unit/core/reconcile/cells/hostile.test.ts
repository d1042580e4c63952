import { describe, expect, it } from 'vitest';
import type { Bytes } from '../../../../../src/core/types/index.ts';
import { CELL_BYTES, type CellsAnswer, type SyncMessage } from '../../../../../src/core/wire/index.ts';
import { sha256, text } from '../../merkle/reference.ts';
import { createTestReplica, rootOf, type TestReplica } from '../../replica/support.ts';
import { fill as fillReplica, session, T } from '../support.ts';
import { referenceHash, referenceIndices } from './reference.ts';
import { differenceOf, NETWORK, namesOf, pair, type Run, type State, search, serverOf, tampered } from './support.ts';

/**
 * The most requests and cells that any answers can make a search ask for: two versions of 16, and what our own version
 * holds.
 */
const MAX_REQUESTS = 32;

type Tamper = (coded: CellsAnswer) => CellsAnswer;

const hashKey = (network: string): Bytes =>
  sha256(text('diotec360/lattice/cells/v1:'), new Uint8Array(8), text(network)).subarray(0, 8);
const itemNumber = (n: number): Bytes => sha256(text(`forged ${n}`)).subarray(0, 16);

/** XORs an item and its check into cell `index` of an answer and adds to its counts, where the answer has that cell. */
function add(coded: CellsAnswer, index: number, item: Bytes, check: number, count: number): void {
  const i = index - coded.from;
  if (i < 0 || i * CELL_BYTES >= coded.cells.length) return;
  const cell = coded.cells.subarray(i * CELL_BYTES, (i + 1) * CELL_BYTES);
  for (let at = 0; at < 16; at++) cell[at] = (cell[at] as number) ^ (item[at] as number);
  for (let at = 0; at < 4; at++) cell[16 + at] = (cell[16 + at] as number) ^ ((check >>> (8 * at)) & 255);
  cell[20] = (cell[20] as number) + count;
  if (index < 128) {
    const view = new DataView(coded.counts.buffer, coded.counts.byteOffset);
    view.setUint32(4 * i, view.getUint32(4 * i) + count);
  }
}

/** Answers that no state gives, each made from honest ones. */
function attacks(network: string, honestOf: (coded: CellsAnswer) => CellsAnswer): Record<string, Tamper> {
  const key = hashKey(network);
  const [item, other] = [itemNumber(1), itemNumber(2)];
  const [h0, h1] = referenceHash(key, item);
  const indices = referenceIndices(h0, h1, 131_072);
  return {
    'a cell with an item that does not belong there': (coded) => {
      const strange = Array.from({ length: 128 }, (_, i) => i).filter((i) => !indices.includes(i));
      for (const index of strange.slice(60)) add(coded, index, item, h0, 1);
      return coded;
    },
    'an empty cell 0': (coded) => {
      if (coded.from > 0) return coded;
      const own = honestOf(coded);
      coded.cells.set(own.cells.subarray(0, CELL_BYTES));
      coded.counts.set(own.counts.subarray(0, 4));
      return coded;
    },
    'two items that collide in everything': (coded) => {
      const both = item.map((byte, i) => byte ^ (other[i] as number));
      for (const index of indices) add(coded, index, both, 0, 2);
      return coded;
    },
    'noise for ever': (coded) => {
      // Sums and checks only: the counts stay believable.
      for (let at = 0; at < coded.cells.length; at += CELL_BYTES)
        coded.cells.set(sha256(text(`${coded.from} ${at}`)).subarray(0, 20), at);
      return coded;
    },
    'full counts that contradict their cells': (coded) => {
      if (coded.counts.length > 0) coded.counts[3] = (coded.counts[3] as number) ^ 1;
      return coded;
    },
    'counts that are consistent and wrong': (coded) => {
      for (let i = 0; i * CELL_BYTES < coded.cells.length; i++)
        if ((coded.from + i) % 10 === 9) add(coded, coded.from + i, new Uint8Array(16), 0, 1);
      return coded;
    },
    'a first count that is not the number of keys': (coded) => {
      if (coded.from === 0) add(coded, 0, new Uint8Array(16), 0, 1);
      return coded;
    },
    'an item that is ours as if it were theirs, and the reverse': (coded) => {
      for (const index of indices) add(coded, index, item, h0, -1);
      return coded;
    },
  };
}

const NAMES = Object.keys(attacks(NETWORK, (coded) => coded));

function expectBounded(run: Run, own: State): void {
  expect(run.requests.length).toBeLessThanOrEqual(MAX_REQUESTS);
  expect(run.cells).toBeLessThanOrEqual(2 * (own.tree.size + 1024));
  expect(run.keys.length).toBeLessThanOrEqual(run.cells);
}

describe('cells that no state has', () => {
  it.each(NAMES)('%s: the search ends within its limits, and says so [Y8]', (name) => {
    const [a, b] = pair(3000);
    for (let i = 0; i < 300; i++) (i % 2 === 0 ? a : b).set(`new${i}`, 0);
    const own = serverOf(a);
    const honest = (coded: CellsAnswer): CellsAnswer => {
      const said = own({
        type: 'cells',
        root: new Uint8Array(0),
        mine: new Uint8Array(0),
        salt: new Uint8Array(0),
        from: coded.from,
        count: coded.cells.length / CELL_BYTES,
      });
      if (said.type !== 'coded') throw new Error(said.type);
      return said;
    };
    const run = search(a, tampered(serverOf(b), attacks(NETWORK, honest)[name] as Tamper));
    expectBounded(run, a);
    expect(run).toMatchObject({ outcome: 'abandoned', failed: true });
    const truth = new Set(differenceOf(a, b));
    const wrong = namesOf(run).filter((difference) => !truth.has(difference));
    // A forged item can pass for one of theirs, once: its key is then asked for in vain.
    expect(wrong.length).toBeLessThanOrEqual(1);
  });

  it('cells of two versions under one root do not decode, and end the search [Y5, Y8]', () => {
    const [a, b] = pair(3000);
    for (let i = 0; i < 300; i++) (i % 2 === 0 ? a : b).set(`new${i}`, 0);
    const former = new Set(differenceOf(a, b));
    const server = serverOf(b);
    let root: Bytes | undefined;
    const run = search(a, (request) => {
      const said = server({ ...request, root: new Uint8Array(0) });
      for (let i = 0; i < 40; i++) b.set(`k${i}`, request.from + 1);
      if (said.type !== 'coded') throw new Error(said.type);
      root ??= said.root;
      return { ...said, root };
    });
    expectBounded(run, a);
    expect(run).toMatchObject({ outcome: 'abandoned', failed: true });
    expect(namesOf(run).some((difference) => former.has(difference)) || run.keys.length === 0).toBe(true);
  });

  it('another root in mid-search ends it [Y8]', () => {
    const [a, b] = pair(3000);
    for (let i = 0; i < 300; i++) (i % 2 === 0 ? a : b).set(`new${i}`, 0);
    const run = search(
      a,
      tampered(serverOf(b), (coded) => (coded.from === 0 ? coded : { ...coded, root: new Uint8Array(32) })),
    );
    expect(run).toMatchObject({ outcome: 'abandoned', failed: true });
    expect(run.requests).toHaveLength(2);
  });
});

describe('repair in spite of them', () => {
  const differing = (shared: number): [TestReplica, TestReplica] => {
    const [a, b] = [createTestReplica(1), createTestReplica(2)];
    fillReplica(a, 'k', shared);
    session(b, a);
    fillReplica(a, 'a', 12, T + 10_000);
    fillReplica(b, 'b', 12, T + 10_000);
    return [a, b];
  };

  it.each(NAMES)('%s: the descent finds the rest, nothing decoded is lost [S11, Y8]', (name) => {
    const [a, b] = differing(200);
    const own = serverOf({ tree: a.replica.tree, cells: a.replica.cells, set: () => undefined });
    const honest = (coded: CellsAnswer): CellsAnswer => {
      const count = coded.cells.length / CELL_BYTES;
      const said = own({
        type: 'cells',
        root: new Uint8Array(0),
        mine: new Uint8Array(0),
        salt: new Uint8Array(0),
        from: coded.from,
        count,
      });
      if (said.type !== 'coded') throw new Error(said.type);
      return said;
    };
    const tamper = attacks('test/replica', honest)[name] as Tamper;
    const run = session(a, b, {
      cells: new Uint8Array(0),
      tamper: (m: SyncMessage) =>
        m.type === 'coded' ? tamper({ ...m, cells: m.cells.slice(), counts: m.counts.slice() }) : m,
    });
    expect(run).toMatchObject({ outcome: 'repaired', method: 'descent', undecoded: true, refused: 0 });
    expect(run.fetched + run.pushed).toBeGreaterThanOrEqual(24);
    expect(rootOf(a)).toBe(rootOf(b));
  });
});
