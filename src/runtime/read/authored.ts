import { hlcMs } from '../../core/clock/index.ts';
import type { FoundEntry } from '../../core/replica/index.ts';
import { type Author, type Bytes, bytesToHex, hexToBytes, LatticeError, type Sibling } from '../../core/types/index.ts';
import type { Between, Entries } from '../storage/entries.ts';

/** Keys that are looked at in one go. Decoding as many, all of the author, takes a few milliseconds. */
const CHUNK = 128;
/** Keys that one page looks at: some tens of milliseconds where none of them is of the author. */
const MAX_LOOKED_AT = 8192;
const HASH_BYTES = 32;

/** An entry with what the author wrote there. */
export interface Authored {
  readonly found: FoundEntry;
  readonly written: Sibling;
}

/** Whose writes, and since when (Unix ms, by their HLC). */
export interface AuthoredSince {
  readonly author: string;
  readonly since: number;
}

/** Throws LatticeError `invalid-query` unless it is the key of an author. */
export function checkAuthor(author: string): Author {
  if (hexToBytes(author)?.length === HASH_BYTES) return author as Author;
  throw new LatticeError('invalid-query', 'an author has 64 hex digits', {
    next: 'see the authors with `lattice members`',
  });
}

/** What the author wrote there at `since` or later; undefined where it is nothing. */
export const writtenIn = ({ siblings }: FoundEntry['entry'], { author, since }: AuthoredSince): Sibling | undefined =>
  siblings.find((one) => one.author === author && hlcMs(one.hlc) >= since);

/** Whether the bytes of `needle` stand somewhere in `row`. */
function contains(row: Bytes, needle: Bytes): boolean {
  for (let at = row.indexOf(needle[0] as number); at >= 0; at = row.indexOf(needle[0] as number, at + 1)) {
    let same = 1;
    while (same < needle.length && row[at + same] === needle[same]) same++;
    if (same === needle.length) return true;
  }
  return false;
}

/**
 * Looks through the state for what an author wrote, from the key hash `after` on and through as many keys as one page
 * looks at. There is no list of that by author, which every write would have to keep, so that each key is looked at; the
 * bytes of a row tell whether it can be of that author before it is decoded. Each item has what was found in one go, and
 * the last key hash that was looked at for it; undefined once there are no more keys.
 */
export async function* lookForAuthor(
  { entries, between }: { readonly entries: Pick<Entries, 'page'>; readonly between: Between },
  asked: AuthoredSince,
  after: Bytes | undefined,
): AsyncGenerator<{ readonly found: readonly Authored[]; readonly last: Bytes | undefined }> {
  const needle = hexToBytes(checkAuthor(asked.author)) as Bytes;
  let from = after;
  for (let looked = 0; looked < MAX_LOOKED_AT; looked += CHUNK) {
    const page = await entries.page(from, CHUNK, between, (row) => contains(row, needle));
    const found = page.entries.flatMap((one) => {
      const written = writtenIn(one.entry, asked);
      return written === undefined ? [] : [{ found: one, written }];
    });
    yield { found, last: page.last };
    if (page.last === undefined) return;
    from = page.last;
  }
}

/** The cursor names the last key hash that was looked at: 64 hex digits, so that its first ones tell how far one is. */
export const cursorAfter = (after: Bytes | undefined): string => bytesToHex(after ?? new Uint8Array(HASH_BYTES));

/** The key hash that a cursor names. Throws LatticeError `invalid-cursor`. */
export function afterCursor(cursor: string | undefined): Bytes | undefined {
  if (cursor === undefined) return undefined;
  const hash = hexToBytes(cursor);
  if (hash?.length === HASH_BYTES) return hash;
  throw new LatticeError('invalid-cursor', 'the cursor is not one of this API', {
    next: 'start again without a cursor',
  });
}
