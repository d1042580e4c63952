import type { Bytes, JsonValue } from '../../core/types/index.ts';

/** One key as readers see it: the winning sibling. Text forms as in JSON answers. */
export interface EntryView {
  readonly key: string;
  readonly value: JsonValue;
  /** `<commit id>.<index>`: the ETag. */
  readonly version: string;
  readonly author: string;
  /** 16 hex digits. */
  readonly hlc: string;
  readonly commit: string;
  readonly index: number;
  /** Number of other siblings; absent when there are none. */
  readonly conflicts?: number;
}

/** One sibling of a key in conflict. `deleted` siblings have no value. */
export interface SiblingView {
  readonly version: string;
  readonly author: string;
  readonly hlc: string;
  readonly deleted: boolean;
  readonly value?: JsonValue;
}

export interface ConflictView {
  readonly key: string;
  /** The winner first, the same order on every node. */
  readonly siblings: readonly SiblingView[];
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Pass as `cursor` for the next page; absent on the last. */
  readonly cursor?: string;
}

export interface WriteOperation {
  readonly op: 'put' | 'delete';
  readonly key: string;
  readonly value?: JsonValue;
  /**
   * A version, or several of which one must be current, or '*' for "exists". Otherwise the write fails with code
   * `precondition-failed`.
   */
  readonly ifMatch?: string | readonly string[];
  /** '*': only if the key does not exist. A version, or several: only if none of them is current. */
  readonly ifNoneMatch?: string | readonly string[];
  /** A delete of an absent key fails with `not-found` when true; else it writes a tombstone. */
  readonly mustExist?: boolean;
}

export interface WriteResult {
  readonly commit: string;
  readonly hlc: string;
  readonly results: readonly { readonly key: string; readonly version: string; readonly created: boolean }[];
  /** An earlier write under the same idempotency key: this call wrote nothing. */
  readonly replayed?: true;
}

/** What readers were shown under a key at some time. */
export interface HistoryItem {
  readonly version: string;
  /** Author, clock (16 hex digits) and its time (Unix ms) are absent where neither the journal nor a sibling tells. */
  readonly author?: string;
  readonly hlc?: string;
  readonly at?: number;
  readonly deleted: boolean;
  /** Local sequence since which it was shown; absent where the journal does not tell. */
  readonly sequence?: number;
  /** What readers see now. */
  readonly current: boolean;
  /** Only where it is still held. */
  readonly value?: JsonValue;
}

export interface HistoryPage {
  readonly key: string;
  /** The present siblings first, the winner at the head; then what they replaced, newest first. */
  readonly items: readonly HistoryItem[];
  /** There is nothing older. */
  readonly complete: boolean;
  readonly cursor?: string;
}

/** A peer as operators name it: the base URL of its API, or a multiaddr that ends in /p2p/<peer id>. */
export type PeerAddress = { readonly url: string } | { readonly multiaddr: string };

export interface PingOutcome {
  readonly lung: 'p2p' | 'http';
  readonly ok: boolean;
  readonly rttMs?: number;
  readonly error?: string;
}

export type SyncMode = 'auto' | 'p2p' | 'http';
export type Health = 'OPTIMAL' | 'P2P_ONLY' | 'HTTP_ONLY' | 'ISOLATED';

/** A lung's own state. `failed` has an error and retries at `retryAt` (Unix ms). */
export interface LungStatus {
  readonly enabled: boolean;
  readonly state: 'off' | 'starting' | 'running' | 'failed';
  readonly error?: string;
  readonly retryAt?: number;
}

export interface Transition {
  /** Unix ms. */
  readonly at: number;
  readonly peer?: string;
  readonly from: string;
  readonly to: string;
  readonly cause: string;
}

/** How the last comparison with a peer ended. */
export type Agreement = 'unknown' | 'equal' | 'equal-except-refused' | 'different';

