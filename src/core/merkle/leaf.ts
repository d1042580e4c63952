import { type Bytes, compareBytes, type Hasher, LatticeError, MAX_SIBLINGS } from '../types/index.ts';

/** Bytes of every hash of the tree, which is SHA-256. */
export const HASH_BYTES = 32;
/** Bits of a key hash. Every branch bit is below it, and no path has more steps. */
export const KEY_BITS = 256;
/** Bytes of one sibling in a leaf: commit id ‖ u16 BE operation index. */
export const REF_BYTES = HASH_BYTES + 2;
/** Most siblings in one leaf. */
export const MAX_REFS = MAX_SIBLINGS;

const LEAF_TAG = 0x00;
const EMPTY_TAG = 0x02;

/**
 * The input of the hash of a leaf with one sibling, as most leaves have. It is allocated once and filled anew each
 * time.
 */
const SINGLE = new Uint8Array(1 + HASH_BYTES + REF_BYTES);

/**
 * What a leaf says of one sibling: its commit id (32 bytes) and its index in that commit (0…65535). A Sibling is a
 * LeafRef.
 */
export interface LeafRef {
  readonly commit: Bytes;
  readonly index: number;
}

/** Order of siblings inside a leaf: commit id, then index. */
export function compareRefs(a: LeafRef, b: LeafRef): number {
  return compareBytes(a.commit, b.commit) || a.index - b.index;
}

/**
 * Writes commit id ‖ u16 BE index of each ref to `out` from `offset` on, in the order given; returns the offset after
 * them.
 */
export function writeRefs(refs: readonly LeafRef[], out: Bytes, offset: number): number {
  let at = offset;
  for (const { commit, index } of refs) {
    out.set(commit, at);
    out[at + HASH_BYTES] = index >>> 8;
    out[at + HASH_BYTES + 1] = index & 0xff;
    at += REF_BYTES;
  }
  return at;
}

/**
 * The refs in leaf order. Throws LatticeError `malformed` unless there are one to MAX_REFS of them, each well-formed
 * and each once, because a leaf of other refs could not be proven to anybody.
 */
export function sortRefs(refs: readonly LeafRef[]): readonly LeafRef[] {
  if (refs.length === 0 || refs.length > MAX_REFS) {
    throw new LatticeError('malformed', `A leaf has 1 to ${MAX_REFS} siblings, not ${refs.length}.`);
  }
  for (const { commit, index } of refs) {
    if (commit.length !== HASH_BYTES || !Number.isInteger(index) || index < 0 || index > 0xffff) {
      throw new LatticeError(
        'malformed',
        'A sibling of a leaf is a commit id of 32 bytes and an operation index of 16 bits.',
      );
    }
  }
  if (refs.length === 1) return refs;
  const sorted = refs.toSorted(compareRefs);
  for (let i = 1; i < sorted.length; i++) {
    if (compareRefs(sorted[i - 1] as LeafRef, sorted[i] as LeafRef) === 0) {
      throw new LatticeError('malformed', 'The same operation stands twice among the siblings of a leaf.');
    }
  }
  return sorted;
}

/**
 * The hash of a leaf (SPEC T2): H(0x00 ‖ key hash ‖ for each sibling, sorted by commit id and index: commit id ‖ u16 BE
 * index). `keyHash` is SHA-256 of the key's UTF-8; `refs` may come in any order. Errors are those of `sortRefs`, and a
 * RangeError when `keyHash` has not 32 bytes.
 */
export function leafHash(keyHash: Bytes, refs: readonly LeafRef[], hasher: Hasher): Bytes {
  const out = new Uint8Array(HASH_BYTES);
  leafHashInto(keyHash, refs, hasher, out);
  return out;
}

/** Writes the hash of a leaf, as `leafHash` computes it, into the first 32 bytes of `out`. */
export function leafHashInto(keyHash: Bytes, refs: readonly LeafRef[], hasher: Hasher, out: Bytes): void {
  const sorted = sortRefs(refs);
  const input = sorted.length === 1 ? SINGLE : new Uint8Array(1 + HASH_BYTES + sorted.length * REF_BYTES);
  input[0] = LEAF_TAG;
  input.set(requireHash(keyHash, 'key hash'), 1);
  writeRefs(sorted, input, 1 + HASH_BYTES);
  hasher.hashInto(input, out, 0);
}

/** The root of the tree without leaves: H(0x02). */
export function emptyRoot(hasher: Hasher): Bytes {
  return hasher.hash(Uint8Array.of(EMPTY_TAG));
}

/** `bytes` itself. A hash of another length than 32 bytes is a programming error (RangeError). */
export function requireHash(bytes: Bytes, name: string): Bytes {
  if (bytes.length !== HASH_BYTES) throw new RangeError(`A ${name} has ${HASH_BYTES} bytes, not ${bytes.length}.`);
  return bytes;
}

/** Bit `bit` of a key hash: 0 is the most significant bit of the first byte. */
export function bitAt(hash: Bytes, bit: number): number {
  return ((hash[bit >>> 3] as number) >>> (7 - (bit & 7))) & 1;
}
