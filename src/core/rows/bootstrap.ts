import { expectArray, malformed, readBytes, readUint, splitBytes } from '../cbor/reader.ts';
import { decodeStored } from '../cbor/stored.ts';
import { createWriter, finish, writeArray, writeBytes, writeHead } from '../cbor/writer.ts';
import { type Author, type Bytes, concatBytes, type Entry } from '../types/index.ts';
import { authorAt } from '../wire/author.ts';
import { decodeEntry, encodeEntry } from '../wire/entry.ts';
import { authorBytes } from '../wire/fields.ts';
import { metaKey, quarantineKey } from './keys.ts';

const HASH_BYTES = 32;
const VERSION = 1;
/** (row) Peers that a bootstrap remembers as sources: their place in the list is a byte in the table of chunks. */
export const MAX_SOURCES = 200;
/**
 * What the table says of a chunk that is still to be fetched, and of one left to repair because most of it was here.
 */
export const CHUNK_OPEN = 0;
export const CHUNK_LEFT = 255;

/** The row that a bootstrap keeps until every signature has been verified. */
export const BOOTSTRAP = metaKey('bootstrap');

/** How far a bootstrap has come, written with what it brings in. */
export interface BootstrapRecord {
  /** Of the cut. */
  readonly certificate: Bytes;
  /** Who served chunks, in no order, at most MAX_SOURCES. */
  readonly sources: readonly Author[];
  /** One byte for each chunk: CHUNK_OPEN, CHUNK_LEFT, or 1 + the place of its source. */
  readonly chunks: Bytes;
  /** Empty while chunks are fetched; then the key hash up to which signatures have been verified (32 bytes). */
  readonly cursor: Bytes;
  /** Keys verified so far. */
  readonly verified: number;
}

/** [1, certificate, n × source, chunks, cursor, verified]. */
export function encodeBootstrap({ certificate, sources, chunks, cursor, verified }: BootstrapRecord): Bytes {
  const packed = concatBytes(...sources.map(authorBytes));
  const writer = createWriter(certificate.length + packed.length + chunks.length + 96);
  writeArray(writer, 6);
  writeHead(writer, 0, VERSION);
  for (const bytes of [certificate, packed, chunks, cursor]) writeBytes(writer, bytes);
  writeHead(writer, 0, verified);
  return finish(writer);
}

/** LatticeError `damaged-row`. */
export function decodeBootstrap(bytes: Bytes): BootstrapRecord {
  return decodeStored('the record of a bootstrap', bytes, (reader) => {
    expectArray(reader, 6);
    if (readUint(reader) !== VERSION) throw malformed('a record of another version');
    const certificate = readBytes(reader);
    const sources = splitBytes(readBytes(reader), HASH_BYTES).map((one) => authorAt(one, 0));
    const chunks = readBytes(reader);
    const cursor = readBytes(reader);
    if (cursor.length !== 0 && cursor.length !== HASH_BYTES) throw malformed(`a cursor of ${cursor.length} bytes`);
    if (chunks.length === 0 || !Number.isInteger(Math.log2(chunks.length)))
      throw malformed(`a table of ${chunks.length} chunks`);
    if (chunks.some((source) => source !== CHUNK_LEFT && source > sources.length))
      throw malformed('a chunk has an unknown source');
    return { certificate, sources, chunks, cursor, verified: readUint(reader) };
  });
}

/** An operation that was taken out of the state because its signature is bad, and where it came from. */
export interface Quarantined {
  /** The key with this one sibling. */
  readonly entry: Entry;
  /** Who served it, where that is known. */
  readonly source: Author | undefined;
  /** Who attested the cut that it was part of. */
  readonly attesters: readonly Author[];
  /** Unix ms. */
  readonly at: number;
}

/** Row key and value: [1, entry, source, n × attester, at]. */
export function encodeQuarantined({ entry, source, attesters, at }: Quarantined): {
  readonly key: Bytes;
  readonly value: Bytes;
} {
  const [sibling] = entry.siblings;
  if (sibling === undefined || entry.siblings.length !== 1)
    throw new RangeError('one operation is quarantined at a time');
  const writer = createWriter(512);
  writeArray(writer, 5);
  writeHead(writer, 0, VERSION);
  writeBytes(writer, encodeEntry(entry));
  writeBytes(writer, source === undefined ? new Uint8Array(0) : authorBytes(source));
  writeBytes(writer, concatBytes(...attesters.map(authorBytes)));
  writeHead(writer, 0, at);
  return { key: quarantineKey(sibling.commit, sibling.index), value: finish(writer) };
}

/** LatticeError `damaged-row`. */
export function decodeQuarantined(bytes: Bytes): Quarantined {
  return decodeStored('a quarantined operation', bytes, (reader) => {
    expectArray(reader, 5);
    if (readUint(reader) !== VERSION) throw malformed('a record of another version');
    const entry = decodeEntry(readBytes(reader));
    const source = readBytes(reader);
    const attesters = splitBytes(readBytes(reader), HASH_BYTES).map((one) => authorAt(one, 0));
    return { entry, source: source.length === 0 ? undefined : authorAt(source, 0), attesters, at: readUint(reader) };
  });
}
