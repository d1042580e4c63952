import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { leafHash } from '../../../../src/core/merkle/index.ts';
import { bytesToHex } from '../../../../src/core/types/index.ts';
import { keyHash } from '../../../../src/core/wire/index.ts';
import { cellsOf, hasher, move, msOf, Node, type Op, PERIOD_MS, rootOf, Writer } from './support.ts';

const AUTHORS = 4;
const KEYS = 5;

/** What writers do: write a key after a pause, or hear one of the operations that exist. */
const doings = fc.array(
  fc.oneof(
    {
      weight: 2,
      arbitrary: fc.record({
        what: fc.constant('write' as const),
        who: fc.nat(AUTHORS - 1),
        key: fc.nat(KEYS - 1),
        pause: fc.nat(60),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ what: fc.constant('hear' as const), who: fc.nat(AUTHORS - 1), pick: fc.nat() }),
    },
  ),
  { maxLength: 120 },
);

type Doing = typeof doings extends fc.Arbitrary<readonly (infer T)[]> ? T : never;

function history(list: readonly Doing[]): Op[] {
  const writers = Array.from({ length: AUTHORS }, (_, i) => new Writer(i + 1));
  const ops: Op[] = [];
  // Clocks differ by up to a period and a half: operations of one moment fall on both sides of a cut.
  const skews = [0, 37, 90, 150];
  let now = 1_000;
  for (const doing of list) {
    const writer = writers[doing.who] as Writer;
    if (doing.what === 'write') {
      now += doing.pause;
      ops.push(writer.write(`key/${doing.key}`, now + (skews[doing.who] as number)));
    } else if (ops.length > 0) writer.see(ops[doing.pick % ops.length] as Op);
  }
  return ops;
}

/** The operations in another order, some of them twice. */
function shuffled(ops: readonly Op[], picks: readonly number[]): Op[] {
  const rest = [...ops];
  const out: Op[] = [];
  for (let i = 0; rest.length > 0; i++) {
    const pick = picks[i % Math.max(1, picks.length)] ?? 0;
    // Mostly in order, now and then far out of it.
    const at = pick % 4 === 0 ? pick % rest.length : pick % Math.min(3, rest.length);
    out.push(...rest.splice(at, 1));
    if (pick % 11 === 0) out.push(out[pick % out.length] as Op);
  }
  return out;
}

/** Feeds `ops` in steps, moving on between them, and looks at every cut. */
function play(node: Node, ops: readonly Op[], plan: readonly number[], from = 0): void {
  let at = 0;
  for (let i = 0; at < ops.length || i < plan.length; i++) {
    const choice = plan[i % Math.max(1, plan.length)] ?? 1;
    const next = (): Op[] => ops.slice(at, (at += 1 + (choice % 4)));
    if (choice % 3 > 0) {
      node.step(next());
      continue;
    }
    const time = Math.max(from, (Math.floor(node.tracker.at / PERIOD_MS) + 1 + (choice % 2)) * PERIOD_MS);
    if (time > 4_000) {
      node.step(next());
      continue;
    }
    const cut = move(node.tracker, time, 1 + (choice % 2), () => node.step(next()));
    expect({ root: bytesToHex(cut.root), entries: cut.entries }).toEqual(pick(rootOf(node.upTo(time))));
    check(node);
  }
}

const pick = ({ root, entries }: ReturnType<typeof rootOf>) => ({ root, entries });

/** What holds at every moment between two moves. */
function check(node: Node): void {
  const { tracker } = node;
  const expected = rootOf(node.upTo(tracker.at));
  expect(bytesToHex(tracker.tree.root())).toBe(expected.root);
  for (const [key, siblings] of node.live) {
    const hash = keyHash(key, hasher);
    const pending = tracker.isPending(hash);
    const refs = tracker.refsOf(hash);
    if (!pending) expect(tracker.tree.get(hash), key).toEqual(leafHash(hash, siblings, hasher));
    expect(refs === undefined ? tracker.tree.get(hash) === undefined || !pending : pending, key).toBe(true);
    if (refs !== undefined) expect(tracker.tree.get(hash)).toEqual(leafHash(hash, refs, hasher));
  }
}

/** The same, and the coded symbols, which are 3 MB to make. */
function checkAll(node: Node): void {
  check(node);
  const { tree, cells } = node.tracker;
  expect(cells.version(tree, new Uint8Array(0))?.cells).toEqual(cellsOf(rootOf(node.upTo(node.tracker.at)).tree));
}

const plans = fc.array(fc.nat(100), { minLength: 1, maxLength: 60 });

