import { encodeCbor } from '../cbor/cbor.ts';
import { expectArray, malformed, readBytesOf, readUint } from '../cbor/reader.ts';
import { decodeStored } from '../cbor/stored.ts';
import { createWriter, finish, writeArray, writeBytes, writeHead } from '../cbor/writer.ts';
import { bytesToHlc, hlcToBytes } from '../clock/hlc.ts';
import type { Bytes, Hlc } from '../types/index.ts';
import { metaKey } from './keys.ts';

const VERSION = 1;
const INCARNATION_BYTES = 8;
const HLC_BYTES = 8;

/**
 * The key of the row that counts the batches of rows that belong to no commit. Those that do are counted by the sequence
 * of the state record.
 */
export const KEPT = metaKey('kept');

/** The bytes of the row: the number. */
export function encodeKept(kept: number): Bytes {
  return encodeCbor(kept);
}

/** Reads the bytes of the row. LatticeError `damaged-row`. */
export function decodeKept(bytes: Bytes): number {
  return decodeStored('the count of batches', bytes, readUint);
}

/** What the witness of a store keeps of the last durable batch (SPEC N15). */
export interface LastBatch {
  /** The store incarnation, 8 bytes. */
  readonly incarnation: Bytes;
  readonly sequence: number;
  /** How many batches of rows that belong to no commit were ever durable here (`KEPT`). */
  readonly kept: number;
  /** The clock of the state: no own commit has a greater HLC. */
  readonly hlc: Hlc;
  /** The greatest HLC of a commit of the node's own key that was ever durable here; zero when there is none. */
  readonly committed: Hlc;
  /** How many batches an earlier start found missing at the end of the store and has not got back. */
  readonly missing: number;
}

/** The bytes of the record: [1, incarnation, sequence, kept, hlc, committed, missing]. */
export function encodeLastBatch({ incarnation, sequence, kept, hlc, committed, missing }: LastBatch): Bytes {
  const writer = createWriter(64);
  writeArray(writer, 7);
  writeHead(writer, 0, VERSION);
  writeBytes(writer, incarnation);
  writeHead(writer, 0, sequence);
  writeHead(writer, 0, kept);
  writeBytes(writer, hlcToBytes(hlc));
  writeBytes(writer, hlcToBytes(committed));
  writeHead(writer, 0, missing);
  return finish(writer);
}

/** Reads the bytes of the record. LatticeError `damaged-row`. */
export function decodeLastBatch(bytes: Bytes): LastBatch {
  return decodeStored('the witness of the store', bytes, (reader) => {
    expectArray(reader, 7);
    if (readUint(reader) !== VERSION) throw malformed('a record of another version');
    const incarnation = readBytesOf(reader, INCARNATION_BYTES);
    const sequence = readUint(reader);
    const kept = readUint(reader);
    const hlc = bytesToHlc(readBytesOf(reader, HLC_BYTES));
    const committed = bytesToHlc(readBytesOf(reader, HLC_BYTES));
    return { incarnation, sequence, kept, hlc, committed, missing: readUint(reader) };
  });
}
