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
 * An ordered key-value store owned by one process. `batch` is atomic, and what it writes is durable when it resolves.
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
  close(): Promise<void>;
}
