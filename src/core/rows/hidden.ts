import { ARRAY, malformed, readBytes, readHead, readUint, UINT } from '../cbor/reader.ts';
import { decodeStored } from '../cbor/stored.ts';
import { createWriter, finish, writeArray, writeBytes, writeHead } from '../cbor/writer.ts';
import { hlcToBytes } from '../clock/hlc.ts';
import { type Bytes, equalBytes, type Fragment, type Hasher, LatticeError, type Sibling } from '../types/index.ts';
import { decodeEntry, encodeEntry } from '../wire/entry.ts';
import { decodeFragment, encodeFragment } from '../wire/fragment.ts';
import { keyHash } from '../wire/key-hash.ts';
import { fragmentToSiblings } from '../wire/siblings.ts';
import { floorKey, floorRange } from './keys.ts';

/** Kinds of rows in their bucket. A number that is retired is never used again. */
const HIDDEN = 0;
const BLOCK = 3;
const GONE = 4;

/** Operations of one block, whose places are two bytes. */
export const MAX_OF_BLOCK = 256;
/** Bytes of the operations of one block, without the proofs of those that share them: who needs one of them reads all. */
export const MAX_BLOCK_BYTES = 64 * 1024;
/** At most what the count and the frame of a fragment take. */
const FRAMING_BYTES = 12;
const NUMBER_AT = 2;
const PLACE_AT = NUMBER_AT + 8;

/** The rows of hidden operations that have one of their own. */
export const HIDDEN_ROWS = floorRange(HIDDEN);
/** The rows of blocks of hidden operations. */
export const HIDDEN_BLOCKS = floorRange(BLOCK);
/** The rows that say which operations of a block are hidden no more. */
export const HIDDEN_GONE = floorRange(GONE);

/** Where a hidden operation stands: in a row, at a place of it. */
export interface HiddenPlace {
  readonly row: Bytes;
  readonly at: number;
}

/** What the key of an operation's own row is made of. */
type Placed = Pick<Sibling, 'commit' | 'index' | 'hlc'> & { readonly operation: { readonly key: string } };

/** ‖ HLC ‖ key hash ‖ commit id ‖ u16 index (SPEC FL5). */
export const hiddenKey = ({ commit, index, hlc, operation }: Placed, hasher: Hasher): Bytes =>
  floorKey(HIDDEN, hlcToBytes(hlc), keyHash(operation.key, hasher), commit, Uint8Array.of(index >>> 8, index & 0xff));

function numbered(kind: number, number: number, rest: Bytes): Bytes {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(number));
  return floorKey(kind, bytes, rest);
}
/** ‖ u64 number of the block (SPEC FL5). */
export const hiddenBlockKey = (number: number): Bytes => numbered(BLOCK, number, new Uint8Array(0));
/** ‖ u64 number of the block ‖ u16 place in it (SPEC FL5). The row has no value. */
export const hiddenGoneKey = (number: number, at: number): Bytes =>
  numbered(GONE, number, Uint8Array.of(at >>> 8, at & 0xff));

const viewOf = (bytes: Bytes): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

/** The number of a block by the key of its row, or of a row of what is gone. LatticeError `damaged-row`. */
export function rowToBlockNumber(rowKey: Bytes): number {
  if (rowKey.length < PLACE_AT) throw damaged('has no number');
  return Number(viewOf(rowKey).getBigUint64(NUMBER_AT));
}

/** The place in a block that the key of a row of what is gone names. LatticeError `damaged-row`. */
export function rowToGonePlace(rowKey: Bytes): number {
  if (rowKey.length !== PLACE_AT + 2) throw damaged('has no place');
  return viewOf(rowKey).getUint16(PLACE_AT);
}

/** The bytes of an operation's own row: those of an entry with this one sibling. */
export const encodeHidden = (one: Sibling): Bytes => encodeEntry({ key: one.operation.key, siblings: [one] });

