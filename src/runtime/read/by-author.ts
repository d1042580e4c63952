import { hlcMs } from '../../core/clock/index.ts';
import { versionOf } from '../../core/state/index.ts';
import { type Bytes, bytesToHex, hexToBytes, LatticeError } from '../../core/types/index.ts';
import type { Writer } from '../commit/writer.ts';
import type { AuthoredView, Lattice } from '../facade/index.ts';
import type { Between, Entries } from '../storage/entries.ts';
import { pageSize } from './cursor.ts';
import { entryToConflict } from './views.ts';

const DEFAULT_PAGE = 100;
const MAX_PAGE = 1000;
/** Keys that one page looks at: some tens of milliseconds where none of them is of the author. */
const MAX_LOOKED_AT = 8192;
/** Keys that are looked at in one go. Decoding as many, all of the author, takes a few milliseconds. */
const CHUNK = 128;
const HASH_BYTES = 32;

/** Whether the bytes of `needle` stand somewhere in `row`. */
function contains(row: Bytes, needle: Bytes): boolean {
  for (let at = row.indexOf(needle[0] as number); at >= 0; at = row.indexOf(needle[0] as number, at + 1)) {
    let same = 1;
    while (same < needle.length && row[at + same] === needle[same]) same++;
    if (same === needle.length) return true;
  }
  return false;
}

export interface ByAuthorDeps {
  readonly writer: Pick<Writer, 'read'>;
  readonly entries: Pick<Entries, 'page'>;
  /** Unix ms, by which what has ended is judged. */
  readonly now: () => number;
}

/**
 * What an author wrote and the state still has. There is no list of that by author, which every write would have to keep,
 * so that each key is looked at; the bytes of a row tell whether it can be of that author before it is decoded.
 */
export function createByAuthor({ writer, entries, now }: ByAuthorDeps): Pick<Lattice, 'writtenBy'> {
  const between: Between = (read) => writer.read(read);
  return {
    async writtenBy(author, { since, limit, cursor, fits }) {
      const size = pageSize(limit, DEFAULT_PAGE, MAX_PAGE);
      const needle = hexToBytes(author);
      if (needle?.length !== HASH_BYTES)
        throw new LatticeError('invalid-query', 'an author has 64 hex digits', {
          next: 'see the authors with `lattice members`',
        });
      const nowMs = now();
      const items: AuthoredView[] = [];
      let after = cursor === undefined ? undefined : hashOf(cursor);
      for (let looked = 0; looked < MAX_LOOKED_AT; looked += CHUNK) {
        const page = await entries.page(after, CHUNK, between, (row) => contains(row, needle));
        for (const { keyHash, entry } of page.entries) {
          const written = entry.siblings.find((one) => one.author === author && hlcMs(one.hlc) >= since);
          if (written === undefined) continue;
          const item = { ...entryToConflict(entry, nowMs), written: versionOf(written) };
          // The first item of a page is in it whatever its size, so that a reader always gets on.
          const isFirst = items.length === 0;
          if (!isFirst && (items.length === size || fits?.(item) === false))
            return { items, cursor: cursorAfter(after) };
          if (isFirst) fits?.(item);
          items.push(item);
          after = keyHash;
        }
        if (page.last === undefined) return { items };
        after = page.last;
      }
      return { items, cursor: cursorAfter(after) };
    },
  };
}

/** The cursor names the last key hash that was looked at: 64 hex digits, so that its first ones tell how far one is. */
const cursorAfter = (after: Bytes | undefined): string => bytesToHex(after ?? new Uint8Array(HASH_BYTES));

function hashOf(cursor: string): Bytes {
  const hash = hexToBytes(cursor);
  if (hash?.length === HASH_BYTES) return hash;
  throw new LatticeError('invalid-cursor', 'the cursor is not one of this API', {
    next: 'start again without a cursor',
  });
}
