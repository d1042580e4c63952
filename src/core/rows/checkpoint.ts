import { createReader, expectArray, expectEnd, malformed, readBytes, readUint } from '../cbor/reader.ts';
import { createWriter, finish, writeArray, writeBytes, writeHead } from '../cbor/writer.ts';
import type { Bytes } from '../types/index.ts';
import { type AuthorClock, bytesToClocks, clocksToBytes } from './author-clocks.ts';
import { metaKey } from './keys.ts';

/** One leaf of a page: key hash and leaf hash. */
export const LEAF_BYTES = 64;
/** Most bits of a page's number. With the usual size of a page: half a billion leaves. */
export const MAX_PAGE_BITS = 20;

const VERSION = 1;

/** The row that says that pages of leaves are complete; written after them. */
export const CHECKPOINT = metaKey('leaves');

/**
 * Pages of leaves and what is not in them. A page holds every leaf of its prefix as it was at `sequence` or later;
 * whatever changed after `sequence` stands in the journal. So the leaves of the keys in the journal since then come
 * from there, or from their entries, and all others from here.
 */
export interface Checkpoint {
  readonly bits: number;
  readonly sequence: number;
  readonly authors: readonly AuthorClock[];
}

/** [version, bits, sequence, n × (author ‖ seen ‖ committed)]. */
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

/** LatticeError `malformed`: the entries themselves are then read. */
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
