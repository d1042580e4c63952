import type { Bytes } from '../../core/types/index.ts';
import type { AuditService } from './audit.ts';
import type { CleanedKey, CleanWish } from './cleaning.ts';
import type {
  AuthoredView,
  CertificateDocument,
  ChangedKey,
  ConflictView,
  DisplacedView,
  EntryView,
  HistoryPage,
  Page,
  ProofDocument,
  WriteOperation,
  WriteResult,
} from './entries.ts';
import type { EventSubscription, LatticeEvent } from './events.ts';
import type { FloorView } from './floor.ts';
import type { InvitationService } from './invitations.ts';
import type { MembershipService } from './members.ts';
import type { PeerAddress, PeerDifferences, PeerStatus, PingOutcome } from './peers.ts';
import type { ReceiptService } from './receipts.ts';
import type { SetAsideService } from './set-aside.ts';
import type { CutView, EvidenceView, NodeStatus, SeriesView, SyncMode } from './status.ts';
import type { CutCells, SyncService } from './sync.ts';
import type { AccessTokens } from './tokens.ts';
import type { VaultService } from './vault.ts';

/**
 * The one face of a running node, which the API and an embedding program see. Everything that it shows is durable in
 * the store.
 */
export interface Lattice {
  status(): NodeStatus;
  peers(): readonly PeerStatus[];
  root(): { readonly root: string; readonly entries: number; readonly live: number; readonly sequence: number };
  get(key: string): Promise<EntryView | undefined>;
  /**
   * Entries in the order of keys. `fits` is asked for each item in turn, and the page ends before the first one that it
   * refuses; the first item of a page is in it whatever `fits` says.
   */
  list(options: {
    readonly prefix?: string;
    readonly limit?: number;
    readonly cursor?: string;
    readonly fits?: (item: EntryView) => boolean;
  }): Promise<Page<EntryView>>;
  /**
   * Every live entry as of one moment, in chunks and in the order of key hashes, with the root of that moment. While
   * the chunks are read, the node keeps what later writes replace. There is a limit to that: beyond it the chunks end
   * with LatticeError `moved-on`. A caller that does not read them to their end calls `close`. With `prefix` they are the
   * entries whose keys begin with it, and nothing else is read.
   */
  wholeState(options?: { readonly prefix?: string | undefined }): Promise<{
    readonly root: string;
    readonly live: number;
    readonly chunks: AsyncIterable<readonly EntryView[]>;
    close(): void;
  }>;
  /** What readers were shown under a key. Rejects with LatticeError `invalid-cursor` or `invalid-limit`. */
  history(key: string, options?: { readonly limit?: number; readonly cursor?: string }): Promise<HistoryPage>;
  /**
   * The keys that the batches `from` to `to` of the local sequence changed, each once, without the first `skip` changes
   * of the first batch: at most 64 keys of 1,024 batches. `next` is where more of them begin; absent where there are no
   * more. `to` is the last batch that there is. Rejects with LatticeError `cursor-lost` where the journal does not reach
   * back to `from`.
   */
  changedIn(
    from: number,
    to: number,
    skip?: number,
  ): Promise<{
    readonly changes: readonly ChangedKey[];
    readonly to: number;
    readonly next?: Pick<ChangedKey, 'sequence' | 'place'>;
  }>;
  /** Keys in conflict in the order of keys, with `fits` as in `list`. */
  conflicts(options: {
    readonly limit?: number;
    readonly cursor?: string;
    readonly fits?: (item: ConflictView) => boolean;
  }): Promise<Page<ConflictView>>;
  /**
   * What was taken out of the state because it came after the end of its author, the latest first, with `fits` as in
   * `list`.
   */
  displaced(options: {
    readonly limit?: number;
    readonly cursor?: string;
    readonly fits?: (item: DisplacedView) => boolean;
  }): Promise<Page<DisplacedView>>;
  /**
   * Keys that have a sibling which `author` wrote at `since` (Unix ms) or later, in the order of key hashes and with
   * `fits` as in `list`. A page looks at 8,192 keys at most, so that one before the last may have no items.
   */
  writtenBy(
    author: string,
    options: {
      readonly since: number;
      readonly limit?: number;
      readonly cursor?: string;
      readonly fits?: (item: AuthoredView) => boolean;
    },
  ): Promise<Page<AuthoredView>>;
  /**
   * Replaces what `author` wrote at `since` (Unix ms) or later by commits of this node: by the value of another author
   * beside it, else by the value that is given for the key, else by a deletion. Answers what has become of each key, in
   * the order of key hashes, or in that of the keys that are named; while there is a cursor, there is more. A call that
   * meets with an error after some of them answers with these, so that one that rejects has replaced nothing. Rejects
   * with LatticeError `invalid-query`, `invalid-limit`, `invalid-cursor` or `invalid-body`, or with what a write is
   * refused with.
   */
  clean(author: string, wish?: CleanWish): Promise<Page<CleanedKey>>;
  /**
   * A proof of what the key shows, or that it shows nothing. With `at: 'cut'` the proof is against the newest certified
   * cut, so a quorum vouches for the root instead of this node. It carries the chain of rosters from the configured list,
   * or from the roster with the hash `from` (64 hex digits). Rejects with LatticeError `changed-since-cut` or
   * `not-certified`, whose `next` says when to try again, or `not-found` for another hash.
   */
  prove(key: string, options?: { readonly at?: 'cut'; readonly from?: string }): Promise<ProofDocument>;
  /** The newest 64 cuts, newest first, with one item for each root that somebody attested or this node had. */
  cuts(): readonly CutView[];
  /**
   * The certificate (base64url) of the newest certified cut, or of the cut at `at` (Unix ms), with the chain of rosters as
   * in `prove`. Undefined where there is none. Throws LatticeError `not-found` for a hash of no roster.
   */
  certificate(at?: number, options?: { readonly from?: string }): CertificateDocument | undefined;
  /**
   * Where the floor stands, who holds it there, since when, why, and what to do about it; and how far what is dead has
   * left the state.
   */
  floor(): FloorView;
  /** What this node keeps of authors that contradict themselves, over restarts: at most 4 pairs of each sort an author. */
  evidence(): readonly EvidenceView[];
  /**
   * Writes the operations as one atomic commit, which is durable when the promise resolves. Rejects with LatticeError
   * `precondition-failed`, `not-found`, `invalid-…`, `read-only`, `disk-full`, `overloaded` or
   * `store-write-failed`.
   *
   * `idempotencyKey` has 1 to 128 visible ASCII characters. The same operations under the same key are written once
   * within 24 hours, even across failures and restarts, and every call gets the same answer. Other operations under
   * that key are refused with LatticeError `idempotency-mismatch`.
   *
   * An aborted `signal` takes back a write without an idempotency key that still waits for writes to open after a start;
   * it then rejects with the reason of the signal. Later it has no effect.
   */
  write(
    operations: readonly WriteOperation[],
    options?: { readonly idempotencyKey?: string | undefined; readonly signal?: AbortSignal | undefined },
  ): Promise<WriteResult>;
  /**
   * Adds a peer, which the node keeps across restarts. Resolves to false when the peer was known already. Rejects with
   * LatticeError `invalid-peer` or `too-many-peers`.
   */
  addPeer(peer: PeerAddress): Promise<boolean>;
  /** Removes a peer that an operator added. Rejects with LatticeError `not-found` or `peer-configured`. */
  removePeer(peer: PeerAddress): Promise<void>;
  /**
   * Tries a known peer, named by its name, peer id, author or URL, over each lung at once. Rejects with LatticeError
   * `not-found`.
   */
  pingPeer(peer: string): Promise<{ readonly peer: string; readonly results: readonly PingOutcome[] }>;
  setMode(
    mode: SyncMode,
    cause: string,
  ): { readonly changed: boolean; readonly mode: SyncMode; readonly message: string };
  /**
   * Which keys differ from those of a peer, which is named by its name, peer id or author. Lists at most `limit` of them (1
   * to 1,000; 100 by default). No entry is transferred, but the peer has some messages to answer. Rejects with
   * LatticeError `not-found`, `peer-unreachable`, `overloaded` or `invalid-limit`, or with the reason why the peer did
   * not answer.
   */
  differences(peerId: string, options?: { readonly limit?: number }): Promise<PeerDifferences>;
  /**
   * The coded symbols of one of the newest 3 certified cuts, which `root` (hex) names. Undefined for any other root.
   */
  cutCells(root: string): CutCells | undefined;
  /** Compares the state with every reachable peer's and repairs what differs, at once. */
  syncNow(): Promise<void>;
  /**
   * Begins a round of the scrub at once, without rests. The status tells how far it is; the round has found everything
   * good when `completed` there is at least the number returned. A fault ends the process.
   */
  verifyStore(): { readonly round: number };
  /**
   * Sends every event to `send`. `after` is the id of an event: the events after it are replayed first, or a `reset`
   * event comes first where they cannot be replayed. `send` returns false when the consumer takes no more. `dropped` is
   * called when the node ends the subscription: because `send` returned false or threw, because too much came while the
   * replay ran, or because the node stops. Rejects with LatticeError `overloaded`.
   */
  subscribe(
    after: string | undefined,
    send: (event: LatticeEvent) => boolean,
    dropped?: () => void,
  ): Promise<EventSubscription>;
  /** Signs any text with the node key by Ed25519 and returns 128 hex digits. The original's signed state needs it. */
  signText(text: string): string;
  /**
   * Computes the root anew from the store and compares it with the root of the tree; each value must lead to its commit.
   * `fault` says what was found damaged. Signatures are left to the scrub.
   */
  verifyIntegrity(): Promise<{
    readonly valid: boolean;
    readonly root: string;
    readonly recomputed: string;
    readonly entries: number;
    readonly fault?: string;
  }>;
  /**
   * Certified cuts served as snapshots: the results are the encoded sync messages `manifest` and `part`, the hashes are
   * hex. Both reject with LatticeError `gone`, `no-snapshot`, `snapshot-soon`, `unverified`, `overloaded` or
   * `malformed`.
   */
  readonly snapshots?: {
    manifest(root: string): Promise<Bytes>;
    chunk(root: string, index: number, after?: string): Promise<Bytes>;
  };
  readonly sync: SyncService;
  /** Executions and attacks that this node took in. */
  readonly audit: AuditService;
  /** What a write may wait for after it is durable here. */
  readonly receipts: ReceiptService;
  /** What was taken out of the state because it came too late for the floor. */
  readonly setAside: SetAsideService;
  /** The tokens that an operator makes and withdraws while the node runs. */
  readonly tokens: AccessTokens;
  /** Who belongs to the fleet, and how that changes. */
  readonly members: MembershipService;
  /** Who may ask to join. */
  readonly invitations: InvitationService;
  /** The content-addressed vault. Undefined where the node was started without one. */
  readonly vault?: VaultService;
  /** The figures of the last hour in steps. With `since` (Unix ms), only the points later than that. */
  series(since?: number): SeriesView;
}
