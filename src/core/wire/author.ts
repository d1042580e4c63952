import { type Author, type Bytes, bytesToHex } from '../types/index.ts';

/**
 * Places of the cache of authors, a power of two. The authors of a fleet mostly have a place each; authors that share
 * one replace each other there, and nothing but the saving is lost.
 */
const PLACES = 64;
const AUTHOR_BYTES = 32;

const known: ({ readonly bytes: Bytes; readonly author: Author } | undefined)[] = [];

/**
 * The author whose 32-byte key stands at `at`. The same few authors stand in every context, and their text is compared
 * and looked up all the time, so one string for each is made and hashed once and not anew with every operation.
 */
export function authorAt(bytes: Bytes, at: number): Author {
  const place = (bytes[at + AUTHOR_BYTES - 1] as number) & (PLACES - 1);
  const held = known[place];
  if (held !== undefined) {
    let same = 0;
    while (same < AUTHOR_BYTES && held.bytes[same] === bytes[at + same]) same++;
    if (same === AUTHOR_BYTES) return held.author;
  }
  const key = bytes.slice(at, at + AUTHOR_BYTES);
  const author = bytesToHex(key) as Author;
  known[place] = { bytes: key, author };
  return author;
}
