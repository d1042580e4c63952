import { type Bytes, bytesToHex, type Entry, equalBytes, type Hasher, LatticeError } from '../types/index.ts';
import { decodeEntry } from '../wire/entry.ts';
import { keyHashInto } from '../wire/key-hash.ts';
import { entryKeyToHash } from './keys.ts';

const HASH = new Uint8Array(32);

/**
 * The entry of a row. It must be about the key whose hash stands in the row's own key. With `form` only the form of its
 * operations is checked; otherwise each must lead to its commit (`decodeEntry`). LatticeError `damaged-row`.
 */
export function entryRowToEntry(rowKey: Bytes, row: Bytes, hasher: Hasher, depth: 'form' | 'commit' = 'commit'): Entry {
  const expected = entryKeyToHash(rowKey);
  const entry = decodeEntry(row, undefined, depth === 'commit' ? hasher : undefined);
  keyHashInto(entry.key, hasher, HASH);
  if (!equalBytes(HASH, expected))
    throw new LatticeError('damaged-row', `the entry under key hash ${bytesToHex(expected)} is about another key`);
  return entry;
}
