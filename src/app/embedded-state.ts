import type {
  AuthoredView,
  CleanedKey,
  CleanWish,
  ConflictView,
  DisplacedView,
  EntryView,
  EventSubscription,
  HistoryPage,
  LatticeEvent,
  Page,
  ProofDocument,
  ReceiptView,
  ReceiptWish,
  WriteOperation,
  WriteResult,
} from '../runtime/facade/index.ts';
import type { Changes, ChangesOptions } from '../runtime/streams/changes.ts';
import type { Stream } from '../timing/index.ts';
import type { EmbeddedCall, EmbeddedPage } from './embedded-call.ts';

/** Where a subscription begins, and what is told of its end. */
export interface SubscribeOptions extends EmbeddedCall {
  /** The `id` of an event: what came after it comes first. Default: the present. */
  readonly after?: string | undefined;
  /** Is called when the node ends the subscription, because `send` took no more or the node stops. */
  readonly dropped?: (() => void) | undefined;
}

/** What the keys of an embedded node show, what writes and follows them, and what proves them. */
export interface EmbeddedState {
  /**
   * Reads what a key shows: the winner of its values. A key that was deleted, or never written, shows undefined.
   *
   * @throws `invalid-key` for a key that is not 1 to 1,024 bytes of well-formed UTF-8; `store-read-failed`,
   * `store-damaged`
   * @example
   * const entry = await lattice.get('greeting');
   * console.log(entry?.value, entry?.version);
   */
  get(key: string, options?: EmbeddedCall): Promise<EntryView | undefined>;

  /**
   * Reads one page of the entries whose keys begin with `prefix`, in the order of keys. While there is a cursor there may
   * be more, also after a page without items: whole pages of keys may have been deleted.
   *
   * @throws `invalid-limit`, `invalid-cursor`; `store-read-failed`, `store-damaged`
   * @example
   * const { items, cursor } = await lattice.list({ prefix: 'orders/', limit: 50 });
   * for (const { key, value } of items) console.log(key, value);
   */
  list(options?: EmbeddedPage & { readonly prefix?: string }): Promise<Page<EntryView>>;

  /**
   * Reads all entries whose keys begin with `prefix`, page by page, so that they are not those of one moment. See
   * `wholeState` for that.
   *
   * @throws while it is read: `store-read-failed`, `store-damaged`
   * @example
   * for await (const { key, value } of lattice.entries({ prefix: 'orders/' })) console.log(key, value);
   */
  entries(options?: EmbeddedCall & { readonly prefix?: string }): Stream<EntryView>;

  /**
   * Reads every live entry as of one moment, in chunks and in the order of key hashes, with the root (64 hex digits) of
   * that moment. Meanwhile the node keeps what later writes replace, up to 96 MiB; a reader that does not read the chunks
   * to their end calls `close`.
   *
   * @throws `overloaded` when too many read the whole state already; while the chunks are read, `moved-on` when more was
   * replaced than the node keeps
   * @example
   * const { root, chunks } = await lattice.wholeState();
   * let count = 0;
   * for await (const entries of chunks) count += entries.length;
   * console.log(root, count);
   */
  wholeState(options?: EmbeddedCall): Promise<{
    readonly root: string;
    readonly live: number;
    readonly chunks: AsyncIterable<readonly EntryView[]>;
    close(): void;
  }>;

  /**
   * Reads what readers were shown under a key: its present values, the winner first, then what these replaced.
   *
   * @throws `invalid-key`, `invalid-limit`, `invalid-cursor`
   * @example
   * const { items, complete } = await lattice.history('greeting');
   * console.log(items.map(({ version, at }) => [version, at]), complete);
   */
  history(key: string, options?: EmbeddedPage): Promise<HistoryPage>;

  /**
   * Reads one page of the keys that have several values, each with all of them. A write that names the version of one
   * of them settles the conflict.
   *
   * @throws `invalid-limit`, `invalid-cursor`
   * @example
   * const { items } = await lattice.conflicts();
   * for (const { key, siblings } of items) console.log(key, siblings.map(({ value }) => value));
   */
  conflicts(options?: EmbeddedPage): Promise<Page<ConflictView>>;

  /**
   * Reads one page of what was taken out of the state because it came after the end of its author, the latest first. It
   * is what this node had taken before it knew of the end.
   *
   * @throws `invalid-cursor`, `invalid-limit`
   * @example
   * const { items } = await lattice.displaced();
   * for (const { key, name, value } of items) console.log(key, name, value);
   */
  displaced(options?: EmbeddedPage): Promise<Page<DisplacedView>>;

  /**
   * Reads one page of the keys that have a value, or a deletion, which `author` (64 hex digits) wrote at `since` (Unix ms)
   * or later, each with all of its values, in the order of key hashes. Every key is looked at for it, so that a page may
   * have no items while there is a cursor.
   *
   * @throws `invalid-query`, `invalid-limit`, `invalid-cursor`
   * @example
   * const { items } = await lattice.writtenBy('aa'.repeat(32), { since: Date.now() - 86_400_000 });
   * for (const { key, written } of items) console.log(key, written);
   */
  writtenBy(author: string, options?: EmbeddedPage & { readonly since?: number }): Promise<Page<AuthoredView>>;

