import { textToBytes } from '../cbor/text.ts';
import type { Bytes, Hasher } from '../types/index.ts';

/** Short ASCII keys, nearly all, are hashed from here: faster than to have them encoded into memory of their own. */
const KEY_SCRATCH = new Uint8Array(64);
/** Its first n bytes, by n. */
const KEY_VIEWS: readonly Bytes[] = Array.from({ length: KEY_SCRATCH.length + 1 }, (_, n) =>
  KEY_SCRATCH.subarray(0, n),
);

/** UTF-8 of a key that `checkKey` let through. */
export function keyBytes(key: string): Bytes {
  return textToBytes(key);
}

/** SHA-256 of the key: its place in the state's tree. */
export function keyHash(key: string, hasher: Hasher): Bytes {
  return hasher.hash(hashedBytes(key));
}

/** The same into the first 32 bytes of `out`. */
export function keyHashInto(key: string, hasher: Hasher, out: Bytes): void {
  hasher.hashInto(hashedBytes(key), out, 0);
}

/** UTF-8 of the key, good until the next call. */
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
