import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import {
  type Author,
  type Bytes,
  bytesToHex,
  concatBytes,
  equalBytes,
  hexToBytes,
} from '../../../src/core/types/index.ts';

const littleEndian = (bytes: Bytes): bigint => BigInt(`0x${bytesToHex(Uint8Array.from(bytes).reverse())}`);

/**
 * The one strict rule of every node (SPEC, K): S below the group order, canonical points, no key of small order, and
 * the equation without cofactor: R = encode(SB − kA). The library's own strict mode does all but the last, which is
 * what nodes compute.
 */
export function verifyStrict(author: Author, message: Bytes, signature: Bytes): boolean {
  const key = hexToBytes(author);
  if (key?.length !== 32 || signature.length !== 64) return false;
  try {
    if (!ed25519.verify(signature, message, key, { zip215: false })) return false;
    const { Point } = ed25519;
    const R = signature.subarray(0, 32);
    const k = littleEndian(sha512(concatBytes(R, key, message))) % Point.Fn.ORDER;
    const SB = Point.BASE.multiplyUnsafe(littleEndian(signature.subarray(32)));
    return equalBytes(SB.subtract(Point.fromBytes(key).multiplyUnsafe(k)).toBytes(), R);
  } catch {
    return false; // not a point
  }
}
