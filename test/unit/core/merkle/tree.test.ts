import { describe, expect, it } from 'vitest';
import {
  createMerkleTree,
  createTreeLoader,
  emptyRoot,
  leafHash,
  type MerkleTree,
} from '../../../../src/core/merkle/index.ts';
import {
  closeKeyHashes,
  hasher,
  hex,
  type Leaf,
  referenceLeafHash,
  referenceRoot,
  seeded,
  sha256,
  shuffled,
  someLeaves,
  sortLeaves,
  text,
} from './reference.ts';

function insertAll(leaves: readonly Leaf[]): MerkleTree {
  const tree = createMerkleTree(hasher, { capacity: 1 });
  for (const { keyHash, leafHash } of leaves) tree.set(keyHash, leafHash);
  return tree;
}

function loadAll(leaves: readonly Leaf[]): MerkleTree {
  const loader = createTreeLoader(hasher, { capacity: 1 });
  for (const { keyHash, leafHash } of leaves) loader.add(keyHash, leafHash);
  return loader.finish();
}

describe('merkle tree', () => {
  it('leaf hash: siblings count in the order of commit id and index, whatever order they come in [T2]', () => {
    const keyHash = sha256(text('a'));
    const [low, high] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(9)];
    const refs = [
      { commit: high, index: 0 },
      { commit: low, index: 300 },
      { commit: low, index: 7 },
    ];
    expect(hex(leafHash(keyHash, refs, hasher))).toBe(hex(referenceLeafHash(keyHash, refs)));
    expect(hex(leafHash(keyHash, refs.toReversed(), hasher))).toBe(hex(referenceLeafHash(keyHash, refs)));
  });

  it('leaf hash: refuses none, a repeated, a misshapen sibling and a key hash of another length [T2]', () => {
    const keyHash = sha256(text('a'));
    const ref = { commit: new Uint8Array(32), index: 0 };
    const malformed = expect.objectContaining({ code: 'malformed' });
    expect(() => leafHash(keyHash, [], hasher)).toThrow(malformed);
    expect(() => leafHash(keyHash, [ref, { ...ref }], hasher)).toThrow(malformed);
    expect(() => leafHash(keyHash, [{ commit: new Uint8Array(31), index: 0 }], hasher)).toThrow(malformed);
    expect(() => leafHash(keyHash, [{ ...ref, index: 65_536 }], hasher)).toThrow(malformed);
    expect(() =>
      leafHash(
        keyHash,
        Array.from({ length: 257 }, (_, index) => ({ ...ref, index })),
        hasher,
      ),
    ).toThrow(malformed);
    expect(() => leafHash(keyHash.subarray(1), [ref], hasher)).toThrow(RangeError);
  });

  it.each([0, 1, 2, 3, 17, 256, 2000])('root: equals the definition for %i leaves in random order [T3]', (n) => {
    const leaves = someLeaves(n);
    const expected = hex(referenceRoot(sortLeaves(leaves)));
    const inserted = insertAll(shuffled(leaves, seeded(n + 1)));
    expect(hex(inserted.root())).toBe(expected);
    expect(inserted.size).toBe(n);
    expect(hex(loadAll(shuffled(leaves, seeded(n + 2))).root())).toBe(expected);
    expect(hex(loadAll(sortLeaves(leaves)).root())).toBe(expected);
  });

  it('root: equals the definition after every one of many inserts and replacements', () => {
    const pick = seeded(42);
    const keys = someLeaves(60).map(({ keyHash }) => keyHash);
    const tree = createMerkleTree(hasher, { capacity: 1 });
    const held = new Map<string, Leaf>();
    for (let i = 0; i < 400; i++) {
      const leaf = { keyHash: keys[pick(keys.length)] as Uint8Array, leafHash: sha256(text(`version ${pick(300)}`)) };
      tree.set(leaf.keyHash, leaf.leafHash);
      held.set(hex(leaf.keyHash), leaf);
      // Some changes are left to pile up, so that several share one computation.
      if (pick(3) === 0) expect(hex(tree.root())).toBe(hex(referenceRoot(sortLeaves([...held.values()]))));
    }
    expect(hex(tree.root())).toBe(hex(referenceRoot(sortLeaves([...held.values()]))));
    expect(tree.size).toBe(held.size);
    for (const { keyHash, leafHash } of held.values()) expect(hex(tree.get(keyHash) as Uint8Array)).toBe(hex(leafHash));
  });

  it('root: is independent of the order of insertion and of roots asked for meanwhile [T5]', () => {
    const leaves = someLeaves(300);
    const roots = new Set(
      [1, 2, 3, 4].map((seed) => {
        const tree = createMerkleTree(hasher);
        for (const { keyHash, leafHash } of shuffled(leaves, seeded(seed))) {
          tree.set(keyHash, leafHash);
          if (seed % 2 === 0) tree.root();
        }
        return hex(tree.root());
      }),
    );
    expect(roots.size).toBe(1);
  });

  it('root: a changed leaf hash changes it, and putting it back restores it', () => {
    const leaves = someLeaves(50);
    const tree = insertAll(leaves);
    const before = hex(tree.root());
    const leaf = leaves[20] as Leaf;
    tree.set(leaf.keyHash, sha256(text('other')));
    expect(hex(tree.root())).not.toBe(before);
    tree.set(leaf.keyHash, leaf.leafHash);
    expect(hex(tree.root())).toBe(before);
    expect(tree.size).toBe(50);
  });

  it('root: the empty one is H(0x02), and that of one leaf is the leaf [T4]', () => {
    const tree = createMerkleTree(hasher);
    expect(hex(tree.root())).toBe(hex(sha256(Uint8Array.of(2))));
    expect(hex(emptyRoot(hasher))).toBe(hex(sha256(Uint8Array.of(2))));
    const leaf = someLeaves(1)[0] as Leaf;
    tree.set(leaf.keyHash, leaf.leafHash);
    expect(hex(tree.root())).toBe(hex(leaf.leafHash));
  });

  it('root: equals the definition for key hashes that share 250 bits, and for a chain of 257 depths [T3, T5]', () => {
    const close = closeKeyHashes(64, 250).map((keyHash, i) => ({ keyHash, leafHash: sha256(text(`leaf ${i}`)) }));
    // Each key hash leaves the first one at another bit: the deepest trie there is.
    const first = sha256(text('close'));
    const chain = Array.from({ length: 257 }, (_, i) => {
      const keyHash = first.slice();
      if (i < 256) keyHash[i >>> 3] = (keyHash[i >>> 3] as number) ^ (0x80 >>> (i & 7));
      return { keyHash, leafHash: sha256(text(`chain ${i}`)) };
    });
    for (const leaves of [close, chain]) {
      const expected = hex(referenceRoot(sortLeaves(leaves)));
      for (const seed of [5, 6, 7]) {
        const mixed = shuffled(leaves, seeded(seed));
        expect(hex(insertAll(mixed).root())).toBe(expected);
        expect(hex(loadAll(mixed).root())).toBe(expected);
      }
    }
  });

  it('get: knows the keys it holds and no others', () => {
    const leaves = someLeaves(100);
    const tree = loadAll(leaves);
    for (const { keyHash, leafHash } of leaves) expect(hex(tree.get(keyHash) as Uint8Array)).toBe(hex(leafHash));
    for (const { keyHash } of someLeaves(100, 'other')) expect(tree.get(keyHash)).toBeUndefined();
    expect(createMerkleTree(hasher).get(sha256(text('a')))).toBeUndefined();
  });

  it('set: says whether there was a leaf, and what its hash was', () => {
    const leaves = someLeaves(50);
    const tree = createMerkleTree(hasher, { capacity: 1 });
    const before = new Uint8Array(32);
    for (const { keyHash, leafHash } of leaves) expect(tree.set(keyHash, leafHash, before)).toBe(false);
    expect(hex(before)).toBe('00'.repeat(32));
    for (const { keyHash, leafHash } of leaves) {
      expect(tree.set(keyHash, keyHash, before)).toBe(true);
      expect(hex(before)).toBe(hex(leafHash));
    }
  });

  it('owns its bytes: neither what was given nor what was returned reaches into it', () => {
    const leaf = someLeaves(1)[0] as Leaf;
    const tree = createMerkleTree(hasher);
    const [key, value] = [leaf.keyHash.slice(), leaf.leafHash.slice()];
    tree.set(key, value);
    key.fill(0);
    value.fill(0);
    tree.root().fill(0);
    (tree.get(leaf.keyHash) as Uint8Array).fill(0);
    expect(hex(tree.root())).toBe(hex(leaf.leafHash));
    const empty = createMerkleTree(hasher);
    empty.root().fill(0);
    expect(hex(empty.root())).toBe(hex(emptyRoot(hasher)));
  });

  it.each([1, 2, 3, 4, 5, 6])(
    'loader: a tree loaded in random order (%i) goes on like one inserted, counts included',
    (seed) => {
      const leaves = shuffled(someLeaves(120), seeded(seed));
      const old = leaves.slice(0, 80).map(({ keyHash }) => ({ keyHash, leafHash: sha256(keyHash) }));
      const tree = loadAll(old);
      for (const { keyHash, leafHash } of leaves) tree.set(keyHash, leafHash);
      expect(hex(tree.root())).toBe(hex(referenceRoot(sortLeaves(leaves))));
      expect(tree.size).toBe(120);
      expect(tree.countUnder(new Uint8Array(0), 0)).toBe(120);
    },
  );

  it('loader: refuses a key hash that comes twice, in order or not, and use after finish', () => {
    const leaves = someLeaves(20);
    const malformed = expect.objectContaining({ code: 'malformed' });
    expect(() => loadAll([...leaves, leaves[3] as Leaf])).toThrow(malformed);
    const sorted = sortLeaves(leaves);
    expect(() => loadAll([...sorted, sorted.at(-1) as Leaf])).toThrow(malformed);
    const loader = createTreeLoader(hasher);
    loader.finish();
    expect(() => loader.finish()).toThrow('finished');
    expect(() => loader.add(sha256(text('a')), sha256(text('b')))).toThrow('finished');
  });

  it('refuses hashes of another length', () => {
    const tree = createMerkleTree(hasher);
    const good = sha256(text('a'));
    for (const bad of [good.subarray(1), new Uint8Array(33)]) {
      expect(() => tree.set(bad, good)).toThrow(RangeError);
      expect(() => tree.set(good, bad)).toThrow(RangeError);
      expect(() => tree.get(bad)).toThrow(RangeError);
      expect(() => tree.path(bad)).toThrow(RangeError);
      expect(() => createTreeLoader(hasher).add(good, bad)).toThrow(RangeError);
    }
    expect(tree.size).toBe(0);
  });
});
