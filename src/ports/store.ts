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

/** What can be read of a store, or of one moment of it. */
export interface StoreReads {
  get(key: Bytes): Promise<Bytes | undefined>;
  getMany(keys: readonly Bytes[]): Promise<(Bytes | undefined)[]>;
  /** Rows in order, in chunks of at most a thousand rows, read from one consistent snapshot. */
  iterate(range: KeyRange): AsyncIterable<readonly Row[]>;
}

/** The store as it was when the snapshot was taken, whatever is written since. Costs the disk space of what is replaced meanwhile. */
export interface StoreSnapshot extends StoreReads {
  /** Lets go of it; later reads reject with `store-closed`. The store's own close does so too. */
  close(): Promise<void>;
}

/**
 * An ordered key-value store owned by one process. `batch` is atomic and durable when it resolves. Any rejection
 * of `batch` means that the store can no longer be trusted: the caller stops acknowledging.
 */
export interface Store extends StoreReads {
  /** The moment of this call: batches that resolved before are in it. */
  snapshot(): StoreSnapshot;
  batch(operations: readonly StoreOperation[]): Promise<void>;
  close(): Promise<void>;
}
