import { type Author, type Bytes, bytesToHex } from '../types/index.ts';

/** Power of two; a fleet's authors mostly have a place of their own. Authors that share one only lose the saving. */
const PLACES = 64;
const AUTHOR_BYTES = 32;

const known: ({ readonly bytes: Bytes; readonly author: Author } | undefined)[] = [];

/**
 * The author whose 32-byte key stands at `at`. The same few authors stand in every context, and their text is compared
 * and looked up all the time: one string for each is made, hashed and compared once instead of anew with every
 * operation.
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
