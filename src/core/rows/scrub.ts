import { expectArray, malformed, readBytes, readUint } from '../cbor/reader.ts';
import { decodeStored } from '../cbor/stored.ts';
import { createWriter, finish, writeArray, writeBytes, writeHead } from '../cbor/writer.ts';
import type { Bytes } from '../types/index.ts';
import { metaKey } from './keys.ts';

const HASH_BYTES = 32;

/** The key of the row that remembers how far the scrub of the store has come. */
export const SCRUB = metaKey('scrub');

/** How far the scrub has come. */
export interface ScrubRecord {
  /** The key hash up to which this round has checked entries; empty at its beginning. */
  readonly cursor: Bytes;
  /** How many entries this round has checked. */
  readonly checked: number;
  /** When the last whole round ended, Unix ms; 0 before the first. */
  readonly completedAt: number;
}

/** The bytes of the row: [cursor, checked, completedAt]. */
export function encodeScrub({ cursor, checked, completedAt }: ScrubRecord): Bytes {
  const writer = createWriter(64);
  writeArray(writer, 3);
  writeBytes(writer, cursor);
  writeHead(writer, 0, checked);
  writeHead(writer, 0, completedAt);
  return finish(writer);
}

/** Reads the bytes of the row. LatticeError `damaged-row`. */
export function decodeScrub(bytes: Bytes): ScrubRecord {
  return decodeStored('the record of the scrub', bytes, (reader) => {
    expectArray(reader, 3);
    const cursor = readBytes(reader);
    if (cursor.length !== 0 && cursor.length !== HASH_BYTES) throw malformed(`a cursor of ${cursor.length} bytes`);
    const checked = readUint(reader);
    return { cursor, checked, completedAt: readUint(reader) };
  });
}
