import { emptyRoot } from '../merkle/index.ts';
import { type Bytes, equalBytes, type Hasher, LatticeError } from '../types/index.ts';
import { type Certificate, chunkBits, decodeCertificate, type Manifest } from '../wire/index.ts';

const HASH_BYTES = 32;
const INNER_TAG = 0x01;
const NO_HASH = new Uint8Array(HASH_BYTES);

/** A snapshot of one cut, divided into chunks by the first bits of the key hash, as its manifest describes it. */
export interface SnapshotPlan {
  readonly certificate: Certificate;
  readonly certificateBytes: Bytes;
  /** Unix ms of the cut, its root (32 bytes) and its number of keys, as the certificate names them. */
  readonly at: number;
  readonly root: Bytes;
  readonly entries: number;
  /** Bits of the prefixes; there are 2^bits chunks. */
  readonly bits: number;
  /** The hash of each chunk, 32 bytes each, zero for a chunk without leaves. */
  readonly hashes: Bytes;
}

/**
 * Makes the plan of a manifest and checks that its hashes lead to the root that its certificate names (SPEC W4). The
 * caller verifies who signed the certificate. LatticeError `malformed` or `unknown-version`.
 */
export function manifestToPlan(manifest: Manifest, hasher: Hasher): SnapshotPlan {
  const certificateBytes = manifest.certificate.slice();
  const certificate = decodeCertificate(certificateBytes);
  const { at, root, entries } = certificate;
  const bits = chunkBits(entries);
  const hashes = manifest.hashes.slice();
  if (hashes.length !== HASH_BYTES * 2 ** bits) {
    throw new LatticeError(
      'malformed',
      `a cut of ${entries} keys has ${2 ** bits} chunks, the manifest ${hashes.length / HASH_BYTES}`,
    );
  }
  if (!equalBytes(rootOfSubtrees(hashes, hasher), root)) {
    throw new LatticeError('malformed', "the manifest's chunks do not lead to the root of its certificate");
  }
  return { certificate, certificateBytes, at, root, entries, bits, hashes };
}

/**
 * The root of a tree from the hashes of its subtrees under all 2^b prefixes of b bits, ascending, 32 bytes each, zero
 * where there are no leaves. The path-compacted tree has no node with leaves on one side only, so there the hash of
 * that side passes through.
 */
export function rootOfSubtrees(hashes: Bytes, hasher: Hasher): Bytes {
  let level = hashes.slice();
  const input = new Uint8Array(3 + 2 * HASH_BYTES);
  input[0] = INNER_TAG;
  for (let bit = Math.log2(hashes.length / HASH_BYTES) - 1; bit >= 0; bit--) {
    const above = new Uint8Array(level.length / 2);
    for (let at = 0; at < above.length; at += HASH_BYTES) {
      const left = level.subarray(2 * at, 2 * at + HASH_BYTES);
      const right = level.subarray(2 * at + HASH_BYTES, 2 * at + 2 * HASH_BYTES);
      if (isNoHash(left)) above.set(right, at);
      else if (isNoHash(right)) above.set(left, at);
      else {
        // The high byte of the u16 stays 0: there are at most 14 bits.
        input[2] = bit;
        input.set(left, 3);
        input.set(right, 3 + HASH_BYTES);
        hasher.hashInto(input, above, at);
      }
    }
    level = above;
  }
  return isNoHash(level) ? emptyRoot(hasher) : level;
}

/** Whether a chunk's hash is the one that stands for no leaves. */
export function isNoHash(hash: Bytes): boolean {
  return equalBytes(hash, NO_HASH);
}

/** The hash that the leaves of chunk `index` must make. */
export function chunkHash(plan: Pick<SnapshotPlan, 'hashes'>, index: number): Bytes {
  return plan.hashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
}

/** The chunk that a key hash belongs to. */
export function chunkOf(keyHash: Bytes, bits: number): number {
  return (((keyHash[0] as number) << 8) | (keyHash[1] as number)) >>> (16 - bits);
}

/** The least key hash that chunk `index` can have, or undefined when there is no chunk of that index. */
export function chunkStart(index: number, bits: number): Bytes | undefined {
  if (index >= 2 ** bits) return undefined;
  const first = index << (16 - bits);
  const out = new Uint8Array(HASH_BYTES);
  out[0] = first >>> 8;
  out[1] = first & 0xff;
  return out;
}
