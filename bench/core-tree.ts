import { nodeHasher } from '../src/adapters/system/hasher.ts';
import { createMerkleTree, createTreeLoader, encodeProof, leafHash, pathToProof } from '../src/core/merkle/index.ts';
import type { Bytes } from '../src/core/types/index.ts';
import { seconds } from './support/figures.ts';

const BATCH = 100;
const UPDATES = 200_000;
const PROOFS = 1000;

const hasher = nodeHasher();

/** The key hash and the leaf hash of key number `i`, which has one sibling. */
function leaf(i: number, version: number): { key: Bytes; refs: { commit: Bytes; index: number }[]; value: Bytes } {
  const key = hasher.hash(Uint8Array.of(i, i >>> 8, i >>> 16, i >>> 24));
  const commit = new Uint8Array(32);
  new DataView(commit.buffer).setUint32(0, version);
  const refs = [{ commit, index: i & 0xff }];
  return { key, refs, value: leafHash(key, refs, hasher) };
}

function memoryMiB(): number {
  globalThis.gc?.();
  return process.memoryUsage().rss / 2 ** 20;
}

/**
 * Measures the Merkle tree at n leaves: inserts and replacements a second in batches of 100 that are each followed by a
 * root; the time in ms for building it by the loader from leaves in random and in ascending order, root included; the
 * growth of the process in MiB (run node with --expose-gc for a steady figure); and the bytes of a proof.
 */
export async function treeFigures(n: number): Promise<Record<string, number>> {
  const keys = new Uint8Array(n * 32);
  const values = new Uint8Array(n * 32);
  for (let i = 0; i < n; i++) {
    const { key, value } = leaf(i, 1);
    keys.set(key, i * 32);
    values.set(value, i * 32);
  }
  const keyAt = (i: number): Bytes => keys.subarray(i * 32, i * 32 + 32);
  const valueAt = (i: number): Bytes => values.subarray(i * 32, i * 32 + 32);

  const before = memoryMiB();
  const tree = createMerkleTree(hasher);
  const insert = seconds(() => {
    for (let i = 0; i < n; i++) {
      tree.set(keyAt(i), valueAt(i));
      if (i % BATCH === BATCH - 1) tree.root();
    }
    tree.root();
  });
  const peak = memoryMiB() - before;

  // A multiplier that is coprime to n visits every key in another order than the first. Each key gets the next value.
  const update = seconds(() => {
    for (let i = 0; i < UPDATES; i++) {
      const at = (i * 7919) % n;
      tree.set(keyAt(at), valueAt((at + 1) % n));
      if (i % BATCH === BATCH - 1) tree.root();
    }
  });

  const build = (order: (i: number) => number): number =>
    seconds(() => {
      const loader = createTreeLoader(hasher, { capacity: n });
      for (let i = 0; i < n; i++) loader.add(keyAt(order(i)), valueAt(order(i)));
      loader.finish().root();
    });
  const loadRandom = build((i) => i);
  const view = new DataView(keys.buffer);
  const ascending = Uint32Array.from({ length: n }, (_, i) => i).sort(
    (a, b) => view.getUint32(a * 32) - view.getUint32(b * 32) || Buffer.compare(keyAt(a), keyAt(b)),
  );
  const loadSorted = build((i) => ascending[i] as number);

  const loader = createTreeLoader(hasher, { capacity: n });
  for (let i = 0; i < n; i++) loader.add(keyAt(i), valueAt(i));
  const loaded = loader.finish();
  let total = 0;
  let largest = 0;
  const prove = seconds(() => {
    for (let i = 0; i < PROOFS; i++) {
      const { key, refs } = leaf((i * 7919) % n, 1);
      const { length } = encodeProof(pathToProof(loaded.path(key), refs, hasher));
      total += length;
      largest = Math.max(largest, length);
    }
  });
  let digests = 0;
  const descend = seconds(() => {
    for (let i = 0; i < 4096; i++) {
      digests += loaded.childDigests(Uint8Array.of(i >>> 4, (i & 15) << 4), 12).digests.length / 16;
    }
  });
  return {
    leaves: n,
    insert_per_s: Math.round(n / insert),
    update_per_s: Math.round(UPDATES / update),
    load_random_ms: Math.round(loadRandom * 1000),
    load_ascending_ms: Math.round(loadSorted * 1000),
    rss_growth_mib: Math.round(peak),
    proof_mean_bytes: Math.round(total / PROOFS),
    proof_max_bytes: largest,
    proofs_per_s: Math.round(PROOFS / prove),
    child_digests_per_s: Math.round(4096 / descend),
    digests_per_s: Math.round(digests / descend),
  };
}
