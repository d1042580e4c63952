import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  createMerkleTree,
  createTreeLoader,
  decodeProof,
  encodeProof,
  type LeafRef,
  leafHash,
  pathToProof,
  verifyProof,
} from '../../src/core/merkle/index.ts';
import {
  hasher,
  hex,
  referenceChildDigests,
  referenceLeafHash,
  referenceRoot,
  sha256,
  sortLeaves,
  text,
  unhex,
} from '../unit/core/merkle/reference.ts';

/** The tree's bytes, pinned. UPDATE_VECTORS=1 writes the file anew: only for a new version of the protocol. */
const FILE = new URL('merkle.json', import.meta.url);

interface RefText {
  readonly commit: string;
  readonly index: number;
}
interface LeafText {
  readonly key: string;
  readonly refs: readonly RefText[];
  readonly keyHash: string;
  readonly leafHash: string;
}
interface TreeText {
  readonly name: string;
  readonly leaves: readonly LeafText[];
  readonly root: string;
  readonly childDigests: { readonly bitmap: number; readonly digests: string };
  readonly proofs: readonly { readonly key: string; readonly verdict: string; readonly bytes: string }[];
}

interface Input {
  readonly name: string;
  readonly leaves: readonly { readonly key: string; readonly refs: readonly RefText[] }[];
  readonly asked: readonly string[];
}

const commit = (i: number): string => (0x10 + i).toString(16).repeat(32);
const ten = Array.from({ length: 10 }, (_, i) => ({ key: `k${i}`, refs: [{ commit: commit(i), index: i }] }));
const conflict = [
  { commit: commit(2), index: 255 },
  { commit: commit(1), index: 256 },
];
const INPUTS: readonly Input[] = [
  { name: 'no leaf', leaves: [], asked: ['k0'] },
  { name: 'one leaf', leaves: ten.slice(0, 1), asked: ['k0', 'k1'] },
  { name: 'two leaves', leaves: ten.slice(0, 2), asked: ['k0', 'k1', 'k2'] },
  { name: 'ten leaves', leaves: ten, asked: ['k0', 'k9', 'absent', ''] },
  {
    name: 'a leaf with two siblings',
    leaves: [{ key: 'k0', refs: conflict }, ...ten.slice(1, 3)],
    asked: ['k0', 'k3'],
  },
];

const toRefs = (refs: readonly RefText[]): LeafRef[] =>
  refs.map((ref) => ({ commit: unhex(ref.commit), index: ref.index }));

function describeTree({ name, leaves, asked }: Input): TreeText {
  const tree = createMerkleTree(hasher);
  const refsByHash = new Map<string, LeafRef[]>();
  const described = leaves.map(({ key, refs }): LeafText => {
    const keyHash = sha256(text(key));
    const leaf = leafHash(keyHash, toRefs(refs), hasher);
    tree.set(keyHash, leaf);
    refsByHash.set(hex(keyHash), toRefs(refs));
    return { key, refs, keyHash: hex(keyHash), leafHash: hex(leaf) };
  });
  const children = tree.childDigests(new Uint8Array(0), 0);
  return {
    name,
    leaves: described,
    root: hex(tree.root()),
    childDigests: { bitmap: children.bitmap, digests: hex(children.digests) },
    proofs: asked.map((key) => {
      const keyHash = sha256(text(key));
      const path = tree.path(keyHash);
      const proof = pathToProof(
        path,
        path.kind === 'empty' ? [] : (refsByHash.get(hex(path.keyHash)) as LeafRef[]),
        hasher,
      );
      return { key, verdict: String(verifyProof(proof, keyHash, tree.root(), hasher)), bytes: hex(encodeProof(proof)) };
    }),
  };
}

if (process.env['UPDATE_VECTORS'] === '1') {
  writeFileSync(
    FILE,
    `${JSON.stringify({ format: 'diotec360-lattice-merkle/1', trees: INPUTS.map(describeTree) }, null, 2)}\n`,
  );
}
const { trees } = JSON.parse(readFileSync(FILE, 'utf8')) as { trees: readonly TreeText[] };

describe('merkle vectors', () => {
  it('hold the trees they should', () => {
    expect(trees.map(({ name }) => name)).toEqual(INPUTS.map(({ name }) => name));
  });

  it.each(trees.map((tree, i) => [tree.name, tree, INPUTS[i] as Input] as const))(
    '%s: made again byte for byte [T1, T2, T3]',
    (_, tree, input) => {
      expect(describeTree(input)).toEqual(tree);
    },
  );

  it.each(trees.map((tree) => [tree.name, tree] as const))(
    '%s: agrees with the definition [T2, T3, T4, T6]',
    (_, tree) => {
      const leaves = sortLeaves(
        tree.leaves.map(({ key, refs, keyHash }) => {
          expect(hex(sha256(text(key)))).toBe(keyHash);
          return { keyHash: unhex(keyHash), leafHash: referenceLeafHash(unhex(keyHash), toRefs(refs)) };
        }),
      );
      const children = referenceChildDigests(leaves, '');
      expect(hex(referenceRoot(leaves))).toBe(tree.root);
      expect({ bitmap: children.bitmap, digests: hex(children.digests) }).toEqual(tree.childDigests);
      const loader = createTreeLoader(hasher);
      for (const { keyHash, leafHash: leaf } of leaves) loader.add(keyHash, leaf);
      expect(hex(loader.finish().root())).toBe(tree.root);
    },
  );

  it.each(
    trees.flatMap((tree) => tree.proofs.map((proof) => [`${tree.name}, key "${proof.key}"`, tree, proof] as const)),
  )('proof: %s [P1, P3]', (_, tree, { key, verdict, bytes }) => {
    const held = tree.leaves.some((leaf) => leaf.key === key);
    expect(verdict).toBe(held ? 'present' : 'absent');
    expect(verifyProof(decodeProof(unhex(bytes)), sha256(text(key)), unhex(tree.root), hasher)).toBe(verdict);
  });
});