export interface PeerStatus {
  /** Peer id (12D3Koo…), or undefined for a URL that has not proven who it is. */
  readonly peerId?: string;
  readonly author?: string;
  readonly url?: string;
  /** Named by our configuration (bootstrap address or URL), as opposed to met on the network. */
  readonly configured: boolean;
  /** Added by an operator while a node ran, and kept since. */
  readonly added?: true;
  readonly trusted: boolean;
  /** The lung that carries this peer now. */
  readonly lung: 'p2p' | 'http' | 'none';
  readonly p2p: { readonly connected: boolean; readonly lastHeardAt?: number; readonly rttMs?: number };
  readonly http: {
    readonly reachable: boolean;
    readonly streaming: boolean;
    readonly lastHeardAt?: number;
    readonly error?: string;
  };
  readonly root?: string;
  readonly agreement: Agreement;
  /** Unix ms since when `agreement` holds. */
  readonly agreementSince?: number;
  /** Items we refused from it or it refused from us, by reason. */
  readonly refused: { readonly count: number; readonly reasons: Readonly<Record<string, number>> };
  readonly trustMatches?: boolean;
  readonly lastRepair?: RepairReport;
  /** The repair that is under way. */
  readonly repair?: RepairProgress;
  /**
   * Keys that differ, counted by a comparison that transfers no entries; 0 only where the roots are equal. `at`: Unix
   * ms. Not `exact`: an estimate.
   */
  readonly differing?: { readonly keys: number; readonly at: number; readonly exact: boolean };
  readonly software?: string;
  /** Its wall clock less ours in ms, as well as a handshake can tell. */
  readonly clockOffsetMs?: number;
}

/** A repair under way. `found` and `remaining` count keys, `fetched` and `pushed` operations. */
export interface RepairProgress {
  readonly running: true;
  readonly lung: 'p2p' | 'http';
  readonly found: number;
  readonly fetched: number;
  readonly pushed: number;
  readonly remaining: number;
  /** Keys settled in a second so far. */
  readonly perSecond: number;
  /** Unix ms. */
  readonly since: number;
}

/** Which keys differ from a peer's. Roots are hex, of the states compared. */
export interface PeerDifferences {
  /** Peer id. */
  readonly peer: string;
  readonly ourRoot: string;
  readonly theirRoot: string;
  /** `keys` are all that differ. */
  readonly complete: boolean;
  readonly method: 'cells' | 'descent';
  /**
   * By key hash: hex, 64 digits, or the first 16 of a key that we don't hold. `key` only where we hold it. `side`: who
   * has it; `both` have it, with other contents.
   */
  readonly keys: readonly {
    readonly keyHash: string;
    readonly key?: string;
    readonly side: 'ours' | 'theirs' | 'both';
  }[];
}

export interface RepairReport {
  readonly at: number;
  readonly lung: 'p2p' | 'http';
  readonly outcome: 'equal' | 'repaired' | 'equal-except-refused' | 'partial' | 'failed';
  /**
   * How the differing keys were found: by coded symbols alone, or (also) by descending the tree. Absent when it failed.
   */
  readonly method?: 'cells' | 'descent';
  readonly error?: string;
  readonly found: number;
  readonly fetched: number;
  readonly pushed: number;
  readonly refused: number;
  readonly requests: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly durationMs: number;
}

/** One root at one cut, and who attested it. */
export interface CutView {
  /** Unix ms: the state made of the operations with a clock of at most this. */
  readonly at: number;
  readonly root: string;
  readonly entries: number;
  /** This node held it too. */
  readonly ours: boolean;
  /** Authors, sorted. */
  readonly attesters: readonly string[];
  /** A quorum of the trust list attested it. */
  readonly certified: boolean;
}

/** What this node and the trusted authors say of the state at cuts, every 10 s. Times are Unix ms. */
export interface CutsStatus {
  /** This node's own newest cut. */
  readonly newest?: { readonly at: number; readonly root: string; readonly entries: number };
  /** Why this node fixes no cuts just now. */
  readonly lagging?: string;
  readonly certified?: {
    readonly at: number;
    readonly root: string;
    readonly entries: number;
    readonly attesters: readonly string[];
    readonly quorum: number;
  };
  /** The newest cut at which a quorum attested our root and no trusted author another one. */
  readonly convergedAsOf?: number;
  /** Trusted authors whose newest attestation is of another root than ours. */
  readonly disagreeing: readonly { readonly author: string; readonly at: number; readonly root: string }[];
}

