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
 * Verifies by the one strict rule of every node (SPEC, section K): S is below the group order, points are canonical,
 * the key is not of small order, and the equation R = encode(SB − kA) holds without cofactor. The library's strict mode
 * checks all but the equation without cofactor, which is computed here.
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
    return false; // The library throws when bytes are not a point.
  }
}
