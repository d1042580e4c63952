import {
  entryKey,
  entryKeyToHash,
  entryRange,
  entryRowRange,
  entryRowToEntry,
  type RowRange,
} from '../../core/rows/index.ts';
import type { Bytes, Entry, Hasher } from '../../core/types/index.ts';
import { decodeEntry } from '../../core/wire/index.ts';
import type { Store } from '../../ports/index.ts';
import { createJoinedGet } from './joined-reads.ts';

/** How many rows are handed over at a time; decoding them takes a few milliseconds. */
const SLICE = 256;

/** An entry that is asked for. Where its key is known, decoding it needs no hash. */
export interface Wanted {
  readonly keyHash: Bytes;
  readonly key?: string;
}

/** The row of an entry as it is in the store. */
export interface EntryRow {
  readonly keyHash: Bytes;
  readonly row: Bytes;
}

/**
 * A range of key hashes: later than `after`, or from `from` on; and before `before`. An undefined bound is no bound.
 */
export interface HashRange {
  readonly after?: Bytes | undefined;
  readonly from?: Bytes | undefined;
  readonly before?: Bytes | undefined;
}

/**
 * Reads and decodes the rows of entries; nothing else in the runtime reads them. What the rows say is believed only
 * once it has been compared with the tree (`entries.ts`), or has made the tree whose root is the stored one
 * (`startup.ts`).
 */
export interface EntryRows {
  /** Reads one row. Calls that come while others are being read share one read of the store. */
  get(keyHash: Bytes): Promise<Bytes | undefined>;
  /** Returns the rows in the order asked. */
  many(keyHashes: readonly Bytes[]): Promise<(Bytes | undefined)[]>;
  /** Reads one row by an iteration. */
  iterated(keyHash: Bytes): Promise<Bytes | undefined>;
  /** The rows in the order of key hashes, at most SLICE at a time. */
  inOrder(range?: HashRange, limit?: number): AsyncGenerator<readonly EntryRow[]>;
  /**
   * Decodes a row whose operations lead to their commits. Throws LatticeError `damaged-row`, also for a row that is
   * about another key.
   */
  decode(wanted: Wanted, row: Bytes): Entry;
  /**
   * Decodes a row and checks its form only, for a start, which reads every entry: the hashes of all operations would
   * take it several times as long, and every read checks them.
   */
  parse(wanted: Wanted, row: Bytes): Entry;
}

export function createEntryRows(store: Pick<Store, 'getMany' | 'iterate'>, hasher: Hasher): EntryRows {
  const getRow = createJoinedGet(store);
  return {
    get: (keyHash) => getRow(entryKey(keyHash)),
    many: (keyHashes) => store.getMany(keyHashes.map(entryKey)),
    async iterated(keyHash) {
      let row: Bytes | undefined;
      for await (const rows of store.iterate(entryRowRange(keyHash))) row = rows[0]?.[1];
      return row;
    },
    async *inOrder(range = {}, limit) {
      const options = limit === undefined ? rangeOf(range) : { ...rangeOf(range), limit };
      for await (const rows of store.iterate(options)) {
        for (let at = 0; at < rows.length; at += SLICE)
          yield rows.slice(at, at + SLICE).map(([rowKey, row]) => ({ keyHash: entryKeyToHash(rowKey), row }));
      }
    },
    decode: ({ keyHash, key }, row) =>
      key === undefined ? entryRowToEntry(entryKey(keyHash), row, hasher) : decodeEntry(row, key, hasher),
    parse: ({ keyHash }, row) => entryRowToEntry(entryKey(keyHash), row, hasher, 'form'),
  };
}

function rangeOf({ after, from, before }: HashRange): RowRange {
  const { gte, lt } = entryRange(after);
  return {
    gte: after === undefined && from !== undefined ? entryKey(from) : gte,
    lt: before === undefined ? lt : entryKey(before),
  };
}