/** In place of a number of operations, for one that stands by itself: the bytes are those of its own row. */
const BY_ITSELF = 0;

function encodeItems(items: readonly { readonly count: number; readonly bytes: Bytes }[]): Bytes {
  const writer = createWriter(items.reduce((sum, { bytes }) => sum + bytes.length + FRAMING_BYTES, FRAMING_BYTES));
  writeArray(writer, 2 * items.length);
  for (const { count, bytes } of items) {
    writeHead(writer, UINT, count);
    writeBytes(writer, bytes);
  }
  return finish(writer);
}

/** The bytes of a block of operations that share what leads to their commits: [number of operations, fragment, …]. */
export const encodeHiddenBlock = (fragments: readonly Fragment[]): Bytes =>
  encodeItems(fragments.map((one) => ({ count: one.operations.length, bytes: encodeFragment(one) })));

/** The bytes of a block of operations that share nothing: [0, entry with the operation, …]. */
export const encodeLoneBlock = (operations: readonly Sibling[]): Bytes =>
  encodeItems(operations.map((one) => ({ count: BY_ITSELF, bytes: encodeHidden(one) })));

const damaged = (why: string): LatticeError => new LatticeError('damaged-row', `the row of a hidden operation ${why}`);

function decodeAlone(bytes: Bytes, hasher: Hasher): Sibling {
  const [operation, ...others] = decodeEntry(bytes, undefined, hasher).siblings;
  if (operation === undefined || others.length > 0) throw damaged('has not one operation');
  return operation;
}

/**
 * The operations of a block, or those of it that stand together with the one at the place `at`; and the place of the
 * first of them.
 */
function readBlock(value: Bytes, hasher: Hasher, at?: number): { readonly first: number; readonly found: Sibling[] } {
  return decodeStored('a block of hidden operations', value, (reader) => {
    const items = readHead(reader, ARRAY);
    if (items % 2 !== 0 || items > 2 * MAX_OF_BLOCK) throw malformed(`it has ${items} items`);
    const found: Sibling[] = [];
    let place = 0;
    let first = 0;
    for (let item = 0; item < items; item += 2) {
      const marked = readUint(reader);
      const bytes = readBytes(reader);
      const count = marked === BY_ITSELF ? 1 : marked;
      if (at === undefined || (place <= at && at < place + count)) {
        first = at === undefined ? 0 : place;
        if (marked === BY_ITSELF) found.push(decodeAlone(bytes, hasher));
        else {
          const fragment = decodeFragment(bytes, hasher);
          if (fragment.operations.length !== count) throw malformed(`a fragment has not ${count} operations`);
          for (const one of fragmentToSiblings(fragment, hasher)) found.push(one);
        }
      }
      place += count;
      if (place > MAX_OF_BLOCK) throw malformed(`it has more than ${MAX_OF_BLOCK} operations`);
    }
    return { first, found };
  });
}

/**
 * Reads a block. Each operation must lead to its commit. Byte fields of it are views of `value`. LatticeError
 * `damaged-row`.
 */
export const decodeHiddenBlock = (value: Bytes, hasher: Hasher): Sibling[] => readBlock(value, hasher).found;

/**
 * Reads one operation of a row. It must lead to its commit, and stand where it belongs. Byte fields of it are views of
 * `value`. LatticeError `damaged-row`.
 */
export function decodeHidden({ row, at }: HiddenPlace, value: Bytes, hasher: Hasher): Sibling {
  if (row[1] === BLOCK) {
    const { first, found } = readBlock(value, hasher, at);
    const operation = found[at - first];
    if (operation === undefined) throw damaged('has not so many operations');
    return operation;
  }
  const operation = decodeAlone(value, hasher);
  if (at > 0) throw damaged('has not one operation');
  if (!equalBytes(hiddenKey(operation, hasher), row)) throw damaged('has another operation than its key says');
  return operation;
}
