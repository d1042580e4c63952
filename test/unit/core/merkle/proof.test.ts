import { describe, expect, it } from 'vitest';
import {
  createMerkleTree,
  createTreeLoader,
  decodeProof,
  encodeProof,
  type LeafRef,
  type MerkleProof,
  type MerkleTree,
  pathToProof,
  verifyProof,
} from '../../../../src/core/merkle/index.ts';
import { LatticeError } from '../../../../src/core/types/index.ts';
import {
  bitsOf,
  closeKeyHashes,
  hasher,
  hex,
  type Leaf,
  referenceLeafHash,
  sha256,
  someLeaves,
  sortLeaves,
  text,
} from './reference.ts';

type RefLeaf = Leaf & { readonly refs: readonly LeafRef[] };
type LeafProof = Extract<MerkleProof, { kind: 'leaf' }>;

const malformed = expect.objectContaining({ code: 'malformed' });

function world(leaves: readonly RefLeaf[]): {
  tree: MerkleTree;
  root: Uint8Array;
  prove: (keyHash: Uint8Array) => MerkleProof;
} {
  const tree = createMerkleTree(hasher);
  const refs = new Map<string, readonly LeafRef[]>();
  for (const leaf of leaves) {
    tree.set(leaf.keyHash, leaf.leafHash);
    refs.set(hex(leaf.keyHash), leaf.refs);
  }
  return {
    tree,
    root: tree.root(),
    prove(keyHash) {
      const path = tree.path(keyHash);
      return pathToProof(path, path.kind === 'empty' ? [] : (refs.get(hex(path.keyHash)) ?? []), hasher);
    },
  };
}

function leafProof(proof: MerkleProof): LeafProof {
  if (proof.kind === 'empty') throw new Error('expected a leaf');
  return proof;
}

/**
 * Recomputes the root as a verifier does, with the hash of an inner node left open: for verifiers that forget a rule.
 */
function laxRoot(leafHash: Uint8Array, proof: Pick<LeafProof, 'keyHash' | 'steps'>, withBit: boolean): Uint8Array {
  return proof.steps.reduce((hash, { bit, sibling }) => {
    const head = withBit ? Uint8Array.of(1, bit >> 8, bit & 255) : Uint8Array.of(1);
    return bitsOf(proof.keyHash)[bit] === '0' ? sha256(head, hash, sibling) : sha256(head, sibling, hash);
  }, leafHash);
}

