import { checkKey } from '../../core/cbor/index.ts';
import { conflictKeyToKey, conflictRange, listedKeyToKey, listedRange } from '../../core/rows/index.ts';
import type { Bytes, Entry, Hasher } from '../../core/types/index.ts';
import { keyHash } from '../../core/wire/index.ts';
import type { Store } from '../../ports/index.ts';
import type { Writer } from '../commit/writer.ts';
import type { Lattice, Page } from '../facade/index.ts';
import { type Between, type Entries, wantedKeys } from '../storage/entries.ts';
import { cursorToKey, keyToCursor, pageSize } from './cursor.ts';
import { entryToConflict, entryToView } from './views.ts';

const DEFAULT_PAGE = 100;
/** How many items one page has at most. */
const MAX_PAGE = 1000;
/**
 * How many keys one page looks at, most of which may be deleted or have ended: about a second's work, so that a reader is
 * answered in time whatever lies between two values.
 */
const MAX_LOOKED_AT = 10_000;
/** How many entries are read at a time: first so few that even the largest take a few milliseconds to decode. */
const FIRST_CHUNK = 16;
const MAX_CHUNK = 128;
/** How many bytes of operations the entries that are read at a time should have. */
const CHUNK_BYTES = 256 * 1024;

const bytesOf = (entry: Entry | undefined): number =>
  entry === undefined ? 0 : entry.siblings.reduce((sum, { operationBytes }) => sum + operationBytes.length, 0);

/** A key and its entry; without one where the key has left the state since its row was read. */
interface Looked {
  readonly key: string;
  readonly entry: Entry | undefined;
}

export interface ReadsDeps {
  readonly store: Pick<Store, 'iterate'>;
  readonly hasher: Hasher;
  readonly writer: Pick<Writer, 'read'>;
  readonly entries: Entries;
  /** Unix ms, by which what has ended is judged. */
  readonly now: () => number;
}

/**
 * Reads of single keys and of lists. Rows in the store are durable by nature, and each entry is compared with the tree.
 */
export function createReads(deps: ReadsDeps): Pick<Lattice, 'get' | 'list' | 'conflicts'> {
  const { store, hasher, entries, now } = deps;
  const between: Between = (read) => deps.writer.read(read);
  const many = (keys: readonly string[]): Promise<(Entry | undefined)[]> =>
    entries.many(wantedKeys(keys, hasher), between);

  /** The keys that are named by rows with their entries, in their order, a chunk of about CHUNK_BYTES at a time. */
  async function* chunksOf(
    rowChunks: AsyncIterable<readonly (readonly [Bytes, Bytes])[]>,
    keyOf: (rowKey: Bytes) => string,
  ): AsyncGenerator<readonly Looked[]> {
    let size = FIRST_CHUNK;
    for await (const rows of rowChunks) {
      for (let at = 0; at < rows.length; ) {
        const keys = rows.slice(at, at + size).map(([rowKey]) => keyOf(rowKey));
        at += keys.length;
        const found = await many(keys);
        yield keys.map((key, i) => ({ key, entry: found[i] }));
        const mean = found.reduce((sum, entry) => sum + bytesOf(entry), 0) / keys.length;
        size = Math.max(1, Math.min(MAX_CHUNK, size * 2, Math.floor(CHUNK_BYTES / Math.max(1, mean))));
      }
    }
  }

  /**
   * The first items that the entries become, at most `size`, up to one that does not fit or the MAX_LOOKED_AT-th entry.
   * An item that fits no page makes one of its own, so that a reader always gets on.
   */
  async function pageOf<T extends { readonly key: string }>(
    chunks: ReturnType<typeof chunksOf>,
    size: number,
    itemOf: (entry: Entry) => T | undefined,
    fits: ((item: T) => boolean) | undefined,
  ): Promise<Page<T>> {
    const items: T[] = [];
    let looked = 0;
    for await (const chunk of chunks) {
      for (const { key, entry } of chunk) {
        const item = entry === undefined ? undefined : itemOf(entry);
        if (item !== undefined) {
          const last = items.at(-1);
          if (last !== undefined && (items.length === size || fits?.(item) === false))
            return { items, cursor: keyToCursor(last.key) };
          if (last === undefined) fits?.(item);
          items.push(item);
        }
        if (++looked === MAX_LOOKED_AT) return { items, cursor: keyToCursor(key) };
      }
    }
    return { items };
  }

  return {
    async get(key) {
      const entry = await entries.get({ key, keyHash: keyHash(checkKey(key), hasher) }, between);
      return entry === undefined ? undefined : entryToView(entry, now());
    },

    async list({ prefix = '', limit, cursor, fits }) {
      const size = pageSize(limit, DEFAULT_PAGE, MAX_PAGE);
      const range = listedRange(prefix, cursor === undefined ? undefined : cursorToKey(cursor));
      // What has ended is judged by one moment, so that no page shows one of two values that end together.
      const nowMs = now();
      return pageOf(chunksOf(store.iterate(range), listedKeyToKey), size, (entry) => entryToView(entry, nowMs), fits);
    },

    async conflicts({ limit, cursor, fits }) {
      const size = pageSize(limit, DEFAULT_PAGE, MAX_PAGE);
      const range = conflictRange(cursor === undefined ? undefined : cursorToKey(cursor));
      const nowMs = now();
      const toItem = (entry: Entry) => (entry.siblings.length > 1 ? entryToConflict(entry, nowMs) : undefined);
      return pageOf(chunksOf(store.iterate(range), conflictKeyToKey), size, toItem, fits);
    },
  };
}
