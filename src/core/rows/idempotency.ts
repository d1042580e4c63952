import { encodeCbor } from '../cbor/cbor.ts';
import { ARRAY, malformed, readBoolean, readBytesOf, readHead, readUint } from '../cbor/reader.ts';
import { decodeStored } from '../cbor/stored.ts';
import { type Bytes, bytesToHex, hexToBytes, MAX_OPERATIONS } from '../types/index.ts';

const HASH_BYTES = 32;
const HLC_BYTES = 8;
const AUTHOR_BYTES = 32;

/**
 * What a write under an idempotency key came to (SPEC A22). It does not say which keys were written: those are in the
 * request, which must be the same.
 */
export interface IdempotencyRecord {
  /** Unix ms of the write. */
  readonly at: number;
  /** SHA-256 of what was asked for, 32 bytes. */
  readonly request: Bytes;
  /** The commit id, 64 hex digits. */
  readonly commit: string;
  /** The HLC of the commit, 16 hex digits. */
  readonly hlc: string;
  /** The index of the write's first operation in the commit, because small writes share a commit. */
  readonly first: number;
  /** For each operation, whether its key had no value before. */
  readonly created: readonly boolean[];
  /** For each operation when what it wrote ends, Unix ms, and 0 where that has no end. Absent where nothing ends. */
  readonly ends?: readonly number[];
  /** The author who signed the commit, 64 hex digits. Absent in rows that an earlier version of this software wrote. */
  readonly author?: string;
}

function bytesOf(hex: string, length: number): Bytes {
  const bytes = hexToBytes(hex);
  if (bytes?.length !== length) throw new RangeError(`not the hex digits of ${length} bytes: ${hex}`);
  return bytes;
}

/**
 * The bytes of the row: [at, request, commit, hlc, first, [created…], [ends…], author], with [] where nothing ends. A
 * record without its author has the form that it was read in.
 */
export function encodeIdempotency(record: IdempotencyRecord): Bytes {
  const { at, request, commit, hlc, first, created, ends, author } = record;
  const told = [at, request, bytesOf(commit, HASH_BYTES), bytesOf(hlc, HLC_BYTES), first, created];
  if (author !== undefined) return encodeCbor([...told, ends ?? [], bytesOf(author, AUTHOR_BYTES)]);
  return encodeCbor(ends === undefined ? told : [...told, ends]);
}

/**
 * Reads the bytes of the row, also those of earlier versions, which end before the author or before the ends.
 * LatticeError `damaged-row`.
 */
export function decodeIdempotency(bytes: Bytes): IdempotencyRecord {
  return decodeStored('the record of an idempotency key', bytes, (reader) => {
    const items = readHead(reader, ARRAY);
    if (items < 6 || items > 8) throw malformed(`a record of an idempotency key has 6 to 8 items, not ${items}`);
    const at = readUint(reader);
    const request = readBytesOf(reader, HASH_BYTES);
    const commit = bytesToHex(readBytesOf(reader, HASH_BYTES));
    const hlc = bytesToHex(readBytesOf(reader, HLC_BYTES));
    const first = readUint(reader);
    const count = readHead(reader, ARRAY);
    if (count > MAX_OPERATIONS) throw malformed(`${count} operations; a commit has at most ${MAX_OPERATIONS}`);
    const created: boolean[] = [];
    for (let i = 0; i < count; i++) created.push(readBoolean(reader));
    const told = { at, request, commit, hlc, first, created };
    if (items === 6) return told;
    const ending = readHead(reader, ARRAY);
    if (ending !== count && (ending !== 0 || items === 7)) throw malformed(`${ending} ends of ${count} operations`);
    const ends = ending === 0 ? {} : { ends: created.map(() => readUint(reader)) };
    if (items === 7) return { ...told, ...ends };
    return { ...told, ...ends, author: bytesToHex(readBytesOf(reader, AUTHOR_BYTES)) };
  });
}
