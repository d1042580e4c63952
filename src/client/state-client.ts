/// <reference lib="esnext.disposable" preserve="true" />
import type {
  Committed,
  Conflict,
  Entry,
  EntryPage,
  History,
  Operation,
  Receipt,
  WrittenEntry,
} from '../api/contract/entities.ts';
import type { JsonValue } from '../core/types/index.ts';
import type { Stream } from '../timing/stream.ts';
import type { CallOptions } from './request.ts';

/** The entries of one moment, and what the node says of that moment. */
export interface StateExport extends Stream<Entry> {
  readonly network: string;
  /** The root of the whole state at that moment, 64 hex digits. */
  readonly root: string;
  /** The number of keys with a value at that moment, whatever they begin with. */
  readonly live: number;
  /** The moment, Unix ms. */
  readonly at: number;
}

/** Which page of a list to read. */
export interface PageOptions extends CallOptions {
  /** The most items of the page. Default: that of the route. */
  readonly limit?: number | undefined;
  /** The cursor of the page before; without it the first page is read. */
  readonly cursor?: string | undefined;
}

/** Conditions of a write, and the key by which it may be tried again. */
export interface WriteOptions extends CallOptions {
  /** The write is done only while this version is current; with `*` only where the key has a value. */
  readonly ifMatch?: string | undefined;
  /** With `*` the write is done only where the key has no value. */
  readonly ifNoneMatch?: '*' | undefined;
  /**
   * 1 to 128 visible ASCII characters. The same request under the same idempotency key is done once, so that it may be
   * sent again for 24 hours.
   */
  readonly idempotencyKey?: string | undefined;
  /** So many other writers are to have signed that it is durable with them before the call resolves. */
  readonly replicas?: number | undefined;
  /** A certified cut is to hold it before the call resolves. */
  readonly certified?: boolean | undefined;
  /** A complete cut is to hold it before the call resolves: then it is final. */
  readonly complete?: boolean | undefined;
  /** How long the node waits for these, 1 to 60,000 ms. Default: 5 s, or 30 s where a cut is waited for. */
  readonly receiptMs?: number | undefined;
}

/** Conditions of a put, and when what it writes ends. */
export interface PutOptions extends WriteOptions {
  /** When the value ends, Unix ms; every node shows the key as deleted from then on. Default: it does not end. */
  readonly expires?: number | undefined;
  /** The same as a span, in whole seconds. Not with `expires`. */
  readonly ttl?: number | undefined;
}

/** The key by which a commit may be tried again. Its conditions stand in its operations. */
export type CommitOptions = Omit<WriteOptions, 'ifMatch' | 'ifNoneMatch'>;

/** What keys show, and what writes them. */
export interface StateClient {
  /**
   * Reads what a key shows. Resolves to undefined when there is no value under the key.
   *
   * @throws `invalid-key`
   * @example
   * const entry = await client.getEntry('greeting');
   * console.log(entry?.value, entry?.version);
   */
  getEntry(key: string, options?: CallOptions): Promise<Entry | undefined>;

  /**
   * Writes a value (at most 16 KiB) under a key (1 to 1,024 bytes), which is durable on the node when the promise
   * resolves. A write whose answer did not come may still be done: give it an `idempotencyKey`, and repeat it under that.
   * With `replicas`, `certified` or `complete` the `receipt` says what has come of these in time; the write stands in any
   * case.
   *
   * @throws `too-many-replicas` where the roster has fewer other writers, and nothing is written; `unauthorized`;
   * `precondition-failed` when `ifMatch` or `ifNoneMatch` does not hold; `read-only`, `disk-full`, `overloaded`,
   * `value-too-large`, `invalid-value`, `idempotency-mismatch`; `invalid-expiry`, and `version-not-read` while not every
   * member is known to read values that end; `deadline` and `store-write-failed`, after which the write may still be done
   * @example
   * const { version } = await client.putEntry('greeting', { text: 'hello' }, { ifNoneMatch: '*' });
   * await client.putEntry('greeting', { text: 'good morning' }, { ifMatch: version });
   * await client.putEntry('session', { user: 7 }, { ttl: 3600 });
   */
  putEntry(key: string, value: JsonValue, options?: PutOptions): Promise<WrittenEntry>;

