import { textToBytes } from '../cbor/text.ts';
import type { Bytes, Hasher } from '../types/index.ts';

/**
 * Short ASCII keys, which nearly all keys are, are hashed from here. That is faster than encoding them into memory of
 * their own.
 */
const KEY_SCRATCH = new Uint8Array(64);
/** Views of its first n bytes, by n. */
const KEY_VIEWS: readonly Bytes[] = Array.from({ length: KEY_SCRATCH.length + 1 }, (_, n) =>
  KEY_SCRATCH.subarray(0, n),
);

/** The UTF-8 of a key that `checkKey` accepted. */
export function keyBytes(key: string): Bytes {
  return textToBytes(key);
}

/** SHA-256 of the key's UTF-8, which is the key's place in the tree (SPEC T1). */
export function keyHash(key: string, hasher: Hasher): Bytes {
  return hasher.hash(hashedBytes(key));
}

/** Writes the hash of a key into the first 32 bytes of `out`. */
export function keyHashInto(key: string, hasher: Hasher, out: Bytes): void {
  hasher.hashInto(hashedBytes(key), out, 0);
}

/** The UTF-8 of the key, valid until the next call. */
function hashedBytes(key: string): Bytes {
  const view = KEY_VIEWS[key.length];
  if (view === undefined) return keyBytes(key);
  for (let i = 0; i < key.length; i++) {
    const unit = key.charCodeAt(i);
    if (unit > 0x7f) return keyBytes(key);
    view[i] = unit;
  }
  return view;
}
