import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import fc from 'fast-check';
import { expect } from 'vitest';
import {
  type Author,
  type Bytes,
  bytesToHex,
  type Hasher,
  type Hlc,
  LatticeError,
} from '../../../../src/core/types/index.ts';
import { createSignedHead, type Head, type SignedHead } from '../../../../src/core/wire/head.ts';
import { decodeCbor, encodeCbor } from '../cbor/reference.ts';

export const hasher: Hasher = {
  hash: (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest()),
  hashInto: (bytes, out, offset) => out.set(createHash('sha256').update(bytes).digest(), offset),
  running() {
    const hash = createHash('sha256');
    return { update: (bytes) => void hash.update(bytes), digest: () => new Uint8Array(hash.digest()) };
  },
};

/** An Ed25519 key pair from a 32-byte seed, as PKCS #8 (RFC 8410). */
export function testKey(seed: Bytes): {
  author: Author;
  publicKey: Bytes;
  sign: (message: Bytes) => Bytes;
  keyObject: ReturnType<typeof createPublicKey>;
} {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const keyObject = createPublicKey(key);
  const publicKey = new Uint8Array(keyObject.export({ format: 'der', type: 'spki' }).subarray(-32));
  return {
    author: bytesToHex(publicKey) as Author,
    publicKey,
    keyObject,
    sign: (message) => new Uint8Array(sign(null, message, key)),
  };
}

export const TEST_SEED = new Uint8Array(32).fill(1);
export const alice = testKey(TEST_SEED);
export const bob = testKey(new Uint8Array(32).fill(2));

export const filled = (length: number, value: number): Bytes => new Uint8Array(length).fill(value);

export const sampleHead: Head = {
  network: 'lattice-test',
  author: alice.author,
  incarnation: filled(8, 7),
  sequence: 300,
  hlc: 0x0190_0000_0000_0001n as Hlc,
  root: filled(32, 9),
  entries: 70_000,
  trustHash: filled(32, 5),
  wallMs: 1_700_000_000_123,
};
export const sampleSigned: SignedHead = createSignedHead(sampleHead, alice.sign);

export const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof LatticeError) return error.code;
    throw error;
  }
  return 'accepted';
};

export const arbitraryBytes = (minLength: number, maxLength = minLength) => fc.uint8Array({ minLength, maxLength });
export const arbitraryHlc = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((n) => n as Hlc);
export const arbitraryAuthor = arbitraryBytes(32).map((b) => bytesToHex(b) as Author);
export const arbitraryText = (maxLength: number) => fc.string({ unit: 'binary', maxLength: Math.floor(maxLength / 4) });
export const arbitraryHead: fc.Arbitrary<Head> = fc.record({
  network: fc.string({ unit: 'binary', minLength: 1, maxLength: 32 }),
  author: arbitraryAuthor,
  incarnation: arbitraryBytes(8),
  sequence: fc.maxSafeNat(),
  hlc: arbitraryHlc,
  root: arbitraryBytes(32),
  entries: fc.maxSafeNat(),
  trustHash: arbitraryBytes(32),
  wallMs: fc.maxSafeNat(),
});

interface Codec {
  readonly decode: (bytes: Bytes) => unknown;
  /** Gives back the bytes of what `decode` returned. */
  readonly encode: (message: never) => Bytes;
}

/**
 * What must hold for any input: either a LatticeError of one of two codes, or a message that encodes to exactly
 * these bytes, which the general decoder takes for canonical too.
 */
function expectRefusedOrExact({ decode, encode }: Codec, bytes: Bytes): 'refused' | 'accepted' {
  let message: unknown;
  try {
    message = decode(bytes);
  } catch (error) {
    if (!(error instanceof LatticeError) || (error.code !== 'malformed' && error.code !== 'unknown-version'))
      throw error;
    return 'refused';
  }
  if (Buffer.compare(encode(message as never), bytes) !== 0)
    expect.fail(`two encodings of one message: ${bytesToHex(bytes)}`);
  decodeCbor(bytes);
  return 'accepted';
}

/** Every single bit flipped, every truncation, one byte more, random bytes and random CBOR. */
export function expectRobust(codec: Codec, valid: Bytes): void {
  expect(expectRefusedOrExact(codec, valid)).toBe('accepted');
  for (let bit = 0; bit < valid.length * 8; bit++) {
    const flipped = new Uint8Array(valid);
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
    expectRefusedOrExact(codec, flipped);
  }
  for (let length = 0; length < valid.length; length++)
    expect(codeOf(() => codec.decode(valid.subarray(0, length)))).toBe('malformed');
  expect(codeOf(() => codec.decode(Uint8Array.of(...valid, 0)))).toBe('malformed');
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void expectRefusedOrExact(codec, bytes)),
    { numRuns: 300 },
  );
  const item = fc.oneof(fc.nat(300), fc.boolean(), fc.string(), arbitraryBytes(0, 70), fc.constant(null));
  const arrays = fc.tuple(fc.nat(9), fc.array(fc.oneof(item, fc.array(fc.oneof(item, fc.array(item))))));
  fc.assert(
    fc.property(arrays, ([type, rest]) => void expectRefusedOrExact(codec, encodeCbor([type, ...rest]))),
    { numRuns: 300 },
  );
}
