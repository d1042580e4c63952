import { createSigner } from '../../../../src/adapters/system/index.ts';
import { createChunkCheck, manifestToPlan, type SnapshotPlan } from '../../../../src/core/snapshot/index.ts';
import { type Author, type Bytes, concatBytes, type Entry } from '../../../../src/core/types/index.ts';
import {
  type ChunkPart,
  createSignedAttestation,
  encodeCertificate,
  encodeEntry,
  type Manifest,
  PART_LEAF_BYTES,
  trustHash,
} from '../../../../src/core/wire/index.ts';
import { createTestReplica, hasher, type TestReplica } from '../replica/support.ts';

export const T = 1_700_000_000_000;
const NETWORK = 'test/replica';
/** The cut: everything below is written before it. */
export const AT = T + 1_000_000;

/** A state of `keys` keys by three authors, some with several siblings, some deleted. */
export function someState(keys: number): TestReplica {
  const [a, b, c] = [createTestReplica(1), createTestReplica(2), createTestReplica(3)];
  const name = (n: number): string => `key/${n}`;
  let now = T;
  for (let first = 0; first < keys; first += 100) {
    const operations = Array.from({ length: Math.min(100, keys - first) }, (_, i) => ({
      kind: 'put' as const,
      key: name(first + i),
      value: first + i,
    }));
    a.step({ writes: [{ operations }] }, ++now);
  }
  const from = (r: TestReplica, n: number, value: number) => r.put(name(n), value, ++now);
  for (let n = 0; n < keys; n += 7) a.step({ fragments: [from(b, n, -n)] }, now);
  for (let n = 0; n < keys; n += 21) a.step({ fragments: [from(c, n, n)] }, now);
  for (let n = 5; n < keys; n += 11) a.del(name(n), ++now);
  return a;
}

/** Keys that sign certificates in tests. */
const signers = [11, 12, 13].map((id) => createSigner(new Uint8Array(32).fill(id)));
const trusted: readonly Author[] = signers.map(({ author }) => author);

export function certificateOf(root: Bytes, entries: number, at = AT): Bytes {
  const claim = { network: NETWORK, at, root, entries, trustHash: trustHash(trusted, hasher) };
  const signed = signers
    .map((signer) => ({
      author: signer.author,
      signature: createSignedAttestation({ ...claim, author: signer.author }, (m) => signer.sign(m)).signature,
    }))
    .sort((x, y) => (x.author < y.author ? -1 : 1));
  return encodeCertificate({ ...claim, signers: signed });
}

export function planOf(state: TestReplica, bits: number): SnapshotPlan {
  return manifestToPlan(manifestOf(state, bits), hasher);
}

export function manifestOf({ replica }: TestReplica, bits: number): Manifest {
  const { tree } = replica;
  return { type: 'manifest', certificate: certificateOf(tree.root(), tree.size), hashes: tree.subtreeHashes(bits) };
}

/** What a part says of each key, in order: its entry, or its leaf alone. */
export type Item = { readonly keyHash: Bytes } & ({ readonly entry: Bytes } | { readonly leaf: Bytes });

/** The items of a chunk; every key whose number `byLeaf` picks by its leaf alone. */
export function itemsOf(
  state: TestReplica,
  bits: number,
  index: number,
  byLeaf: (n: number) => boolean = () => false,
): Item[] {
  const prefix = new Uint8Array(2);
  prefix[0] = (index << (16 - bits)) >> 8;
  prefix[1] = (index << (16 - bits)) & 0xff;
  return Array.from(state.replica.tree.eachLeaf(prefix, bits), ({ keyHash }, n): Item => {
    const leaf = state.replica.tree.get(keyHash) as Bytes;
    return byLeaf(n) ? { keyHash, leaf } : { keyHash, entry: encodeEntry(state.entryByHash(keyHash) as Entry) };
  });
}

/** The items in parts of at most `size` each. */
export function partsOf(items: readonly Item[], size = items.length): ChunkPart[] {
  const parts: ChunkPart[] = [];
  for (let at = 0; at < items.length || at === 0; at += Math.max(1, size)) {
    const some = items.slice(at, at + size);
    parts.push({
      type: 'part',
      next: at + size < items.length ? (some.at(-1) as Item).keyHash : new Uint8Array(0),
      entries: some.flatMap((item) => ('entry' in item ? [item.entry] : [])),
      leaves: concatBytes(...some.flatMap((item) => ('leaf' in item ? [item.keyHash, item.leaf] : []))),
    });
  }
  return parts;
}

export const LEAF_BYTES = PART_LEAF_BYTES;

export function check(
  plan: SnapshotPlan,
  index: number,
  parts: readonly ChunkPart[],
  isTrusted: (author: Author) => boolean = () => true,
) {
  const checking = createChunkCheck({ plan, index, network: NETWORK, isTrusted, hasher });
  let next: Bytes | undefined = new Uint8Array(0);
  for (const part of parts) {
    if (next === undefined) throw new Error('a part after the last');
    next = checking.add(part);
  }
  return checking.finish();
}
