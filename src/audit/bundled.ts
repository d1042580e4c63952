import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { type Author, type Bytes, bytesToHex, concatBytes, equalBytes, hexToBytes } from '../core/types/index.ts';
import { type CheckProofOptions, checkProofWith } from './check-proof.ts';
import type { AuditDeps } from './checks.ts';
import type { Proven } from './verify-proof.ts';

const littleEndian = (bytes: Bytes): bigint => BigInt(`0x${bytesToHex(Uint8Array.from(bytes).reverse())}`);

/**
 * Verifies by the one strict rule of every node (SPEC, section K): S is below the group order, points are canonical,
 * the key is not of small order, and the equation R = encode(SB − kA) holds without cofactor. The library's strict mode
 * checks all but the equation without cofactor, which is computed here. Web Crypto is not asked, because browsers
 * differ about the rule, and about Ed25519 at all outside of secure contexts.
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

/**
 * What documents are checked with where nothing but JavaScript is at hand, as in browsers: SHA-256, and Ed25519 under
 * the strict rule (SPEC K1). A proof takes some milliseconds. In Node.js, `checkProof` of `diotec360-lattice` is several
 * times faster.
 *
 * @throws nothing
 * @example
 * const { checks } = await examineProof(document, { ...bundledCrypto(), trusted, asked: { key: 'greeting' } });
 * for (const { check, result, text } of checks) console.log(check, result, text);
 */
export function bundledCrypto(): AuditDeps {
  return {
    hasher: {
      hash: (bytes) => sha256(bytes),
      hashInto: (bytes, out, offset) => out.set(sha256(bytes), offset),
      running() {
        const hash = sha256.create();
        return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() };
      },
    },
    verifier: { verify: (author, message, signature) => Promise.resolve(verifyStrict(author, message, signature)) },
  };
}

/**
 * Checks a proof document without any network: against its certificate when it has one, else against the signed head of
 * the node that served it. With a certificate that node needs no trust. The document is JSON text or its bytes, which
 * are read strictly, or the object that a node answered. What `key`, `network`, `root`, `value` or `noValue` ask for must
 * be what the document is about. It runs in browsers.
 *
 * @throws `proof-malformed` and `proof-invalid`, which name the check that failed; `trust-needed` without a trust list;
 * `invalid-author` for a trust list that is none
 * @example
 * const proven = await checkProof(document, { trusted, key: 'greeting' });
 * console.log(proven.kind, proven.value, proven.root);
 */
export async function checkProof(document: unknown, options: CheckProofOptions = {}): Promise<Proven> {
  return await checkProofWith(bundledCrypto(), document, options);
}
