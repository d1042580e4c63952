import { type Author, type Bytes, type Hlc } from '../types/index.ts';
import { authorAt } from './author.ts';
import { hlcAt, hlcToBytes } from './hlc.ts';
import { authorToBytes } from './operation.ts';
import { createReader, expectArray, expectEnd, malformed, readBytes, readUint } from './reader.ts';
import { metaKey } from './rows.ts';
import { createWriter, finish, writeArray, writeBytes, writeHead } from './writer.ts';

/** One leaf of a page: key hash and leaf hash. */
export const LEAF_BYTES = 64;
/** Most bits of a page's number. With the usual size of a page: half a billion leaves. */
export const MAX_PAGE_BITS = 20;

const VERSION = 1;
/** Author and two HLCs. */
const AUTHOR_BYTES = 48;

/** The row that says that pages of leaves are complete; written after them. */
export const CHECKPOINT = metaKey('leaves');

/** What was seen of one author: the greatest HLC in any operation or context, and in a commit that the author signed. */
export interface AuthorClock {
  readonly author: Author;
  readonly seen: Hlc;
  readonly committed: Hlc;
}

/**
 * Pages of leaves and what is not in them. A page holds every leaf of its prefix as it was at `sequence` or later; whatever changed after
 * `sequence` stands in the journal. So leaves of the keys in the journal since then are taken from their entries, and all others from here.
 */
export interface Checkpoint {
  readonly bits: number;
  readonly sequence: number;
  readonly authors: readonly AuthorClock[];
}

/** [version, bits, sequence, n × (author ‖ seen ‖ committed)]. */
export function encodeCheckpoint({ bits, sequence, authors }: Checkpoint): Bytes {
  const clocks = new Uint8Array(authors.length * AUTHOR_BYTES);
  authors.forEach(({ author, seen, committed }, i) => {
    clocks.set(authorToBytes(author), i * AUTHOR_BYTES);
    clocks.set(hlcToBytes(seen), i * AUTHOR_BYTES + 32);
    clocks.set(hlcToBytes(committed), i * AUTHOR_BYTES + 40);
  });
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
  if (clocks.length % AUTHOR_BYTES !== 0) throw malformed('the clocks of authors are not a whole number of them');
  const authors: AuthorClock[] = [];
  for (let at = 0; at < clocks.length; at += AUTHOR_BYTES) {
    authors.push({ author: authorAt(clocks, at), seen: hlcAt(clocks, at + 32), committed: hlcAt(clocks, at + 40) });
  }
  return { bits, sequence, authors };
}
