import { describe, expect, it } from 'vitest';
import { createMerkleTree, emptyRoot } from '../../../../src/core/merkle/index.ts';
import {
  hasher,
  hex,
  type Leaf,
  referenceRoot,
  referenceUnder,
  seeded,
  shuffled,
  someLeaves,
  sortLeaves,
} from './reference.ts';

const NO_HASH = '00'.repeat(32);

/** Subtree hashes as their definition says. */
function referenceSubtrees(sorted: readonly Leaf[], bits: number): string[] {
  return Array.from({ length: 2 ** bits }, (_, i) => {
    const under = referenceUnder(sorted, bits === 0 ? '' : i.toString(2).padStart(bits, '0'));
    return under.length === 0 ? NO_HASH : hex(referenceRoot(under));
  });
}

const pieces = (bytes: Uint8Array): string[] =>
  Array.from({ length: bytes.length / 32 }, (_, i) => hex(bytes.subarray(32 * i, 32 * i + 32)));

describe('merkle tree: removal', () => {
  it('a tree from which leaves were taken out is the tree of the rest, whatever the order, and grows on [T5]', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = seeded(seed);
      const leaves = someLeaves(1 + (seed % 30), String(seed));
      const tree = createMerkleTree(hasher, { capacity: 1 });
      const held = new Map<string, Leaf>();
      const before = new Uint8Array(32);
      const add = (leaf: Leaf): void => {
        tree.set(leaf.keyHash, leaf.leafHash);
        held.set(hex(leaf.keyHash), leaf);
      };
      for (const leaf of leaves) add(leaf);
      for (const leaf of shuffled(leaves, random)) {
        expect(tree.remove(leaf.keyHash, before)).toBe(true);
        expect(hex(before)).toBe(hex(leaf.leafHash));
        held.delete(hex(leaf.keyHash));
        const rest = sortLeaves([...held.values()]);
        expect(tree.size).toBe(rest.length);
        expect(hex(tree.root())).toBe(hex(referenceRoot(rest)));
        expect(tree.leavesUnder(new Uint8Array(0), 0, 1000).map((l) => hex(l.keyHash))).toEqual(
          rest.map((l) => hex(l.keyHash)),
        );
        expect(pieces(tree.subtreeHashes(3))).toEqual(referenceSubtrees(rest, 3));
        for (let nibble = 0; nibble < 16; nibble++) {
          const under = referenceUnder(rest, nibble.toString(2).padStart(4, '0'));
          expect(tree.countUnder(Uint8Array.of(nibble << 4), 4)).toBe(under.length);
        }
        // Now and then something comes back, also while numbers are being given away.
        if (random(10) < 3) add(leaves[random(leaves.length)] as Leaf);
      }
    }
  });

  it('what is not there is not taken out, and the last one leaves the empty tree [T4]', () => {
    const [a, b] = someLeaves(2) as unknown as [Leaf, Leaf];
    const tree = createMerkleTree(hasher);
    expect(tree.remove(a.keyHash, new Uint8Array(32))).toBe(false);
    tree.set(a.keyHash, a.leafHash);
    expect(tree.remove(b.keyHash, new Uint8Array(32))).toBe(false);
    expect(tree.remove(a.keyHash, new Uint8Array(32))).toBe(true);
    expect(hex(tree.root())).toBe(hex(emptyRoot(hasher)));
    expect(tree.get(a.keyHash)).toBeUndefined();
    tree.set(b.keyHash, b.leafHash);
    expect(hex(tree.root())).toBe(hex(b.leafHash));
  });
});

describe('merkle tree: subtree hashes', () => {
  it('name for every prefix the node that covers exactly the leaves under it', () => {
    for (const [count, bits] of [
      [0, 2],
      [1, 4],
      [3, 0],
      [40, 1],
      [40, 5],
      [300, 9],
    ] as const) {
      const sorted = sortLeaves(someLeaves(count, `key${bits}`));
      const tree = createMerkleTree(hasher);
      for (const { keyHash, leafHash } of sorted) tree.set(keyHash, leafHash);
      expect(pieces(tree.subtreeHashes(bits))).toEqual(referenceSubtrees(sorted, bits));
    }
    expect(() => createMerkleTree(hasher).subtreeHashes(17)).toThrow(RangeError);
  });
});