/** How a node that was empty or far behind takes over a snapshot. Times are Unix ms. */
export interface BootstrapStatus {
  /**
   * `verifying`: everything is here and the signatures are being checked; until `done` the node attests nothing and
   * serves no snapshot.
   */
  readonly phase: 'manifest' | 'chunks' | 'catching-up' | 'verifying' | 'done' | 'failed';
  /** Of the cut that is taken over; absent while one is looked for. */
  readonly root?: string;
  readonly at?: number;
  readonly chunks: { readonly done: number; readonly total: number };
  /** Keys and bytes taken over since the start. */
  readonly entries: number;
  readonly bytes: number;
  /** Keys a second while chunks were fetched. */
  readonly ratePerSecond: number;
  /** Peer ids of those that served chunks. */
  readonly peers: readonly string[];
  /** Keys whose signatures have been checked. */
  readonly verified?: { readonly done: number; readonly total: number };
  /** Why it failed, or goes on slowly. */
  readonly error?: string;
}

export interface NodeStatus {
  readonly name: string;
  readonly role: string;
  readonly version: string;
  readonly network: string;
  readonly peerId: string;
  readonly author: string;
  readonly incarnation: string;
  readonly startedAt: number;
  readonly now: number;
  readonly root: string;
  /** Keys in the tree, tombstones included. */
  readonly entries: number;
  /** Keys with a value. */
  readonly live: number;
  readonly conflicts: number;
  /** Durable local sequence: one per applied batch. */
  readonly sequence: number;
  readonly mode: SyncMode;
  readonly health: Health;
  /** The lung that carries the node as a whole: P2P when every covered peer breathes through it. */
  readonly syncMode: 'P2P' | 'HTTP' | 'NONE';
  readonly p2p: LungStatus & {
    readonly topic: string;
    readonly listen: readonly string[];
    readonly bootstrap: readonly string[];
    readonly peers: number;
  };
  readonly http: LungStatus & { readonly peers: number; readonly streaming: number };
  readonly writable: boolean;
  /** Why not, one sentence each, when not writable. */
  readonly readOnlyReasons: readonly string[];
  /**
   * What an operator should know about or act on: production-guard violations, trust mismatch, clock, refused items.
   */
  readonly warnings: readonly string[];
  readonly trust: { readonly hash: string; readonly authors: readonly string[] };
  readonly converged: { readonly peers: number; readonly equal: number };
  /** Agreement at fixed times: unlike `converged` it is exact, also while writes go on. */
  readonly cuts?: CutsStatus;
  readonly transitions: readonly Transition[];
  /** Refused fragments since start, by reason. */
  readonly refused: Readonly<Record<string, number>>;
  readonly deferred: number;
  /**
   * How far the check of every stored entry has come that each start runs; absent when it has found all of them good.
   */
  readonly integrity?: { readonly checked: number; readonly total: number };
  /** How far a bootstrap has come; absent where there was none since the start. */
  readonly bootstrap?: BootstrapStatus;
  /** What waits inside the node. */
  readonly queues?: {
    /** Operations waiting for the disk. */
    readonly writer: number;
    /** Signature checks under way. */
    readonly door: number;
    /** Operations waiting to be gossiped. */
    readonly gossip: number;
    /** Bytes of live commits waiting to be pushed over HTTP. */
    readonly httpOutboxBytes: number;
  };
}

