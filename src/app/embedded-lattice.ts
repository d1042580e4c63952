// Longer than other files, because it is the one list of everything that an embedded node does, with the errors and an
// example of each, from which the reference is made. What it does is embedded.ts.
import type {
  CertificateDocument,
  ConflictView,
  CutView,
  DisplacedView,
  EntryView,
  EventSubscription,
  EvidenceView,
  FloorView,
  HistoryPage,
  LatticeEvent,
  NodeStatus,
  Page,
  PeerAddress,
  PeerDifferences,
  PeerStatus,
  PingOutcome,
  ProofDocument,
  ReceiptView,
  ReceiptWish,
  SeriesView,
  SyncMode,
  WriteOperation,
  WriteResult,
} from '../runtime/facade/index.ts';
import type { Changes, ChangesOptions } from '../runtime/streams/changes.ts';
import type { Stream } from '../timing/index.ts';
import type { EmbeddedAudit } from './embedded-audit.ts';
import type { EmbeddedCall, EmbeddedPage } from './embedded-call.ts';
import type { EmbeddedInvitations } from './embedded-invitations.ts';
import type { EmbeddedMembers } from './embedded-members.ts';
import type { EmbeddedSetAside } from './embedded-set-aside.ts';
import type { EmbeddedTokens } from './embedded-tokens.ts';
import type { EmbeddedVault } from './embedded-vault.ts';

/** Where a subscription begins, and what is told of its end. */
export interface SubscribeOptions extends EmbeddedCall {
  /** The `id` of an event: what came after it comes first. Default: the present. */
  readonly after?: string | undefined;
  /** Is called when the node ends the subscription, because `send` took no more or the node stops. */
  readonly dropped?: (() => void) | undefined;
}

/**
 * The state of an embedded node, and everything that can be asked of that node. What it shows is durable in the store.
 *
 * Every method throws, or rejects with, LatticeError `stopping` once the node has been stopped, and with the error that
 * ended it (`store-write-failed`, `store-damaged`, …) once its store has failed; no call is left waiting then. A call
 * whose signal is aborted rejects with the reason of the signal.
 */
export interface EmbeddedLattice {
  /** The content-addressed vault. Undefined where the settings ask for none. */
  readonly vault?: EmbeddedVault;
  /** Executions and attacks that this node keeps for a program of the original. */
  readonly audit: EmbeddedAudit;
  /** The tokens that the API of this node takes beside that of its settings. */
  readonly tokens: EmbeddedTokens;
  /** What was taken out of the state because it came too late for the floor. */
  readonly setAside: EmbeddedSetAside;
  /** Who belongs to the fleet, and how that changes. */
  readonly members: EmbeddedMembers;
  /** Who may ask to join. */
  readonly invitations: EmbeddedInvitations;

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

  /**
   * Tells how the node is: its verdict and warnings, why it is read-only where it is, its lungs, repairs and cuts. Times
   * are Unix ms.
   *
   * @throws nothing of its own
   * @example
   * const { verdict, warnings } = lattice.status();
   * console.log(verdict.kind, verdict.sentence, warnings.map(({ text }) => text));
   */
  status(): NodeStatus;

  /**
   * Tells what the node knows of every peer: which lung carries it, whether its state is equal, and what was refused.
   * Times are Unix ms.
   *
   * @throws nothing of its own
   * @example
   * for (const { peerId, lung, agreement } of lattice.peers()) console.log(peerId, lung, agreement);
   */
  peers(): readonly PeerStatus[];

  /**
   * Adds a peer by its base URL or its multiaddr, and keeps it across restarts. Resolves to false when it was known.
   *
   * @throws `invalid-peer`, `too-many-peers` beyond 64 of a kind
   * @example
   * const added = await lattice.addPeer({ url: 'http://192.0.2.7:8000' });
   * console.log(added ? 'added' : 'known already');
   */
  addPeer(peer: PeerAddress, options?: EmbeddedCall): Promise<boolean>;

  /**
   * Removes a peer that was added while a node ran.
   *
   * @throws `not-found`; `peer-configured` for a peer of the configuration, which is removed there
   * @example
   * await lattice.removePeer({ url: 'http://192.0.2.7:8000' });
   */
  removePeer(peer: PeerAddress, options?: EmbeddedCall): Promise<void>;

