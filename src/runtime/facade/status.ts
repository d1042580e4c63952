import type { CauseCode, ReadOnlyReason, Warning } from './codes.ts';

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
  /** A sentence, and for programs its code. */
  readonly cause: string;
  readonly code: CauseCode;
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
  /** Why not, when not writable. */
  readonly readOnlyReasons: readonly ReadOnlyReason[];
  /**
   * What an operator should know about or act on: production-guard violations, trust mismatch, clock, refused items.
   */
  readonly warnings: readonly Warning[];
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
