import type { CborItem } from '../cbor/cbor.ts';
import { malformed, splitBytes } from '../cbor/reader.ts';
import { type Bytes, compareBytes, concatBytes, MAX_SYNC_BYTES } from '../types/index.ts';
import type { WireReader } from './fields.ts';

/** (wire) Bits of a key hash. Prefixes end after one of its 64 four-bit digits. */
const HASH_BITS = 256;
const HASH_BYTES = 32;
/**
 * (wire) Bytes of the hash of a subtree or leaf that are compared: enough that no two are equal by accident, at half
 * the traffic of whole hashes.
 */
const DIGEST_BYTES = 16;
const LEAF_BYTES = HASH_BYTES + DIGEST_BYTES;

/**
 * The key hashes that begin with the first `bits` bits of `prefix`. `bits` is a multiple of 4; `prefix` has ceil(bits /
 * 8) bytes, of which unused low bits are zero.
 */
export interface HashPrefix {
  readonly prefix: Bytes;
  readonly bits: number;
}

/**
 * A subtree, described by its children. Bit i (1 << i) of `bitmap` is set when child i is not empty, and `digests` has
 * 16 bytes for each set bit, i ascending. `bits` is at most 252.
 */
export interface SubtreeDigests extends HashPrefix {
  readonly bitmap: number;
  readonly digests: Bytes;
}

/** A key hash and the digest of its leaf. */
export interface LeafDigest {
  /** 32 bytes. */
  readonly keyHash: Bytes;
  /** 16 bytes. */
  readonly digest: Bytes;
}

/**
 * A subtree (of a prefix of 4…256 bits) that differs from what was asked about (SPEC S4), told either by all its
 * leaves, with increasing key hashes, or by its children.
 */
export type Difference =
  | (HashPrefix & { readonly kind: 'leaves'; readonly leaves: readonly LeafDigest[] })
  | (SubtreeDigests & { readonly kind: 'children' });

/** The elements of a difference's array. */
export function differenceFields(difference: Difference): CborItem[] {
  const { prefix, bits } = difference;
  if (difference.kind === 'children') return [prefix, bits, 1, difference.bitmap, difference.digests];
  return [prefix, bits, 0, concatBytes(...difference.leaves.flatMap((leaf) => [leaf.keyHash, leaf.digest]))];
}

/** What `count` calls of `read` return. */
export function repeat<T>(count: number, read: () => T): T[] {
  const out: T[] = [];
  for (let i = 0; i < count; i++) out.push(read());
  return out;
}

/** Reads a query of a request for digests (SPEC S3). LatticeError `malformed`. */
export function readQuery(reader: WireReader): SubtreeDigests {
  reader.array('query', 4, 4);
  return { ...readPrefix(reader, 0, HASH_BITS - 4), ...readChildren(reader) };
}

export function readDifference(reader: WireReader): Difference {
  const length = reader.array('difference', 4, 5);
  const prefix = readPrefix(reader, 4, HASH_BITS);
  const form = reader.uint('form', 0, 1);
  if (length !== form + 4) throw malformed(`difference of form ${form} has ${length} elements`);
  if (form === 1) {
    if (prefix.bits === HASH_BITS) throw malformed('a single key has no children');
    return { kind: 'children', ...prefix, ...readChildren(reader) };
  }
  const leaves = splitBytes(reader.bytes('leaves', 0, MAX_SYNC_BYTES), LEAF_BYTES).map((leaf) => ({
    keyHash: leaf.subarray(0, HASH_BYTES),
    digest: leaf.subarray(HASH_BYTES),
  }));
  checkIncreasing(leaves.map((leaf) => leaf.keyHash));
  if (!leaves.every((leaf) => isUnder(leaf.keyHash, prefix))) throw malformed('a leaf is not under its prefix');
  return { kind: 'leaves', ...prefix, leaves };
}

function readPrefix(reader: WireReader, minBits: number, maxBits: number): HashPrefix {
  const prefix = reader.bytes('prefix', 0, HASH_BYTES);
  const bits = reader.uint('bits', minBits, maxBits);
  if (bits % 4 !== 0) throw malformed(`prefix of ${bits} bits, not a multiple of 4`);
  if (prefix.length !== Math.ceil(bits / 8)) throw malformed(`prefix of ${bits} bits in ${prefix.length} bytes`);
  if (bits % 8 === 4 && ((prefix.at(-1) as number) & 0x0f) !== 0)
    throw malformed('prefix has unused bits that are not zero');
  return { prefix, bits };
}

function readChildren(reader: WireReader): { bitmap: number; digests: Bytes } {
  const bitmap = reader.uint('bitmap', 0, 0xffff);
  let children = 0;
  for (let rest = bitmap; rest !== 0; rest &= rest - 1) children++;
  return { bitmap, digests: reader.bytes('digests', children * DIGEST_BYTES) };
}

/** Throws LatticeError `malformed` unless the key hashes strictly increase. */
export function checkIncreasing(keyHashes: readonly Bytes[]): void {
  for (let i = 1; i < keyHashes.length; i++) {
    if (compareBytes(keyHashes[i - 1] as Bytes, keyHashes[i] as Bytes) >= 0)
      throw malformed('key hashes are not strictly increasing');
  }
}

function isUnder(keyHash: Bytes, { prefix, bits }: HashPrefix): boolean {
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (keyHash[i] !== prefix[i]) return false;
  return bits % 8 === 0 || ((keyHash[whole] as number) & 0xf0) === prefix[whole];
}
