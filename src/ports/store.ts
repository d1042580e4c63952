import type { Bytes } from '../core/types/index.ts';

export type StoreOperation =
  | { readonly type: 'put'; readonly key: Bytes; readonly value: Bytes }
  | { readonly type: 'del'; readonly key: Bytes };

/** Keys in byte order: gte ≤ key < lt. */
export interface KeyRange {
  readonly gte: Bytes;
  readonly lt: Bytes;
  readonly reverse?: boolean;
  readonly limit?: number;
}

export type Row = readonly [key: Bytes, value: Bytes];

/**
 * An ordered key-value store owned by one process. `batch` is atomic and durable when it resolves. Any rejection
 * of `batch` means that the store can no longer be trusted: the caller stops acknowledging.
 *
 * It has no snapshots: runtime/state/holds.ts says why, and has what takes their place.
 */
export interface Store {
  get(key: Bytes): Promise<Bytes | undefined>;
  getMany(keys: readonly Bytes[]): Promise<(Bytes | undefined)[]>;
  /**
   * Rows in order, in chunks of at most a thousand rows. Each chunk is as the store was at one moment between its call
   * and its answer; what is written between two chunks is in the later one.
   */
  iterate(range: KeyRange): AsyncIterable<readonly Row[]>;
  batch(operations: readonly StoreOperation[]): Promise<void>;
  close(): Promise<void>;
}
