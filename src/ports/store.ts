import type { Bytes } from '../core/types/index.ts';

export type StoreOperation =
  | { readonly type: 'put'; readonly key: Bytes; readonly value: Bytes }
  | { readonly type: 'del'; readonly key: Bytes };

/** The keys with gte ≤ key < lt, in byte order. */
export interface KeyRange {
  readonly gte: Bytes;
  readonly lt: Bytes;
  readonly reverse?: boolean;
  readonly limit?: number;
}

export type Row = readonly [key: Bytes, value: Bytes];

/**
 * A second memory of the last durable batch, apart from the store's own log. A store whose log lost its end opens as if
 * the last batches had never been written; the witness knows better.
 */
export interface Witness {
  /**
   * What `note` was last given in an earlier run, and whether that run closed the store. Undefined for a new store, and
   * when the witness was lost.
   */
  readonly earlier: { readonly record: Bytes; readonly clean: boolean } | undefined;
  /**
   * To be called after a batch is durable. The record, of at most 400 bytes, outlives the process when the call
   * returns, and a loss of power within a second. Throws what the file system throws.
   */
  note(record: Bytes): void;
}

/**
 * An ordered key-value store owned by one process. What a read returns is what was written under that key: a row that
 * does not match its checksum is read a second time in another way, and then rejects with LatticeError `store-damaged`,
 * whose `details.row` is the hex of its key. `batch` is atomic, and what it writes is durable when it resolves.
 * After any rejection of `batch` nobody can tell what the store has, so the caller stops acknowledging writes.
 *
 * The port has no read views of one moment: while such a view is open, LevelDB keeps every version of every row.
 * The holds of runtime/storage/holds.ts take their place.
 */
export interface Store {
  get(key: Bytes): Promise<Bytes | undefined>;
  getMany(keys: readonly Bytes[]): Promise<(Bytes | undefined)[]>;
  /**
   * Yields the rows in order, in chunks of at most a thousand rows. Each chunk shows the store at one moment between
   * its request and its arrival. What is written between two chunks shows in the later one.
   */
  iterate(range: KeyRange): AsyncIterable<readonly Row[]>;
  batch(operations: readonly StoreOperation[]): Promise<void>;
  /**
   * Gives back the space of what was deleted or replaced in the range gte ≤ key < lt, by writing anew what the range
   * still has. Reads and writes go on meanwhile, and it takes the longer the more rows there are. A store that frees
   * such space by itself, at once, has no such call.
   */
  compact?(range: Pick<KeyRange, 'gte' | 'lt'>): Promise<void>;
  /** A store that ends with its process has no witness. */
  readonly witness?: Witness;
  /**
   * Checks the files of the store, byte by byte, against the checksums that they were written with, about a megabyte at a
   * step. Rejects with LatticeError `store-damaged`. A store without files has no such check.
   */
  checkFiles?(): AsyncIterable<{ readonly bytes: number; readonly total: number }>;
  close(): Promise<void>;
}
