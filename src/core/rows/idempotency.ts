import { encodeCbor } from '../cbor/cbor.ts';
import { ARRAY, expectArray, malformed, readBoolean, readBytesOf, readHead, readUint } from '../cbor/reader.ts';
import { decodeStored } from '../cbor/stored.ts';
import { type Bytes, bytesToHex, hexToBytes, MAX_OPERATIONS } from '../types/index.ts';

const HASH_BYTES = 32;
const HLC_BYTES = 8;

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
}

function bytesOf(hex: string, length: number): Bytes {
  const bytes = hexToBytes(hex);
  if (bytes?.length !== length) throw new RangeError(`not the hex digits of ${length} bytes: ${hex}`);
  return bytes;
}

/** The bytes of the row: [at, request, commit, hlc, first, [created…]], and [ends…] where anything ends. */
export function encodeIdempotency(record: IdempotencyRecord): Bytes {
  const { at, request, commit, hlc, first, created, ends } = record;
  const told = [at, request, bytesOf(commit, HASH_BYTES), bytesOf(hlc, HLC_BYTES), first, created];
  return encodeCbor(ends === undefined ? told : [...told, ends]);
}

/** Reads the bytes of the row. LatticeError `damaged-row`. */
export function decodeIdempotency(bytes: Bytes): IdempotencyRecord {
  return decodeStored('the record of an idempotency key', bytes, (reader) => {
    const items = readHead(reader, ARRAY);
    if (items !== 6 && items !== 7) throw malformed(`a record of an idempotency key has 6 or 7 items, not ${items}`);
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
    expectArray(reader, count);
    return { ...told, ends: created.map(() => readUint(reader)) };
  });
}
