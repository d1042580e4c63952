import { ARRAY, malformed, readBytes, readBytesOf, readHead, readTextWithin, readUint } from '../cbor/reader.ts';
import { decodeStored } from '../cbor/stored.ts';
import { createWriter, finish, writeArray, writeBytes, writeHead, writeText } from '../cbor/writer.ts';
import { bytesToHlc, hlcToBytes } from '../clock/hlc.ts';
import { type Bytes, type Hlc, LatticeError, MAX_NETWORK_BYTES } from '../types/index.ts';
import { type EndMark, MAX_MARK_BYTES, NOTHING_ENDED } from './ends.ts';

const HASH_BYTES = 32;
const INCARNATION_BYTES = 8;

/** The format of a store directory. Another number is the directory of another version, not damage. */
export const STATE_FORMAT = 2;

/** What the state is as a whole. It is written with every batch. */
export interface StateMeta {
  readonly format: typeof STATE_FORMAT;
  /** The store incarnation: 8 random bytes, drawn when the store was made. Cursors carry it. */
  readonly incarnation: Bytes;
  readonly network: string;
  readonly root: Bytes;
  /** Number of keys, tombstones included. */
  readonly entries: number;
  /** Number of keys with a value that is not below `ended`. */
  readonly live: number;
  /** Number of keys with more than one sibling. */
  readonly conflicts: number;
  /** The sequence of the last batch. */
  readonly sequence: number;
  /** No own commit has a greater HLC; zero before the first. */
  readonly hlc: Hlc;
  /** Which ends have been told. */
  readonly ended: EndMark;
}

/**
 * The bytes of the row: [format, incarnation, network, root, entries, live, conflicts, sequence, hlc], and `ended` as a
 * tenth item once anything has ended.
 */
export function encodeStateMeta(meta: StateMeta): Bytes {
  const writer = createWriter(256);
  const { ended } = meta;
  writeArray(writer, ended.length === 0 ? 9 : 10);
  writeHead(writer, 0, meta.format);
  writeBytes(writer, meta.incarnation);
  writeText(writer, meta.network);
  writeBytes(writer, meta.root);
  for (const n of [meta.entries, meta.live, meta.conflicts, meta.sequence]) writeHead(writer, 0, n);
  writeBytes(writer, hlcToBytes(meta.hlc));
  if (ended.length > 0) writeBytes(writer, ended);
  return finish(writer);
}

/**
 * Reads the bytes of the row. LatticeError `unknown-format` for the directory of another version, `damaged-row`
 * otherwise.
 */
export function decodeStateMeta(bytes: Bytes): StateMeta {
  return decodeStored('the state record', bytes, (reader) => {
    const items = readHead(reader, ARRAY);
    const format = readUint(reader);
    if (format !== STATE_FORMAT) {
      throw new LatticeError(
        'unknown-format',
        `the store has format ${format}; this program reads format ${STATE_FORMAT}`,
        {
          next: 'start the version that wrote it, or one that can convert it',
          details: { format },
        },
      );
    }
    if (items !== 9 && items !== 10) throw malformed(`a state record has 9 or 10 items, not ${items}`);
    const incarnation = readBytesOf(reader, INCARNATION_BYTES);
    const network = readTextWithin(reader, MAX_NETWORK_BYTES);
    const root = readBytesOf(reader, HASH_BYTES);
    const entries = readUint(reader);
    const live = readUint(reader);
    const conflicts = readUint(reader);
    const sequence = readUint(reader);
    const hlc = bytesToHlc(readBytesOf(reader, 8));
    const ended = items === 10 ? readBytes(reader) : NOTHING_ENDED;
    if ((items === 10 && ended.length < MAX_MARK_BYTES - 1) || ended.length > MAX_MARK_BYTES)
      throw malformed(`a mark of ends has ${MAX_MARK_BYTES - 1} or ${MAX_MARK_BYTES} bytes, not ${ended.length}`);
    return { format, incarnation, network, root, entries, live, conflicts, sequence, hlc, ended };
  });
}