  /**
   * Writes a value that is JSON text already. It is sent as it is, so that the node's strict parser sees every digit and
   * member.
   *
   * @throws `invalid-json`, and what `putEntry` rejects with
   * @example
   * await client.putEntryJson('amount', '{"cents": 9007199254740991}');
   */
  putEntryJson(key: string, text: string, options?: PutOptions): Promise<WrittenEntry>;

  /**
   * Deletes a key, which then shows nothing. Resolves to the receipt where one was asked for.
   *
   * @throws `not-found` when the key has no value, and what `putEntry` rejects with
   * @example
   * const entry = await client.getEntry('greeting');
   * if (entry !== undefined) await client.deleteEntry('greeting', { ifMatch: entry.version });
   */
  deleteEntry(key: string, options?: WriteOptions): Promise<Receipt | undefined>;

  /**
   * Writes 1 to 256 operations, at most 64 KiB, as one atomic commit. Each may have conditions of its own.
   *
   * @throws `duplicate-key`, `commit-too-large`, and what `putEntry` rejects with
   * @example
   * const { commit } = await client.commit(
   *   [
   *     { op: 'put', key: 'orders/1', value: { item: 'lamp' } },
   *     { op: 'put', key: 'orders/next', value: 2 },
   *   ],
   *   { idempotencyKey: 'order-1' },
   * );
   * console.log(commit);
   */
  commit(operations: readonly Operation[], options?: CommitOptions): Promise<Committed>;

  /**
   * Reads one page of the entries whose keys begin with `prefix`, in the order of keys: 1 to 1,000, by default 100. While
   * there is a cursor there may be more, also after a page without entries: whole pages of keys may have been deleted.
   *
   * @throws `invalid-limit`, `invalid-cursor`
   * @example
   * const { entries, cursor } = await client.listEntries({ prefix: 'orders/', limit: 50 });
   * console.log(entries.length, cursor);
   */
  listEntries(options?: PageOptions & { readonly prefix?: string | undefined }): Promise<EntryPage>;

  /**
   * Reads all entries whose keys begin with `prefix`, in the order of keys and page by page, so that they are not those
   * of one moment.
   *
   * @throws nothing of its own
   * @example
   * for await (const { key, value } of client.entries({ prefix: 'orders/' })) console.log(key, value);
   */
  entries(options?: CallOptions & { readonly prefix?: string | undefined }): Stream<Entry>;

  /**
   * Reads all entries whose keys begin with `prefix` as of one moment, in no order, and resolves to their stream once
   * they come. The stream rejects when the answer ends before the last entry. Between two parts of the answer the client
   * waits as long as for a whole answer elsewhere.
   *
   * @throws `moved-on` when too much is written meanwhile, `overloaded` when too many read the whole state already
   * @example
   * const entries = await client.exportState({ prefix: 'orders/' });
   * for await (const { key, value } of entries) console.log(entries.root, key, value);
   */
  exportState(options?: CallOptions & { readonly prefix?: string | undefined }): Promise<StateExport>;

  /**
   * Reads what readers were shown under a key: its present values, the winner first, then what these replaced. Times are
   * Unix ms.
   *
   * @throws `invalid-key`, `invalid-limit`, `invalid-cursor`
   * @example
   * const { items } = await client.getHistory('greeting', { limit: 10 });
   * console.log(items);
   */
  getHistory(key: string, options?: PageOptions): Promise<History>;

  /**
   * Reads one page of the keys that have several values, each with all of them; the first is the one that readers see.
   * A write settles a conflict: with `ifMatch` of that version, or, where that is deleted, with `ifNoneMatch: '*'`, it
   * replaces nothing that was written meanwhile.
   *
   * @throws `invalid-limit`, `invalid-cursor`
   * @example
   * const { conflicts } = await client.listConflicts();
   * for (const { key, siblings } of conflicts) console.log(key, siblings.length);
   */
  listConflicts(options?: PageOptions): Promise<{ conflicts: Conflict[]; cursor?: string }>;
}
