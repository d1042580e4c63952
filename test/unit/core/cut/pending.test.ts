import { expect, it } from 'vitest';
import { CutTracker } from '../../../../src/core/cut/index.ts';
import { createMerkleTree, leafHash } from '../../../../src/core/merkle/index.ts';
import { LiveCells } from '../../../../src/core/reconcile/index.ts';
import type { Author, Hasher, Hlc } from '../../../../src/core/types/index.ts';
import { keyHash } from '../../../../src/core/wire/index.ts';
import { hasher as real } from './support.ts';

/** SHA-256 whose first 32 bits are always the same. */
const colliding: Hasher = {
  hash: (bytes) => real.hash(bytes).fill(7, 0, 4),
  hashInto(bytes, out, offset) {
    out.set(this.hash(bytes), offset);
  },
  running: () => real.running(),
};

it('keys whose hashes begin with the same 32 bits are told apart, and each settles on its own [Z1]', () => {
  const tree = createMerkleTree(colliding);
  const cells = new LiveCells({ hasher: colliding, network: 'n' });
  const tracker = new CutTracker({ hasher: colliding, periodMs: 100, tree, cells, at: 1_000 });
  const operation = (n: number, ms: number) => ({
    commit: real.hash(Uint8Array.of(n)),
    index: 0,
    author: 'a'.repeat(64) as Author,
    hlc: (BigInt(ms) << 16n) as Hlc,
    operation: { context: [] },
  });
  const times = new Map([
    ['a', 1_050],
    ['b', 1_150],
    ['c', 1_060],
    ['d', 1_250],
  ]);
  const keys = [...times.keys()];
  const operations = keys.map((key, n) => ({ key, operation: operation(n, times.get(key) as number) }));
  for (const one of operations)
    tracker.apply({
      operations: [one],
      changed: [{ key: one.key, keyHash: keyHash(one.key, colliding), before: [], after: [one.operation] }],
    });
  const pending = (): string[] => keys.filter((key) => tracker.isPending(keyHash(key, colliding)));
  expect(pending()).toEqual(keys);
  expect(tracker.isPending(keyHash('e', colliding))).toBe(false);
  expect(tracker.pendingKeys().next().done).toBe(false);
  expect([...tracker.pendingKeys()]).toHaveLength(4);

  for (const [time, left] of [
    [1_100, ['b', 'd']],
    [1_200, ['d']],
    [1_300, []],
  ] as const) {
    tracker.begin(time);
    while (tracker.moving) tracker.advance(1);
    expect(pending()).toEqual(left);
    expect([...tracker.pendingKeys()]).toHaveLength(left.length);
  }
  for (const { key, operation: o } of operations) {
    const hash = keyHash(key, colliding);
    expect(tree.get(hash), key).toEqual(leafHash(hash, [o], colliding));
  }
});
