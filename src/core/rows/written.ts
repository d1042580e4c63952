import { encodeCbor } from '../cbor/cbor.ts';
import { expectArray, readBytesOf, readUint } from '../cbor/reader.ts';
import { decodeStored } from '../cbor/stored.ts';
import { bytesToHlc, hlcAt, hlcInto, hlcToBytes } from '../clock/hlc.ts';
import { type Author, type Bytes, type Hlc, LatticeError } from '../types/index.ts';
import { authorAt } from '../wire/author.ts';
import { authorInto } from '../wire/operation.ts';
import { BUCKETS, bucketRange, metaKey } from './keys.ts';

/**
 * The rows by which a node finds what one author wrote later than the floor (SPEC RO12). Each batch that takes in
 * operations of an author has one for that author: author (32 bytes) ‖ the greatest HLC among them (u64) ‖ sequence of
 * the batch (u64) → of each operation the first 8 bytes of the hash of its key, which the tree completes.
 */

const AUTHOR_BYTES = 32;
const HLC_BYTES = 8;
const SEQUENCE_BYTES = 8;
const KEY_BYTES = 1 + AUTHOR_BYTES + HLC_BYTES + SEQUENCE_BYTES;
/** Of the key hashes of a billion keys some 0.03 have these bytes in common with another, which is looked at in vain. */
export const PLACE_BYTES = 8;

/** All of these rows. */
export const WRITTEN_ROWS = bucketRange('written');
/** The key of the row that tells from when on, and up to which batch, these rows name everything. */
export const WRITTEN = metaKey('written');

export interface WrittenRow {
  readonly author: Author;
  /** The greatest HLC of an operation that the row names. */
  readonly last: Hlc;
  readonly sequence: number;
}

export function writtenKey({ author, last, sequence }: WrittenRow): Bytes {
  const out = new Uint8Array(KEY_BYTES);
  out[0] = BUCKETS.written;
  authorInto(author, out, 1);
  hlcInto(last, out, 1 + AUTHOR_BYTES);
  new DataView(out.buffer).setBigUint64(1 + AUTHOR_BYTES + HLC_BYTES, BigInt(sequence));
  return out;
}

/** What the key of a row says. LatticeError `damaged-row`. */
export function decodeWrittenKey(rowKey: Bytes): WrittenRow {
  if (rowKey[0] !== BUCKETS.written || rowKey.length !== KEY_BYTES) throw damaged('has not the key of one');
  const at = 1 + AUTHOR_BYTES + HLC_BYTES;
  const sequence = Number(new DataView(rowKey.buffer, rowKey.byteOffset + at, SEQUENCE_BYTES).getBigUint64(0));
  if (!Number.isSafeInteger(sequence)) throw damaged('is of no batch');
  return { author: authorAt(rowKey, 1), last: hlcAt(rowKey, 1 + AUTHOR_BYTES), sequence };
}

/** The bytes of a row, of whole key hashes. */
export function encodeWritten(keyHashes: readonly Bytes[]): Bytes {
  const out = new Uint8Array(PLACE_BYTES * keyHashes.length);
  keyHashes.forEach((hash, i) => out.set(hash.subarray(0, PLACE_BYTES), PLACE_BYTES * i));
  return out;
}

/** The beginnings of key hashes in a row. LatticeError `damaged-row`. */
export function decodeWritten(value: Bytes): Bytes[] {
  if (value.length % PLACE_BYTES !== 0) throw damaged('has part of a key hash');
  return Array.from({ length: value.length / PLACE_BYTES }, (_, i) =>
    value.slice(PLACE_BYTES * i, PLACE_BYTES * (i + 1)),
  );
}

/** What the rows name: every operation of the state that is later than `since`, up to this batch. */
export interface WrittenRecord {
  readonly since: Hlc;
  readonly sequence: number;
}

/** [since, sequence]. */
export const encodeWrittenRecord = ({ since, sequence }: WrittenRecord): Bytes =>
  encodeCbor([hlcToBytes(since), sequence]);

/** LatticeError `damaged-row`. */
export function decodeWrittenRecord(bytes: Bytes): WrittenRecord {
  return decodeStored('the record of what authors wrote', bytes, (reader) => {
    expectArray(reader, 2);
    const since = bytesToHlc(readBytesOf(reader, HLC_BYTES));
    return { since, sequence: readUint(reader) };
  });
}

const damaged = (why: string): LatticeError => new LatticeError('damaged-row', `a row of what an author wrote ${why}`);