/** One step of the node's recent past. Counts and bytes are those of the step. */
export interface SeriesPoint {
  /** End of the step, Unix ms. */
  readonly at: number;
  /** Keys changed, whoever wrote them. */
  readonly changes: number;
  /** Durable commits of this node. */
  readonly writes: number;
  /** From the clock of another node's live commit to its durable end here, within 10 %; absent when none came. */
  readonly latencyP99Ms?: number;
  readonly gossipBytesIn: number;
  readonly gossipBytesOut: number;
  readonly httpBytesIn: number;
  readonly httpBytesOut: number;
  readonly repairs: number;
  readonly transitions: number;
  readonly peersEqual: number;
  /** Peers that have told a root. */
  readonly peers: number;
  readonly loopP99Ms?: number;
  /** Resident bytes. */
  readonly rss?: number;
}

export interface SeriesView {
  readonly stepMs: number;
  /** Oldest first, at most one hour. */
  readonly items: readonly SeriesPoint[];
}

/** An auditor's file: everything needed to check one key against a root offline. Byte fields are base64url. */
export interface ProofDocument {
  readonly format: 'diotec360-lattice-proof/1';
  readonly key: string;
  readonly kind: 'present' | 'deleted' | 'absent';
  readonly root: string;
  readonly network: string;
  /** The binary Merkle proof of SPEC.md. */
  readonly merkle: string;
  /** The sibling operations as fragments (header, signature, operation, path), winner first; empty when absent. */
  readonly fragments: readonly string[];
  /** The serving node's signed head naming this root; absent where there is a certificate. */
  readonly head?: string;
  /** A quorum's certificate of this root: the root is that of a cut. */
  readonly certificate?: string;
  readonly value?: JsonValue;
}

export type LatticeEvent =
  | {
      readonly id: string;
      readonly type: 'change';
      readonly key: string;
      readonly version: string;
      readonly deleted: boolean;
      readonly author: string;
      readonly hlc: string;
    }
  /** Ends the changes of one durable batch; its id is where to resume. */
  | { readonly id: string; readonly type: 'batch'; readonly root: string; readonly changes: number }
  | { readonly id: string; readonly type: 'reset'; readonly reason: string }
  | { readonly type: 'transition'; readonly transition: Transition }
  /** How far a repair has come: at most twice a second for each peer, by peer id. */
  | ({ readonly type: 'progress'; readonly what: 'repair'; readonly peer: string } & Omit<RepairProgress, 'running'>)
  /** How far a bootstrap has come: at most once a second. */
  | ({ readonly type: 'progress'; readonly what: 'bootstrap' } & BootstrapStatus)
  /** A repair has ended. */
  | { readonly type: 'repair'; readonly peer: string; readonly report: RepairReport }
  /** This node fixed a cut, or one has its certificate. `at`: Unix ms. */
  | { readonly type: 'cut'; readonly at: number; readonly root: string; readonly certified: boolean };

/** A push stream's or event stream's consumer. `send` returns false when it is full: the producer drops it. */
export interface EventSubscription {
  close(): void;
}

/** Coded symbols of a certified cut: 21 bytes a cell from cell 0. They never change. */
export interface CutCells {
  /** Keys of the cut, tombstones included. */
  readonly entries: number;
  readonly cells: number;
  /** Bytes in all. */
  readonly length: number;
  /** Bytes [from, to). */
  read(from: number, to: number): Bytes;
}

/** Server side of the HTTP sync endpoints: envelopes are checked inside, routes only move bytes. */
export interface SyncService {
  /** Signed answer to "who are you", as canonical CBOR. `nonce`: 16 bytes of the asker, `url`: the URL it used. */
  identify(nonce: Bytes, url: string): Bytes;
  /**
   * One enveloped request → one enveloped answer. Rejects with LatticeError (code `sync-unauthorized`, `malformed`,
   * `overloaded`, …).
   */
  handle(envelope: Bytes): Promise<Bytes>;
  /**
   * The message of an authorised envelope, for what is served by GET. Each envelope counts once. Rejects as `handle`
   * does.
   */
  admit(envelope: Bytes): Promise<Bytes>;
  /** Opens a push stream for an authorised envelope. `send` returns false when the consumer is too far behind. */
  open(envelope: Bytes, send: (frame: Bytes) => boolean, closed: () => void): Promise<{ close(): void }>;
}

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
  snapshot(): Promise<{
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
   */
  /**
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
