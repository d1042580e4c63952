import { createReader, expectArray, expectEnd, malformed, readBytes, readUint } from '../cbor/reader.ts';
import { createWriter, finish, writeArray, writeBytes, writeHead } from '../cbor/writer.ts';
import type { Bytes } from '../types/index.ts';
import { type AuthorClock, bytesToClocks, clocksToBytes } from './author-clocks.ts';
import { metaKey } from './keys.ts';

/** Bytes of one leaf of a page: key hash and leaf hash. */
export const LEAF_BYTES = 64;
/** Most bits of a page's number. With pages of the usual size that is half a billion leaves. */
export const MAX_PAGE_BITS = 20;

const VERSION = 1;

/** The key of the row that says that the pages of leaves are complete. It is written after them. */
export const CHECKPOINT = metaKey('leaves');

/**
 * A checkpoint: pages of leaves, and what is not in them (SPEC N11). A page has every leaf of its prefix as it was at
 * `sequence` or later, and the journal names whatever changed after `sequence`. So a start takes the leaves of keys in
 * the journal since then from the journal or from their entries, and all others from the pages.
 */
export interface Checkpoint {
  /** Bits of the pages' numbers. */
  readonly bits: number;
  /** The sequence of the last batch before the pages were written. */
  readonly sequence: number;
  /** What was seen of every author when the pages were complete. */
  readonly authors: readonly AuthorClock[];
}

/** The bytes of the row: [version, bits, sequence, n × (author ‖ seen ‖ committed)]. */
export function encodeCheckpoint({ bits, sequence, authors }: Checkpoint): Bytes {
  const clocks = clocksToBytes(authors);
  const writer = createWriter(32 + clocks.length);
  writeArray(writer, 4);
  writeHead(writer, 0, VERSION);
  writeHead(writer, 0, bits);
  writeHead(writer, 0, sequence);
  writeBytes(writer, clocks);
  return finish(writer);
}

/** Throws LatticeError `malformed`, after which a start reads the entries themselves. */
export function decodeCheckpoint(bytes: Bytes): Checkpoint {
  const reader = createReader(bytes);
  expectArray(reader, 4);
  const version = readUint(reader);
  if (version !== VERSION) throw malformed(`checkpoint version ${version} is not known here`);
  const bits = readUint(reader);
  if (bits > MAX_PAGE_BITS) throw malformed(`a page's number has at most ${MAX_PAGE_BITS} bits`);
  const sequence = readUint(reader);
  const clocks = readBytes(reader);
  expectEnd(reader);
  return { bits, sequence, authors: bytesToClocks(clocks) };
}
