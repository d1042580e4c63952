import { describe, expect, it } from 'vitest';
import { createMerkleTree, type MerkleTree } from '../../../../src/core/merkle/index.ts';
import type { LeafDigest } from '../../../../src/core/wire/index.ts';
import {
  bitsOf,
  closeKeyHashes,
  hasher,
  hex,
  type Leaf,
  referenceChildDigests,
  referenceUnder,
  sha256,
  someLeaves,
  sortLeaves,
  text,
} from './reference.ts';

function treeOf(leaves: readonly Leaf[]): MerkleTree {
  const tree = createMerkleTree(hasher);
  for (const { keyHash, leafHash } of leaves) tree.set(keyHash, leafHash);
  return tree;
}

const show = (leaves: Iterable<LeafDigest>): string[] =>
  Array.from(leaves, ({ keyHash, digest }) => `${hex(keyHash)} ${hex(digest)}`);
const expected = (leaves: readonly Leaf[]): string[] =>
  leaves.map(({ keyHash, leafHash }) => `${hex(keyHash)} ${hex(leafHash.subarray(0, 16))}`);

/** The first bits of a hash as the descent sends them: whole bytes, the unused low bits zero. */
function prefixOf(hash: Uint8Array, bits: number): Uint8Array {
  const out = hash.slice(0, Math.ceil(bits / 8));
  if (bits % 8 !== 0) out[out.length - 1] = (out.at(-1) as number) & (0xff << (8 - (bits % 8)));
  return out;
}

function check(leaves: readonly Leaf[], probes: readonly Uint8Array[], depths: readonly number[]): void {
  const sorted = sortLeaves(leaves);
  const tree = treeOf(leaves);
  for (const probe of probes) {
    for (const bits of depths) {
      const prefix = prefixOf(probe, bits);
      const under = referenceUnder(sorted, bitsOf(probe).slice(0, bits));
      expect(tree.countUnder(prefix, bits)).toBe(under.length);
      expect(show(tree.leavesUnder(prefix, bits, 10_000))).toEqual(expected(under));
      expect(show(tree.leavesUnder(prefix, bits, 3))).toEqual(expected(under.slice(0, 3)));
      if (bits > 252) continue;
      const found = tree.childDigests(prefix, bits);
      const wanted = referenceChildDigests(sorted, bitsOf(probe).slice(0, bits));
      expect({ bitmap: found.bitmap, digests: hex(found.digests) }).toEqual({
        bitmap: wanted.bitmap,
        digests: hex(wanted.digests),
      });
    }
  }
}

describe('merkle descent', () => {
  it.each([0, 1, 2, 40, 400])('child digests, counts and leaves equal the definition for %i leaves [T6]', (n) => {
    const leaves = someLeaves(n);
    const absent = someLeaves(4, 'other').map(({ keyHash }) => keyHash);
    const held = leaves.slice(0, 6).map(({ keyHash }) => keyHash);
    check(
      leaves,
      [...held, ...absent, new Uint8Array(32), new Uint8Array(32).fill(255)],
      [0, 4, 8, 12, 16, 64, 252, 256],
    );
  });

  it('child digests, counts and leaves equal the definition where key hashes share 250 bits', () => {
    const keys = closeKeyHashes(40, 250);
    const leaves = [...keys.map((keyHash, i) => ({ keyHash, leafHash: sha256(text(`${i}`)) })), ...someLeaves(20)];
    check(
      leaves,
      [keys[0] as Uint8Array, keys[39] as Uint8Array, sha256(text('none'))],
      [0, 4, 8, 128, 244, 248, 252, 256],
    );
  });

  it('child digests follow a change without root() being called', () => {
    const leaves = someLeaves(30);
    const tree = treeOf(leaves);
    const before = hex(tree.childDigests(new Uint8Array(0), 0).digests);
    tree.set((leaves[0] as Leaf).keyHash, sha256(text('changed')));
    expect(hex(tree.childDigests(new Uint8Array(0), 0).digests)).not.toBe(before);
  });

  it('leaves go on after a key hash, held or not, below, inside or above the prefix', () => {
    const leaves = [
      ...someLeaves(200),
      ...closeKeyHashes(30, 250).map((keyHash) => ({ keyHash, leafHash: sha256(keyHash) })),
    ];
    const sorted = sortLeaves(leaves);
    const tree = treeOf(leaves);
    const starts = [
      ...sorted.map(({ keyHash }) => keyHash),
      ...someLeaves(100, 'other').map(({ keyHash }) => keyHash),
      new Uint8Array(32),
      new Uint8Array(32).fill(255),
    ];
    for (const bits of [0, 4, 8]) {
      const at = (sorted[100] as Leaf).keyHash;
      const under = referenceUnder(sorted, bitsOf(at).slice(0, bits));
      expect(under.length).toBeGreaterThan(0);
      for (const after of starts) {
        const wanted = under.filter(({ keyHash }) => Buffer.compare(keyHash, after) > 0);
        expect(show(tree.leavesUnder(prefixOf(at, bits), bits, 1000, after))).toEqual(expected(wanted));
      }
    }
  });

  it('the lazy form gives every leaf once, over many pages, and starts where told', () => {
    const leaves = someLeaves(1500);
    const sorted = sortLeaves(leaves);
    const tree = treeOf(leaves);
    expect(show(tree.eachLeaf(new Uint8Array(0), 0))).toEqual(expected(sorted));
    expect(show(tree.eachLeaf(new Uint8Array(0), 0, (sorted[699] as Leaf).keyHash))).toEqual(
      expected(sorted.slice(700)),
    );
    expect(show(createMerkleTree(hasher).eachLeaf(new Uint8Array(0), 0))).toEqual([]);
  });

  it('the lazy form survives changes between its steps: held keys come once, in order', () => {
    const [held, added] = [someLeaves(1000), someLeaves(1000, 'other')];
    const tree = treeOf(held);
    const seen: string[] = [];
    for (const { keyHash } of tree.eachLeaf(new Uint8Array(0), 0)) {
      seen.push(hex(keyHash));
      const next = added.pop();
      if (next !== undefined) tree.set(next.keyHash, next.leafHash);
    }
    expect(seen).toEqual([...new Set(seen)].toSorted());
    const all = new Set(seen);
    for (const { keyHash } of held) expect(all.has(hex(keyHash))).toBe(true);
  });

  it('refuses prefixes out of bounds', () => {
    const tree = treeOf(someLeaves(3));
    expect(() => tree.childDigests(new Uint8Array(32), 253)).toThrow(RangeError);
    expect(() => tree.childDigests(new Uint8Array(1), 12)).toThrow(RangeError);
    expect(() => tree.countUnder(new Uint8Array(33), 257)).toThrow(RangeError);
    expect(() => tree.leavesUnder(new Uint8Array(4), -1, 5)).toThrow(RangeError);
    expect(() => tree.leavesUnder(new Uint8Array(4), 1.5, 5)).toThrow(RangeError);
  });
});
