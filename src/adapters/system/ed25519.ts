import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { type Author, type Bytes, bytesToHex, concatBytes, hexToBytes } from '../../core/types/index.ts';
import type { Signer, Verifier } from '../../ports/index.ts';

/** The DER prefixes of an Ed25519 seed (PKCS #8) and of a public key (SubjectPublicKeyInfo), RFC 8410. */
const PKCS8_PREFIX = hexToBytes('302e020100300506032b657004220420') as Bytes;
const SPKI_PREFIX = hexToBytes('302a300506032b6570032100') as Bytes;

const SEED_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** Key objects that are kept, of a few hundred bytes each: four times the longest trust list. */
const MAX_CACHED_KEYS = 1024;

/**
 * Checks that are given to libuv's thread pool at a time; further ones wait here. The pool has four threads by default
 * and one queue for all, so what the store reads or writes waits behind at most this many checks of some 60 µs, and
 * not behind thousands when a peer sends a burst of commits. As many keep all threads of the pool busy.
 */
const MAX_UNDER_WAY = 16;

/** The field prime 2^255 − 19 and the group order L, most significant byte first. */
const FIELD_PRIME = hexToBytes('7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed') as Bytes;
const GROUP_ORDER = hexToBytes('1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed') as Bytes;

/**
 * The y coordinates, little-endian, of the eight points of small order: 1, 0 and −1 (order 1, 4, 2) and the two of
 * order 8.
 */
const SMALL_ORDER_Y: ReadonlySet<string> = new Set([
  '0100000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
]);

/** Whether the number `littleEndian` (32 bytes) is less than the number `bigEndian` (32 bytes). */
function isBelow(littleEndian: Bytes, bigEndian: Bytes): boolean {
  for (let i = 0; i < 32; i++) {
    const difference = (littleEndian[31 - i] as number) - (bigEndian[i] as number);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

/** A point's y coordinate, little-endian: the point's encoding with the sign bit of x cleared. */
function yOf(point: Bytes): Bytes {
  const y = point.slice(0, 32);
  y[31] = (y[31] as number) & 0x7f;
  return y;
}

/**
 * Whether the bytes may be a public key under the strict rule: 32 bytes, y below the field prime, not a point of small
 * order. It does not check that the point is on the curve, because a key that is not verifies nothing.
 */
export function isStrictPublicKey(key: Bytes): boolean {
  if (key.length !== 32) return false;
  const y = yOf(key);
  return isBelow(y, FIELD_PRIME) && !SMALL_ORDER_Y.has(bytesToHex(y));
}

/** The strict rule for the signature's own bytes: R's y is below the field prime, and S is below the group order. */
function isStrictSignature(signature: Bytes): boolean {
  return (
    signature.length === SIGNATURE_BYTES &&
    isBelow(yOf(signature), FIELD_PRIME) &&
    isBelow(signature.subarray(SEED_BYTES), GROUP_ORDER)
  );
}

function privateKey(seed: Bytes): KeyObject {
  if (seed.length !== SEED_BYTES) throw new RangeError('an Ed25519 seed has 32 bytes');
  return createPrivateKey({ key: Buffer.from(concatBytes(PKCS8_PREFIX, seed)), format: 'der', type: 'pkcs8' });
}

function publicBytes(key: KeyObject): Bytes {
  return new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX.length));
}

/** The author of what a 32-byte Ed25519 seed signs. */
export function seedToAuthor(seed: Bytes): Author {
  return bytesToHex(publicBytes(privateKey(seed))) as Author;
}

/** Makes a signer with the Ed25519 key of a 32-byte seed (RFC 8032). */
export function createSigner(seed: Bytes): Signer {
  const key = privateKey(seed);
  const publicKey = publicBytes(key);
  return {
    author: bytesToHex(publicKey) as Author,
    publicKey,
    sign: (message) => new Uint8Array(sign(null, message, key)),
  };
}

/**
 * Verifies by one strict rule, so that no two nodes ever disagree about a signature: S < L; the y of A and of R are
 * below the field prime; A is not of small order; and the equation holds without cofactor, compared as bytes:
 * R = encode(SB − SHA-512(R ‖ A ‖ M)·A). OpenSSL computes that equation. RFC 8032 leaves the cofactor open, and so
 * verifiers differ about signatures with parts of small order. test/vectors/ed25519.json pins the rule. A signature
 * that is not 64 bytes, or an author that is not a key, verifies as false.
 */
export function createVerifier(): Verifier {
  // The order of insertion is the order of last use. null means that the author is not a key under the strict rule.
  const keys = new Map<Author, KeyObject | null>();
  const waiting = createQueue<() => void>();
  let underWay = 0;

  function ended(): void {
    const next = waiting.take();
    if (next === undefined) underWay--;
    else next();
  }

  function check(key: KeyObject, message: Bytes, signature: Bytes): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const begin = (): void =>
        verify(null, message, key, signature, (error, valid) => {
          ended();
          if (error) reject(error);
          else resolve(valid);
        });
      if (underWay >= MAX_UNDER_WAY) {
        waiting.add(begin);
        return;
      }
      underWay++;
      begin();
    });
  }

  function keyOf(author: Author): KeyObject | null {
    let key = keys.get(author);
    if (key === undefined) {
      const bytes = hexToBytes(author);
      key =
        bytes !== undefined && isStrictPublicKey(bytes)
          ? createPublicKey({ key: Buffer.from(concatBytes(SPKI_PREFIX, bytes)), format: 'der', type: 'spki' })
          : null;
      if (keys.size >= MAX_CACHED_KEYS) {
        const oldest = keys.keys().next();
        if (oldest.done !== true) keys.delete(oldest.value);
      }
    } else {
      keys.delete(author);
    }
    keys.set(author, key);
    return key;
  }

  return {
    verify(author, message, signature) {
      if (!isStrictSignature(signature)) return Promise.resolve(false);
      const key = keyOf(author);
      if (key === null) return Promise.resolve(false);
      return check(key, message, signature);
    },
  };
}

/** A queue of two stacks, because taking from the front of a long array moves the whole array. */
function createQueue<T>(): { add(item: T): void; take(): T | undefined } {
  let added: T[] = [];
  let next: T[] = [];
  return {
    add: (item) => {
      added.push(item);
    },
    take() {
      if (next.length === 0) {
        next = added.reverse();
        added = [];
      }
      return next.pop();
    },
  };
}
