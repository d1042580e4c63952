import { hlcToBytes } from '../clock/hlc.ts';
import { type Bytes, equalBytes, type Hasher, LatticeError, type Sibling } from '../types/index.ts';
import { decodeEntry, encodeEntry } from '../wire/entry.ts';
import { keyHash } from '../wire/key-hash.ts';
import { floorKey, floorRange } from './keys.ts';

/** The kind of the rows of hidden operations in their bucket. A number that is retired is never used again. */
const HIDDEN = 0;

/** The rows of all hidden operations. */
export const HIDDEN_ROWS = floorRange(HIDDEN);

/** What the key of an operation's row is made of. */
type Placed = Pick<Sibling, 'commit' | 'index' | 'hlc'> & { readonly operation: { readonly key: string } };

/** ‖ HLC ‖ key hash ‖ commit id ‖ u16 index (SPEC FL5). */
export const hiddenKey = ({ commit, index, hlc, operation }: Placed, hasher: Hasher): Bytes =>
  floorKey(HIDDEN, hlcToBytes(hlc), keyHash(operation.key, hasher), commit, Uint8Array.of(index >>> 8, index & 0xff));

/** The bytes of a hidden operation's row: those of an entry with this one sibling. */
export const encodeHidden = (one: Sibling): Bytes => encodeEntry({ key: one.operation.key, siblings: [one] });

/**
 * Reads a row. The operation must lead to its commit, and stand where it belongs. Byte fields of it are views of `value`.
 * LatticeError `damaged-row`.
 */
export function decodeHidden(rowKey: Bytes, value: Bytes, hasher: Hasher): Sibling {
  const damaged = (why: string): LatticeError =>
    new LatticeError('damaged-row', `the row of a hidden operation ${why}`);
  const [operation, ...others] = decodeEntry(value, undefined, hasher).siblings;
  if (operation === undefined || others.length > 0) throw damaged('has not one operation');
  if (!equalBytes(hiddenKey(operation, hasher), rowKey)) throw damaged('has another operation than its key says');
  return operation;
}
