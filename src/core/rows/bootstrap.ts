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
/**
 * Most peers that a bootstrap remembers as sources. The place of a source in their list is one byte in the table of
 * chunks.
 */
export const MAX_SOURCES = 200;
/**
 * What the table of chunks says of a chunk that is still to be fetched (CHUNK_OPEN), and of one that is left to repair
 * because this node had most of it (CHUNK_LEFT).
 */
export const CHUNK_OPEN = 0;
export const CHUNK_LEFT = 255;

/** The key of the row that a bootstrap keeps until every signature has been verified. */
export const BOOTSTRAP = metaKey('bootstrap');

/** How far a bootstrap has come. It is written in the same batch as what the bootstrap brings in (SPEC W8). */
export interface BootstrapRecord {
  /** The certificate of the cut. */
  readonly certificate: Bytes;
  /** The authors who served chunks, at most MAX_SOURCES, in no order. */
  readonly sources: readonly Author[];
  /** One byte for each chunk: CHUNK_OPEN, CHUNK_LEFT, or 1 + the place of its source in `sources`. */
  readonly chunks: Bytes;
  /** Empty while chunks are fetched; afterwards the key hash (32 bytes) up to which signatures have been verified. */
  readonly cursor: Bytes;
  /** The number of keys verified so far. */
  readonly verified: number;
}

/** The bytes of the row: [1, certificate, n × source, chunks, cursor, verified]. */
export function encodeBootstrap({ certificate, sources, chunks, cursor, verified }: BootstrapRecord): Bytes {
  const packed = concatBytes(...sources.map(authorBytes));
  const writer = createWriter(certificate.length + packed.length + chunks.length + 96);
  writeArray(writer, 6);
  writeHead(writer, 0, VERSION);
  for (const bytes of [certificate, packed, chunks, cursor]) writeBytes(writer, bytes);
  writeHead(writer, 0, verified);
  return finish(writer);
}

/** Reads the bytes of the row. LatticeError `damaged-row`. */
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

/** An operation that was taken out of the state because its signature is bad (SPEC W10), and where it came from. */
export interface Quarantined {
  /** The key with this operation as its only sibling. */
  readonly entry: Entry;
  /** Who served it, where that is known. */
  readonly source: Author | undefined;
  /** Who attested the cut that it was part of. */
  readonly attesters: readonly Author[];
  /** Unix ms. */
  readonly at: number;
}

/** The key of the row, and its value: [1, entry, source, n × attester, at]. */
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

/** Reads the bytes of the row. LatticeError `damaged-row`. */
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
