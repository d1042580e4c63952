import type { Bytes } from '../../core/types/index.ts';
import type {
  ConflictView,
  EntryView,
  HistoryPage,
  Page,
  ProofDocument,
  WriteOperation,
  WriteResult,
} from './entries.ts';
import type { EventSubscription, LatticeEvent } from './events.ts';
import type { PeerAddress, PeerDifferences, PeerStatus, PingOutcome } from './peers.ts';
import type { CutView, NodeStatus, SeriesView, SyncMode } from './status.ts';
import type { CutCells, SyncService } from './sync.ts';

/** The one face of a running node: what the API, the CLI and an embedding program see. Everything read is durable. */
export interface Lattice {
  status(): NodeStatus;
  peers(): readonly PeerStatus[];
  root(): { readonly root: string; readonly entries: number; readonly live: number; readonly sequence: number };
  get(key: string): Promise<EntryView | undefined>;
  list(options: {
    readonly prefix?: string;
    readonly limit?: number;
    readonly cursor?: string;
  }): Promise<Page<EntryView>>;
  /**
   * Every live entry of one moment in the order of key hashes, in chunks, with the root it belongs to. While they are
   * read the node keeps what is replaced, up to a limit: then they end with LatticeError `moved-on`. `close` when they
   * are not read to their end.
   */
  wholeState(): Promise<{
    readonly root: string;
    readonly live: number;
    readonly chunks: AsyncIterable<readonly EntryView[]>;
    close(): void;
  }>;
  /** LatticeError `invalid-cursor`, `invalid-limit`. */
  history(key: string, options?: { readonly limit?: number; readonly cursor?: string }): Promise<HistoryPage>;
  conflicts(options: { readonly limit?: number; readonly cursor?: string }): Promise<Page<ConflictView>>;
  /**
   * `at: 'cut'`: against the newest certified cut, which a quorum vouches for instead of this node. Rejects with
   * LatticeError `changed-since-cut` or `not-certified`, `next` telling when to try again.
   */
  prove(key: string, options?: { readonly at?: 'cut' }): Promise<ProofDocument>;
  /** The newest 64 cuts, newest first; one item for each root that was attested or held. */
  cuts(): readonly CutView[];
  /** The certificate of the newest certified cut, or of the one at `at` (Unix ms): base64url. */
  certificate(at?: number): { readonly at: number; readonly certificate: string } | undefined;
  /**
   * One atomic commit, durable when it resolves. Rejects with LatticeError: `precondition-failed`, `not-found`,
   * `invalid-…`, `read-only`, `overloaded`.
   *
   * `idempotencyKey`: 1 to 128 visible ASCII characters. The same operations under the same key are written once within
   * 24 hours, whatever comes between, and answered alike; others under it are refused with `idempotency-mismatch`.
   */
  write(operations: readonly WriteOperation[], options?: { readonly idempotencyKey?: string }): Promise<WriteResult>;
  /**
   * Keeps a peer from now on, across restarts; false when it was known. LatticeError `invalid-peer`, `too-many-peers`.
   */
  addPeer(peer: PeerAddress): Promise<boolean>;
  /** Removes a peer that was added. LatticeError `not-found`, `peer-configured`. */
  removePeer(peer: PeerAddress): Promise<void>;
  /** Tries a known peer over each lung now, by peer id, author or URL. LatticeError `not-found`. */
  pingPeer(peer: string): Promise<{ readonly peer: string; readonly results: readonly PingOutcome[] }>;
  setMode(
    mode: SyncMode,
    cause: string,
  ): { readonly changed: boolean; readonly mode: SyncMode; readonly message: string };
  /**
   * Which keys differ from a peer's (peer id or author), at most `limit` (1 to 1,000; 100 by default), without an entry
   * changing hands. It costs the peer some messages. Rejects with LatticeError `not-found`, `peer-unreachable`,
   * `overloaded`, `invalid-limit`, or why the peer did not answer.
   */
  differences(peerId: string, options?: { readonly limit?: number }): Promise<PeerDifferences>;
  /** Coded symbols of one of the newest 3 certified cuts, by its root (hex); undefined for any other. */
  cutCells(root: string): CutCells | undefined;
  /** Compare and repair with every reachable peer now. */
  syncNow(): Promise<void>;
  /**
   * `after`: an event id; events from there on are replayed, or a `reset` event comes first when they no longer exist.
   */
  subscribe(after: string | undefined, send: (event: LatticeEvent) => boolean): Promise<EventSubscription>;
  /** Ed25519 by the node's key over arbitrary text: the original's signed state. 128 hex digits. */
  signText(text: string): string;
  /** Recomputes the root from the store and compares. */
  verifyIntegrity(): Promise<{
    readonly valid: boolean;
    readonly root: string;
    readonly recomputed: string;
    readonly entries: number;
  }>;
  /**
   * Certified cuts as snapshots: the sync messages `manifest` and `part`, encoded. Hashes are hex. LatticeError `gone`,
   * `no-snapshot`, `unverified`, `overloaded`, `malformed`.
   */
  readonly snapshots?: {
    manifest(root: string): Promise<Bytes>;
    chunk(root: string, index: number, after?: string): Promise<Bytes>;
  };
  readonly sync: SyncService;
  /** The last hour in steps; only points later than `since` (Unix ms). */
  series(since?: number): SeriesView;
}