  /**
   * Tries a known peer, named by its peer id, author or URL, over each lung at once, each within 4 s. Round-trip times
   * are in ms.
   *
   * @throws `not-found`
   * @example
   * const { results } = await lattice.pingPeer('http://192.0.2.7:8000');
   * for (const { lung, ok, rttMs, error } of results) console.log(lung, ok ? rttMs : error);
   */
  pingPeer(
    peer: string,
    options?: EmbeddedCall,
  ): Promise<{ readonly peer: string; readonly results: readonly PingOutcome[] }>;

  /**
   * Finds which keys differ from those of a peer, which is named by its peer id or author, and lists at most `limit` of
   * them (1 to 1,000; 100 by default). No entry is transferred.
   *
   * @throws `not-found`, `peer-unreachable`, `overloaded`, `invalid-limit`, or the code with which the peer refused
   * @example
   * const [peer] = lattice.peers();
   * if (peer?.author !== undefined) console.log(await lattice.differences(peer.author, { limit: 10 }));
   */
  differences(peer: string, options?: EmbeddedCall & { readonly limit?: number }): Promise<PeerDifferences>;

  /**
   * Compares the state with that of every peer that a lung reaches, and repairs what differs, at once. It resolves when
   * all of these repairs have ended, well or not: `peers()` tells how. An aborted call leaves the repairs running.
   *
   * @throws nothing of its own
   * @example
   * await lattice.syncNow({ signal: AbortSignal.timeout(30_000) });
   */
  syncNow(options?: EmbeddedCall): Promise<void>;

  /**
   * Sets which lungs may carry peers: `auto`, `p2p` or `http`. `cause` is a sentence for the log and the status.
   *
   * @throws nothing of its own
   * @example
   * const { message } = lattice.setMode('http', 'P2P is blocked here');
   * console.log(message);
   */
  setMode(
    mode: SyncMode,
    cause: string,
  ): { readonly changed: boolean; readonly mode: SyncMode; readonly message: string };

  /**
   * Tells the newest 64 cuts, newest first, with one item for each root that somebody attested or this node had. Times
   * are Unix ms.
   *
   * @throws nothing of its own
   * @example
   * const newest = lattice.cuts()[0];
   * console.log(newest?.at, newest?.root);
   */
  cuts(): readonly CutView[];

  /**
   * Tells where the floor stands, which is the newest cut that all writers attested alike, and who holds it there, since
   * when, why, and what to do about it; and how far what is dead has left the state. Times are Unix ms.
   *
   * @throws nothing of its own
   * @example
   * const { at, held, holders } = lattice.floor();
   * if (held) for (const { label, text, next } of holders) console.log(label, text, next);
   */
  floor(): FloorView;

  /**
   * Gives the certificate (base64url) of the newest certified cut, or of the cut at `at` (Unix ms), with the chain of
   * rosters as in `prove`. Undefined where there is none.
   *
   * @throws `not-found` for a hash of no roster
   * @example
   * const certified = lattice.certificate();
   * console.log(certified?.at, certified?.certificate);
   */
  certificate(at?: number, options?: { readonly from?: string }): CertificateDocument | undefined;

  /**
   * Tells what this node keeps of authors that contradict themselves, at most 4 pairs of commits an author.
   *
   * @throws nothing of its own
   * @example
   * for (const { author, kind, about } of lattice.evidence()) console.log(author, kind, about);
   */
  evidence(): readonly EvidenceView[];

  /**
   * Begins a check of the whole store at once. It has found everything good when `scrub.completed` of the status is at
   * least `round`; damage ends the node with `store-damaged`.
   *
   * @throws nothing of its own
   * @example
   * const { round } = lattice.verifyStore();
   * console.log(round, lattice.status().scrub?.completed);
   */
  verifyStore(): { readonly round: number };

  /**
   * Computes the root anew from the store and compares it with the root of the tree. `fault` says what was found
   * damaged. Signatures are left to `verifyStore`.
   *
   * @throws `store-read-failed`
   * @example
   * const { valid, fault } = await lattice.verifyIntegrity();
   * console.log(valid ? 'good' : fault);
   */
  verifyIntegrity(options?: EmbeddedCall): Promise<{
    readonly valid: boolean;
    readonly root: string;
    readonly recomputed: string;
    readonly entries: number;
    readonly fault?: string;
  }>;

  /**
   * Gives the figures of the last hour in steps. With `since` (Unix ms), only the points later than that.
   *
   * @throws nothing of its own
   * @example
   * console.log(lattice.series(Date.now() - 60_000));
   */
  series(since?: number): SeriesView;
}
