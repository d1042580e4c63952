import type { Bytes } from '../core/types/index.ts';

/** Content that was stored whole, as the store knows it without reading the content. */
export interface StoredObject {
  /** SHA-256 of the content, 64 lower-case hex digits. */
  readonly hash: string;
  /** Bytes of content. */
  readonly size: number;
  /** Unix ms since when it lies there, from which the grace of the garbage collection counts. */
  readonly storedAt: number;
}

/** Content on its way in, of which neither hash nor length is known. Nothing of it can be read before `commit`. */
export interface Upload {
  /** Takes the next bytes, of any number. Rejects with LatticeError `disk-full` or `vault-store-failed`. */
  write(bytes: Bytes): Promise<void>;
  /**
   * Names the content. `leaves` are the leaf hashes of its block tree, 32 bytes each, in order, which the store keeps
   * beside the content. Durable when it resolves. Content that is there already is replaced by these bytes, so that a
   * damaged object is mended and its `storedAt` counts anew. What was begun of it by `resume` is removed as by `remove`.
   * Rejects like `write`, and nothing of it stays then.
   */
  commit(hash: string, leaves: Bytes): Promise<void>;
  /** Removes what was taken. Never rejects, and does nothing after `commit`. */
  abort(): Promise<void>;
}

/** Content of known hash and size that comes block by block, in any order, and goes on after a restart. */
export interface PartialObject {
  readonly hash: string;
  readonly size: number;
  /** Whether the block was written, in this run or in an earlier one, and its bytes are there. */
  has(index: number): boolean;
  /**
   * Takes whole blocks one after the other, from the block of index `first` on, which the caller has verified against
   * `leaves`, their leaf hashes, and may change once this has settled. Rejects with `object-not-found` after `remove`, and then
   * has taken none of them.
   */
  write(first: number, bytes: Bytes, leaves: Bytes): Promise<void>;
  /**
   * Checks SHA-256 and leaf hashes of all that was written, and makes it a stored object; durable when it resolves, and then
   * closed. Rejects with LatticeError `object-damaged`, and then has forgotten every block.
   */
  finish(leaves: Bytes): Promise<void>;
  /** Lets go of it and keeps what was written for a later `resume`. */
  close(): Promise<void>;
}

/**
 * Where the bytes of the vault lie, named by their SHA-256. What it answers is what lies there: the reader verifies.
 * Every call rejects with LatticeError `vault-store-failed`, whose message names the cause, when the store cannot be
 * reached or read, and with `store-closed` after `close`.
 */
export interface VaultStore {
  begin(): Promise<Upload>;
  /**
   * Begins to take content block by block, or goes on with what is there of it. One at a time for each hash. Rejects
   * with LatticeError `disk-full` where the rest has no room. What is there is read, which may take minutes, and read
   * once more by `finish`: either rejects with the reason of `signal` soon after it aborts, and keeps what was written.
   */
  resume(hash: string, size: number, signal?: AbortSignal): Promise<PartialObject>;
  stat(hash: string): Promise<StoredObject | undefined>;
  /** The leaf hashes of the block tree of a stored object, 32 bytes each, in order. */
  leaves(hash: string): Promise<Bytes | undefined>;
  /**
   * The bytes from `start` on and before `end`, in pieces of at most 1 MiB. Undefined when the object is not there.
   * Rejects with LatticeError `object-damaged` when it has not the `size` that the caller presumes, in bytes. Reading
   * rejects with LatticeError `object-not-found` when the object is removed meanwhile, and with `object-damaged`
   * when it is shorter than it was.
   */
  read(hash: string, start: number, end: number, size?: number): Promise<AsyncIterable<Bytes> | undefined>;
  /** Every stored object, in no order, in chunks of at most a thousand. */
  list(): AsyncIterable<readonly StoredObject[]>;
  /** Content that `resume` began and nobody finished: its hash, its bytes so far, and when it was last written. */
  partials(): Promise<readonly StoredObject[]>;
  /** Removes the object and what was begun of it. Resolves to whether there was anything. Reads under way end. */
  remove(hash: string): Promise<boolean>;
  close(): Promise<void>;
}