  /**
   * Replaces what `author` (64 hex digits) wrote at `since` (Unix ms) or later by commits of this node, up to 1,000 keys a
   * call: while there is a cursor, there is more. A key gets the value of another author beside it; else the value that
   * `keys` gives it, where these are named; else a deletion. Each item says what has become of its key, or with `dryRun`
   * would become of it. A call that meets with an error after some of the keys answers with these, and the next one rejects.
   *
   * @throws `invalid-query`, `invalid-limit`, `invalid-cursor`, `invalid-body`; what a write throws
   * @example
   * const { items, cursor } = await lattice.clean('aa'.repeat(32), { since: Date.now() - 86_400_000, dryRun: true });
   * for (const { key, does } of items) console.log(key, does, cursor);
   */
  clean(author: string, options?: EmbeddedCall & CleanWish): Promise<Page<CleanedKey>>;

  /**
   * Writes 1 to 256 operations as one atomic, signed commit, which is durable on this node when the promise resolves.
   * With an `idempotencyKey` (1 to 128 visible ASCII characters) the same operations are written once within 24 hours,
   * even across failures and restarts. A write whose signal is aborted may still be done, as may one that ends with
   * `store-write-failed`: read the key, or repeat the write under the same idempotency key.
   *
   * With a `receipt` it also waits until so many other writers have signed that it is durable with them, or until a
   * certified or complete cut holds it; the receipt says what has come of that in time. The write stands in any case.
   *
   * @throws `precondition-failed` when `ifMatch` or `ifNoneMatch` does not hold; `not-found` for a delete that must
   * exist; `read-only` or `disk-full` with the reasons in `details.reasons`; `overloaded` when too many writes wait;
   * `value-too-large`, `commit-too-large`, `duplicate-key` and the `invalid-…` codes for operations that no node takes;
   * `idempotency-mismatch`; `store-write-failed`; `too-many-replicas` where the roster has fewer other writers, and
   * nothing is written
   * @example
   * const { results } = await lattice.write([{ op: 'put', key: 'greeting', value: { text: 'hello' } }]);
   * const version = results[0]?.version ?? '';
   * await lattice.write([{ op: 'delete', key: 'greeting', ifMatch: version }], { signal: AbortSignal.timeout(5_000) });
   */
  write(
    operations: readonly WriteOperation[],
    options?: EmbeddedCall & { readonly idempotencyKey?: string | undefined; readonly receipt?: ReceiptWish },
  ): Promise<WriteResult & { readonly receipt?: ReceiptView }>;

  /**
   * Follows the changes of keys in the order in which they became durable, from the call on or `after` a cursor. The
   * changes that a slow reader has not taken wait in memory, up to 1,024 of them; beyond that they stay in the journal
   * and are read from there once the reader has caught up, so that it misses nothing and holds nothing up. The stream
   * ends when its signal is aborted, when it is left by `break` or `return()`, and when the node is stopped.
   *
   * @throws while it is read: `cursor-lost` when the journal no longer goes back to the cursor (it keeps 10,000 batches
   * for a reader that is behind), with the cursor of the present in `details.cursor`; `overloaded` when 512 streams are
   * open; the error of a node whose store has failed
   * @example
   * const changes = lattice.changes({ prefix: 'orders/' });
   * for await (const { key, deleted, id } of changes) {
   *   console.log(id, key, deleted ? undefined : (await lattice.get(key))?.value);
   *   if (key === 'orders/last') break;
   * }
   * console.log('to go on later:', changes.cursor);
   */
  changes(options?: ChangesOptions): Changes;

  /**
   * Sends every event to a callback: the changes, the end of each batch with its root, and what happens to lungs,
   * repairs and cuts. `send` returns false when it takes no more, which ends the subscription.
   *
   * @throws `overloaded` when 512 streams are open
   * @example
   * const subscription = await lattice.subscribe((event) => {
   *   if (event.type === 'batch') console.log(event.id, event.root);
   *   return true;
   * });
   * subscription.close();
   */
  subscribe(send: (event: LatticeEvent) => boolean, options?: SubscribeOptions): Promise<EventSubscription>;

  /**
   * Makes a proof of what a key shows, or that it shows nothing, for `checkProof` or any other verifier. With `at: 'cut'`
   * it is against the newest certified cut, so that a quorum vouches for the root instead of this node. It carries the
   * chain of rosters from the configured list, or from the roster with the hash `from` (64 hex digits).
   *
   * @throws `invalid-key`; `not-found` for a hash of no roster; with `at: 'cut'`: `not-certified` and
   * `changed-since-cut`, whose `next` says when to try again
   * @example
   * const proof = await lattice.prove('greeting');
   * console.log(JSON.stringify(proof));
   */
  prove(key: string, options?: EmbeddedCall & { readonly at?: 'cut'; readonly from?: string }): Promise<ProofDocument>;

  /**
   * Tells the root of the state (64 hex digits), the number of entries with and without tombstones, and the number of
   * batches that this store has had. Nodes with equal roots have equal states.
   *
   * @throws nothing of its own
   * @example
   * const { root, live } = lattice.root();
   * console.log(live, 'keys under', root);
   */
  root(): { readonly root: string; readonly entries: number; readonly live: number; readonly sequence: number };
}
