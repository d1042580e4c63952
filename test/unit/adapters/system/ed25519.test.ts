import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { describe, expect, it } from 'vitest';
import { createSigner, createVerifier, isStrictPublicKey, seedToAuthor } from '../../../../src/adapters/system/keys.ts';
import {
  type Author,
  type Bytes,
  bytesToHex,
  concatBytes,
  equalBytes,
  hexToBytes,
} from '../../../../src/core/types/index.ts';

interface Vector {
  readonly name: string;
  readonly valid: boolean;
  readonly publicKey: string;
  readonly message: string;
  readonly signature: string;
}
const { vectors } = JSON.parse(readFileSync(new URL('../../../vectors/ed25519.json', import.meta.url), 'utf8')) as {
  vectors: Vector[];
};

function bytes(hex: string): Bytes {
  return hexToBytes(hex) as Bytes;
}

/**
 * The strict rule on @noble/curves: its own strict mode, which checks the equation times the cofactor, and then the
 * equation itself.
 */
function nobleVerify(publicKey: Bytes, message: Bytes, signature: Bytes): boolean {
  try {
    if (!ed25519.verify(signature, message, publicKey, { zip215: false })) return false;
  } catch {
    return false; // a wrong length
  }
  const { Point } = ed25519;
  const littleEndian = (b: Bytes): bigint => BigInt(`0x${bytesToHex(Uint8Array.from(b).reverse())}`);
  const R = signature.subarray(0, 32);
  const k = littleEndian(sha512(concatBytes(R, publicKey, message))) % Point.Fn.ORDER;
  const SB = Point.BASE.multiplyUnsafe(littleEndian(signature.subarray(32)));
  return equalBytes(SB.subtract(Point.fromBytes(publicKey).multiplyUnsafe(k)).toBytes(), R);
}

describe('strict Ed25519 rule', () => {
  const verifier = createVerifier();

  it.each(vectors)(
    '$name: valid is $valid by node:crypto and by @noble/curves [K1]',
    async ({ publicKey, message, signature, valid }) => {
      expect(await verifier.verify(publicKey as Author, bytes(message), bytes(signature))).toBe(valid);
      expect(nobleVerify(bytes(publicKey), bytes(message), bytes(signature))).toBe(valid);
    },
  );

  it('leaves the thread pool to others while thousands of checks wait [N13]', async () => {
    const signer = createSigner(new Uint8Array(32).fill(7));
    const message = new Uint8Array(100);
    const signature = signer.sign(message);
    let done = 0;
    const checks = Array.from({ length: 3_000 }, async () => {
      expect(await verifier.verify(signer.author, message, signature)).toBe(true);
      done++;
    });
    // A file operation stands in the same queue of the pool as the reads of the store.
    await stat('.');
    expect(done).toBeLessThan(1_000);
    await Promise.all(checks);
    expect(done).toBe(3_000);
  });

  it('refuses every encoding of the eight points of small order as a key [K2]', () => {
    const small = vectors.filter(({ name }) => name.startsWith('A is of small order'));
    expect(small).toHaveLength(14);
    for (const { publicKey } of small) expect(isStrictPublicKey(bytes(publicKey))).toBe(false);
  });

  it('knows the points of small order that @noble/curves knows [K2]', () => {
    const { Point } = ed25519;
    const generator = Point.fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05');
    let point = generator;
    for (let i = 0; i < 8; i++) {
      expect(point.isSmallOrder()).toBe(true);
      expect(isStrictPublicKey(point.toBytes())).toBe(false);
      point = point.add(generator);
    }
    expect(equalBytes(point.toBytes(), generator.toBytes())).toBe(true);
    expect(isStrictPublicKey(Point.BASE.toBytes())).toBe(true);
  });
});

describe('signer and verifier', () => {
  const seed = Uint8Array.from({ length: 32 }, (_, i) => i);
  const message = new TextEncoder().encode('a message');

  it('signs as @noble/curves does', () => {
    const signer = createSigner(seed);
    expect(bytesToHex(signer.publicKey)).toBe(bytesToHex(ed25519.getPublicKey(seed)));
    expect(signer.author).toBe(bytesToHex(signer.publicKey));
    expect(seedToAuthor(seed)).toBe(signer.author);
    expect(bytesToHex(signer.sign(message))).toBe(bytesToHex(ed25519.sign(message, seed)));
  });

  it('refuses a seed of another length', () => {
    expect(() => createSigner(seed.subarray(1))).toThrow(RangeError);
  });

  it('refuses a signature with any one bit flipped [K1]', async () => {
    const signer = createSigner(seed);
    const verifier = createVerifier();
    const signature = signer.sign(message);
    expect(await verifier.verify(signer.author, message, signature)).toBe(true);
    const verdicts = await Promise.all(
      Array.from({ length: 512 }, (_, bit) => {
        const flipped = Uint8Array.from(signature);
        flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
        return verifier.verify(signer.author, message, flipped);
      }),
    );
    expect(verdicts).toEqual(Array.from({ length: 512 }, () => false));
  });

  it('answers false, not an error, for what is no author', async () => {
    const verifier = createVerifier();
    const signature = createSigner(seed).sign(message);
    for (const author of ['', 'zz', 'ab', '0'.repeat(63), 'f'.repeat(64), '02'.padEnd(64, '0')]) {
      expect(await verifier.verify(author as Author, message, signature)).toBe(false);
    }
  });

  it('verifies for more authors than it keeps keys of', async () => {
    const verifier = createVerifier();
    const signers = Array.from({ length: 1100 }, (_, i) =>
      createSigner(Uint8Array.from({ length: 32 }, (_unused, j) => (i >> j) & 1)),
    );
    expect(new Set(signers.map(({ author }) => author)).size).toBe(1100);
    for (const round of [1, 2]) {
      const all = await Promise.all(
        signers.map((signer) => verifier.verify(signer.author, message, signer.sign(message))),
      );
      expect(all.filter(Boolean), `round ${round}`).toHaveLength(1100);
    }
    const [first, second] = signers;
    expect(await verifier.verify(first?.author as Author, message, second?.sign(message) as Bytes)).toBe(false);
  });
});