describe('merkle proofs', () => {
  it.each([1, 2, 3, 50, 1000])('every held key is proven present and every other absent among %i leaves [P3]', (n) => {
    const leaves = someLeaves(n);
    const { root, prove } = world(leaves);
    for (const { keyHash, refs } of leaves.slice(0, 100)) {
      const proof = decodeProof(encodeProof(prove(keyHash)));
      expect(verifyProof(proof, keyHash, root, hasher)).toBe('present');
      expect(leafProof(proof).refs).toEqual(refs);
    }
    for (const { keyHash } of someLeaves(100, 'other')) {
      const proof = decodeProof(encodeProof(prove(keyHash)));
      expect(verifyProof(proof, keyHash, root, hasher)).toBe('absent');
    }
  });

  it('the empty tree proves every key absent, and only against the empty root [P4]', () => {
    const { root, prove } = world([]);
    const keyHash = sha256(text('a'));
    const proof = decodeProof(encodeProof(prove(keyHash)));
    expect(proof).toEqual({ kind: 'empty' });
    expect(verifyProof(proof, keyHash, root, hasher)).toBe('absent');
    expect(verifyProof(proof, keyHash, world(someLeaves(1)).root, hasher)).toBe(false);
  });

  it('a leaf with several siblings is proven with all of them, in leaf order [P2]', () => {
    const keyHash = sha256(text('conflict'));
    const refs = [3, 1, 2].map((i) => ({ commit: new Uint8Array(32).fill(i), index: i }));
    const leaf = { keyHash, refs, leafHash: referenceLeafHash(keyHash, refs) };
    const { root, prove } = world([leaf, ...someLeaves(10)]);
    const proof = leafProof(decodeProof(encodeProof(prove(keyHash))));
    expect(verifyProof(proof, keyHash, root, hasher)).toBe('present');
    expect(proof.refs.map(({ index }) => index)).toEqual([1, 2, 3]);
    expect(verifyProof({ ...proof, refs: proof.refs.slice(0, 2) }, keyHash, root, hasher)).toBe(false);
    expect(verifyProof({ ...proof, refs: proof.refs.toReversed() }, keyHash, root, hasher)).toBe(false);
  });

  it('proves among key hashes that share 250 bits', () => {
    const [held, others] = [closeKeyHashes(64, 250).slice(0, 40), closeKeyHashes(64, 250).slice(40)];
    const leaves = held.map((keyHash) => {
      const refs = [{ commit: sha256(keyHash), index: 0 }];
      return { keyHash, refs, leafHash: referenceLeafHash(keyHash, refs) };
    });
    const { root, prove } = world(leaves);
    for (const keyHash of held) expect(verifyProof(prove(keyHash), keyHash, root, hasher)).toBe('present');
    for (const keyHash of others) expect(verifyProof(prove(keyHash), keyHash, root, hasher)).toBe('absent');
  });

  it('a proof shows nothing against another root, nor about hashes of another length [P3]', () => {
    const leaves = someLeaves(20);
    const { tree, root, prove } = world(leaves);
    const [leaf] = leaves as [RefLeaf];
    const proof = prove(leaf.keyHash);
    tree.set((leaves[9] as RefLeaf).keyHash, sha256(text('changed')));
    expect(verifyProof(proof, leaf.keyHash, tree.root(), hasher)).toBe(false);
    expect(verifyProof(proof, leaf.keyHash.subarray(1), root, hasher)).toBe(false);
    expect(verifyProof(proof, leaf.keyHash, root.subarray(1), hasher)).toBe(false);
  });

  it('siblings that are not those of the leaf in the tree make no proof', () => {
    const [a, b] = someLeaves(2) as [RefLeaf, RefLeaf];
    const { tree } = world([a, b]);
    expect(() => pathToProof(tree.path(a.keyHash), b.refs, hasher)).toThrow(expect.objectContaining({ code: 'stale' }));
    expect(() => pathToProof(tree.path(a.keyHash), [], hasher)).toThrow(malformed);
  });

  it('every change of one byte of an encoded proof makes it fail [P1, P3]', () => {
    const { root, prove } = world(someLeaves(200));
    for (const keyHash of [sha256(text('key/7')), sha256(text('nobody'))]) {
      const good = encodeProof(prove(keyHash));
      expect(verifyProof(decodeProof(good), keyHash, root, hasher)).not.toBe(false);
      for (let at = 0; at < good.length; at++) {
        for (const change of [0x01, 0x10, 0x80, 0xff]) {
          const bad = good.slice();
          bad[at] = (bad[at] as number) ^ change;
          let verdict: unknown = false;
          try {
            verdict = verifyProof(decodeProof(bad), keyHash, root, hasher);
          } catch (error) {
            expect(error).toBeInstanceOf(LatticeError);
          }
          expect(verdict).toBe(false);
        }
      }
    }
  });

  it('bytes that are not exactly one proof are malformed [P2]', () => {
    const { prove } = world(someLeaves(30));
    const good = encodeProof(prove(sha256(text('key/3'))));
    for (let end = 0; end < good.length; end++) expect(() => decodeProof(good.subarray(0, end))).toThrow(malformed);
    expect(() => decodeProof(new Uint8Array([...good, 0]))).toThrow(malformed);
    expect(() => decodeProof(Uint8Array.of(1, 0, 0))).toThrow(malformed);
    // A view into a larger buffer decodes like bytes of its own.
    const framed = new Uint8Array([9, 9, 9, ...good, 9]);
    expect(encodeProof(decodeProof(framed.subarray(3, 3 + good.length)))).toEqual(good);
  });

  it('a proof with misshapen parts verifies as nothing and is not encoded [P2]', () => {
    const { root, prove } = world(someLeaves(30));
    const keyHash = sha256(text('key/3'));
    const proof = leafProof(prove(keyHash));
    const [step, ...rest] = proof.steps as [LeafProof['steps'][number], ...LeafProof['steps']];
    const [ref] = proof.refs as [LeafRef];
    const broken: LeafProof[] = [
      { ...proof, keyHash: keyHash.subarray(1) },
      { ...proof, refs: [] },
      { ...proof, refs: [ref, ref] },
      { ...proof, refs: [{ ...ref, index: -1 }] },
      { ...proof, refs: [{ ...ref, commit: new Uint8Array(31) }] },
      { ...proof, steps: [{ ...step, bit: 256 }, ...rest] },
      { ...proof, steps: [{ ...step, bit: 0.5 }, ...rest] },
      { ...proof, steps: [{ ...step, sibling: new Uint8Array(33) }, ...rest] },
      { ...proof, steps: [step, step, ...rest] },
      { ...proof, steps: proof.steps.toReversed() },
    ];
    for (const bad of broken) {
      expect(verifyProof(bad, keyHash, root, hasher)).toBe(false);
      expect(() => encodeProof(bad)).toThrow(malformed);
    }
  });

  it("forgery: another leaf's path proves a held key absent to a verifier that forgets the asked key's bits, not to ours [P3]", () => {
    const leaves = someLeaves(200);
    const { root, prove } = world(leaves);
    const victim = (leaves[0] as RefLeaf).keyHash;
    let fooled = 0;
    for (const other of leaves.slice(1)) {
      const proof = leafProof(prove(other.keyHash));
      if (hex(laxRoot(other.leafHash, proof, true)) === hex(root)) fooled++;
      expect(verifyProof(proof, victim, root, hasher)).toBe(false);
    }
    expect(fooled).toBe(199);
  });

  it('forgery: without the branch bit in the node hash, bits can be relabelled to prove a held key absent; ours refuses [T3, P3]', () => {
    const leaves = sortLeaves(someLeaves(201)).map((leaf) => leaf as RefLeaf);
    const { root, prove } = world(leaves);
    const victim = (leaves[100] as RefLeaf).keyHash;
    let fooled = 0;
    for (const other of leaves.filter(({ keyHash }) => keyHash !== victim)) {
      const proof = leafProof(prove(other.keyHash));
      const [reached, asked] = [bitsOf(other.keyHash), bitsOf(victim)];
      // From the root down: the next bit in which both keys go the way that the path went.
      let from = 0;
      const forged = proof.steps.toReversed().map(({ bit, sibling }) => {
        while (from < 256 && !(reached[from] === reached[bit] && asked[from] === reached[bit])) from++;
        return { bit: from++, sibling };
      });
      const relabelled = { ...proof, steps: forged.toReversed() };
      expect(relabelled.steps.every(({ bit }) => bit < 256 && reached[bit] === asked[bit])).toBe(true);
      // Every other rule of ours holds, and the root of a tree without bits in its hashes would be met.
      if (hex(laxRoot(other.leafHash, relabelled, false)) === hex(laxRoot(other.leafHash, proof, false))) fooled++;
      expect(verifyProof(relabelled, victim, root, hasher)).toBe(false);
    }
    expect(fooled).toBe(200);
  });

  it('forgery: with the bare leaf hash, a held key under a changed key hash proves its own absence; ours refuses [P1, P3]', () => {
    const leaves = someLeaves(200);
    const { root, prove } = world(leaves);
    let fooled = 0;
    for (const leaf of leaves) {
      const proof = leafProof(prove(leaf.keyHash));
      const keyHash = leaf.keyHash.slice();
      // The last bit is no branch bit among 200 random key hashes.
      keyHash[31] = (keyHash[31] as number) ^ 1;
      const forged = { ...proof, keyHash };
      if (hex(laxRoot(leaf.leafHash, forged, true)) === hex(root)) fooled++;
      expect(verifyProof(forged, leaf.keyHash, root, hasher)).toBe(false);
    }
    expect(fooled).toBe(200);
  });

  it('proof size: at most 1 KiB among 100,000 leaves', () => {
    const leaves = someLeaves(100_000);
    const loader = createTreeLoader(hasher, { capacity: leaves.length });
    for (const { keyHash, leafHash } of leaves) loader.add(keyHash, leafHash);
    const tree = loader.finish();
    const sizes = leaves
      .slice(0, 2000)
      .map(({ keyHash, refs }) => encodeProof(pathToProof(tree.path(keyHash), refs, hasher)).length);
    const mean = sizes.reduce((a, b) => a + b, 0) / sizes.length;
    console.info(`proof bytes among 100,000 leaves: mean ${mean.toFixed(0)}, largest of 2,000 ${Math.max(...sizes)}`);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1024);
  });
});
