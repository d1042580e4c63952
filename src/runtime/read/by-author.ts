import { versionOf } from '../../core/state/index.ts';
import type { Writer } from '../commit/writer.ts';
import type { AuthoredView, Lattice } from '../facade/index.ts';
import type { Entries } from '../storage/entries.ts';
import { afterCursor, checkAuthor, cursorAfter, lookForAuthor } from './authored.ts';
import { pageSize } from './cursor.ts';
import { entryToConflict } from './views.ts';

const DEFAULT_PAGE = 100;
const MAX_PAGE = 1000;

export interface ByAuthorDeps {
  readonly writer: Pick<Writer, 'read'>;
  readonly entries: Pick<Entries, 'page'>;
  /** Unix ms, by which what has ended is judged. */
  readonly now: () => number;
}

/** What an author wrote and the state still has. */
export function createByAuthor({ writer, entries, now }: ByAuthorDeps): Pick<Lattice, 'writtenBy'> {
  return {
    async writtenBy(author, { since, limit, cursor, fits }) {
      const size = pageSize(limit, DEFAULT_PAGE, MAX_PAGE);
      const asked = { author: checkAuthor(author), since };
      const nowMs = now();
      const items: AuthoredView[] = [];
      let after = afterCursor(cursor);
      const looking = lookForAuthor({ entries, between: (read) => writer.read(read) }, asked, after);
      for await (const { found, last } of looking) {
        for (const { found: one, written } of found) {
          const item = { ...entryToConflict(one.entry, nowMs), written: versionOf(written) };
          // The first item of a page is in it whatever its size, so that a reader always gets on.
          const isFirst = items.length === 0;
          if (!isFirst && (items.length === size || fits?.(item) === false))
            return { items, cursor: cursorAfter(after) };
          if (isFirst) fits?.(item);
          items.push(item);
          after = one.keyHash;
        }
        if (last === undefined) return { items };
        after = last;
      }
      return { items, cursor: cursorAfter(after) };
    },
  };
}