describe('the trailing tree', () => {
  it('holds at each time the register of all operations up to it, in whatever order they came, late ones included [Z1, Z2]', () => {
    fc.assert(
      fc.property(doings, plans, plans, (list, order, plan) => {
        // Just before the first operation: the cuts then fall between operations that are still coming.
        const node = new Node(900);
        play(node, shuffled(history(list), order), plan);
        checkAll(node);
      }),
      { numRuns: 120 },
    );
  });

  it('is the same on two nodes that have the same operations up to a time, whatever came later to either [Z1]', () => {
    fc.assert(
      fc.property(doings, plans, plans, fc.nat(20), (list, one, other, period) => {
        const ops = history(list);
        const time = 1_000 + period * PERIOD_MS;
        const roots = [one, other].map((order, i) => {
          const node = new Node();
          const mixed = shuffled(ops, order);
          // The second has only what it must have.
          for (const op of i === 0 ? mixed : mixed.filter((o) => msOf(o) <= time)) node.step([op]);
          return bytesToHex(move(node.tracker, time, 3).root);
        });
        expect(roots[0]).toBe(roots[1]);
      }),
      { numRuns: 100 },
    );
  });

  it('goes on after a start from the live state, for times later than all that it holds [Z2]', () => {
    fc.assert(
      fc.property(doings, doings, plans, plans, (before, after, order, plan) => {
        const ops = history([...before, ...after]);
        const early = ops.slice(0, Math.floor(ops.length / 2));
        const node = new Node();
        for (const op of early) node.step([op]);
        const base = Math.max(0, ...early.map(msOf));
        node.restart(base);
        check(node);
        play(node, shuffled(ops.slice(early.length), order), plan, (Math.floor(base / PERIOD_MS) + 1) * PERIOD_MS);
        checkAll(node);
      }),
      { numRuns: 100 },
    );
  });

  it('that began between two periods takes in what comes late of the time before, whatever its author wrote after [Z2]', () => {
    const node = new Node(1_090);
    const writer = new Writer(1);
    const [early, late] = [writer.write('k', 1_081), writer.write('k', 1_091)];
    node.step([late, early]);
    check(node);
    move(node.tracker, 1_100, 10);
    check(node);
  });

  it('keeps of one author between two cuts only the last operation on a key', () => {
    const node = new Node();
    const writer = new Writer(1);
    for (let i = 0; i < 50; i++) node.step([writer.write('hot', 1_001 + i)]);
    expect(node.tracker.operations).toBe(1);
    for (let i = 0; i < 50; i++) node.step([writer.write('hot', 1_101 + i)]);
    expect(node.tracker.operations).toBe(2);
    const cut = move(node.tracker, 1_100, 10);
    expect(bytesToHex(cut.root)).toBe(rootOf(node.upTo(1_100)).root);
    expect(node.tracker.operations).toBe(1);
  });

  it('lets go of a key that has nothing later than the cut', () => {
    const node = new Node();
    const writer = new Writer(1);
    const hash = keyHash('k', hasher);
    node.step([writer.write('k', 1_050)]);
    expect([node.tracker.isPending(hash), node.tracker.refsOf(hash)]).toEqual([true, undefined]);
    move(node.tracker, 1_100, 10);
    expect([node.tracker.isPending(hash), node.tracker.operations]).toEqual([false, 0]);
    node.step([writer.write('k', 1_150)]);
    expect(node.tracker.isPending(hash)).toBe(true);
    expect(node.tracker.refsOf(hash)).toHaveLength(1);
  });

  it('moves to later times only', () => {
    const node = new Node(500);
    expect(() => node.tracker.begin(500)).toThrow(RangeError);
  });

  it('leaves the tree and cells that it was made from alone', () => {
    const node = new Node();
    const writer = new Writer(1);
    for (let i = 0; i < 2_000; i++) node.step([writer.write(`key/${i}`, 1_000 + i)]);
    node.restart(3_000);
    const [root, cells] = [node.tree.root(), node.cells.version(node.tree, new Uint8Array(0))?.cells];
    const other = node.tracker;
    node.tracker = new Node().tracker;
    const [held, fresh] = [writer.write('key/7', 3_050), writer.write('new', 3_060)];
    const before = node.live.get('key/7') ?? [];
    other.apply({
      operations: [held, fresh],
      changed: [
        { key: 'key/7', keyHash: keyHash('key/7', hasher), before, after: [held.operation] },
        { key: 'new', keyHash: keyHash('new', hasher), before: [], after: [fresh.operation] },
      ],
    });
    move(other, 3_100, 1);
    expect(other.tree.size).toBe(2_001);
    expect(other.tree.root()).not.toEqual(root);
    expect([node.tree.size, node.tree.root()]).toEqual([2_000, root]);
    expect(node.cells.version(node.tree, new Uint8Array(0))?.cells).toEqual(cells);
  });
});
