import { checkKey } from '../../core/cbor/index.ts';
import { conflictKeyToKey, conflictRange, listedKeyToKey, listedRange } from '../../core/rows/index.ts';
import type { Entry, Hasher } from '../../core/types/index.ts';
import { keyHash } from '../../core/wire/index.ts';
import type { Store } from '../../ports/index.ts';
import type { Writer } from '../commit/writer.ts';
import type { EntryView, Lattice } from '../facade/index.ts';
import { type Between, type Entries, wantedKeys } from '../storage/entries.ts';
import { cursorToKey, keyToCursor, pageSize } from './cursor.ts';
import { entryToConflict, entryToView } from './views.ts';

const DEFAULT_PAGE = 100;
/** How many entries one page has at most. With the largest values a page then stays within 16 MiB. */
const MAX_PAGE = 1000;
/** How many entries of a page are read at a time: the usual page with one read, and 2 MiB with the largest values. */
const LIST_CHUNK = 128;

export interface ReadsDeps {
  readonly store: Pick<Store, 'iterate'>;
  readonly hasher: Hasher;
  readonly writer: Pick<Writer, 'read'>;
  readonly entries: Entries;
}

/**
 * Reads of single keys and of lists. Rows in the store are durable by nature, and each entry is compared with the tree.
 */
export function createReads(deps: ReadsDeps): Pick<Lattice, 'get' | 'list' | 'conflicts'> {
  const { store, hasher, entries } = deps;
  const between: Between = (read) => deps.writer.read(read);
  const many = (keys: readonly string[]): Promise<(Entry | undefined)[]> =>
    entries.many(wantedKeys(keys, hasher), between);

  return {
    async get(key) {
      const entry = await entries.get({ key, keyHash: keyHash(checkKey(key), hasher) }, between);
      return entry === undefined ? undefined : entryToView(entry);
    },

    async list({ prefix = '', limit, cursor }) {
      const size = pageSize(limit, DEFAULT_PAGE, MAX_PAGE);
      const items: EntryView[] = [];
      const range = listedRange(prefix, cursor === undefined ? undefined : cursorToKey(cursor));
      for await (const rows of store.iterate(range)) {
        for (let at = 0; at < rows.length; at += LIST_CHUNK) {
          const keys = rows.slice(at, at + LIST_CHUNK).map(([rowKey]) => listedKeyToKey(rowKey));
          for (const entry of await many(keys)) {
            const view = entry === undefined ? undefined : entryToView(entry);
            if (view === undefined) continue;
            if (items.length === size) return { items, cursor: keyToCursor((items.at(-1) as EntryView).key) };
            items.push(view);
          }
        }
      }
      return { items };
    },

    async conflicts({ limit, cursor }) {
      const size = pageSize(limit, DEFAULT_PAGE, MAX_PAGE);
      const range = conflictRange(cursor === undefined ? undefined : cursorToKey(cursor));
      const keys: string[] = [];
      for await (const rows of store.iterate({ ...range, limit: size + 1 }))
        for (const [rowKey] of rows) keys.push(conflictKeyToKey(rowKey));
      const shown = keys.slice(0, size);
      const found = await many(shown);
      const items = found.flatMap((entry) =>
        entry !== undefined && entry.siblings.length > 1 ? [entryToConflict(entry)] : [],
      );
      return keys.length > size ? { items, cursor: keyToCursor(shown.at(-1) as string) } : { items };
    },
  };
}
