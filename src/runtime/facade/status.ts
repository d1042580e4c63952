import type { CauseCode, ReadOnlyReason, Warning } from './codes.ts';
import type { FloorStatus } from './floor.ts';
import type { VaultStatus } from './vault.ts';
import type { Verdict } from './verdict.ts';

export type SyncMode = 'auto' | 'p2p' | 'http';

/** Which lungs reach other nodes (SPEC N6). It speaks of lungs only; the verdict speaks of the node. */
export const HEALTH = ['OPTIMAL', 'PARTIAL', 'P2P_ONLY', 'HTTP_ONLY', 'ISOLATED'] as const;
export type Health = (typeof HEALTH)[number];

/**
 * The state of a lung. A lung that has `failed` has an `error`, and starts again at `retryAt` (Unix ms); without
 * `retryAt` it starts once its settings have been corrected.
 */
export interface LungStatus {
  readonly enabled: boolean;
  readonly state: 'off' | 'starting' | 'running' | 'failed';
  readonly error?: string;
  readonly retryAt?: number;
}

export interface Transition {
  /** Unix ms. */
  readonly at: number;
  /** The author of the peer, and what people read in its place. */
  readonly peer?: string;
  readonly name?: string;
  readonly from: string;
  readonly to: string;
  /** The cause as a sentence for people, and below its code for programs. */
  readonly cause: string;
  readonly code: CauseCode;
}

/** One root at one cut, and who attested that root. */
export interface CutView {
  /** The time of the cut, Unix ms: the state is made of the operations with an HLC of at most this. */
  readonly at: number;
  readonly root: string;
  readonly entries: number;
  /** True: this node had this root at the cut, too. */
  readonly ours: boolean;
  /** The authors who attested the root, sorted. */
  readonly attesters: readonly string[];
  /** True: the attesters are a quorum of the writers of the roster that certifies this cut. */
  readonly certified: boolean;
  /** The epoch of that roster: 0 is the configured trust list. */
  readonly epoch: number;
}

/** Two statements of one author that contradict each other (SPEC EV1, EV2). Anyone can check them offline. */
export interface EvidenceView {
  readonly format: 'diotec360-lattice-evidence/1';
  /** 16 hex digits, by which the command line names it. */
  readonly id: string;
  readonly kind: 'two-commits' | 'forgotten' | 'two-roots' | 'two-votes';
  readonly network: string;
  readonly author: string;
  /** What was signed twice, for people. */
  readonly about: string;
  /** Both statements, base64url. */
  readonly statements: readonly [string, string];
}

/** What this node and the trusted authors say of the state at the cuts, one every 10 s. Times are Unix ms. */
export interface CutsStatus {
  /** The newest cut that this node fixed. */
  readonly newest?: { readonly at: number; readonly root: string; readonly entries: number };
  /** Why this node fixes no cuts at present; absent when it does. */
  readonly lagging?: string;
  readonly certified?: {
    readonly at: number;
    readonly root: string;
    readonly entries: number;
    readonly attesters: readonly string[];
    readonly quorum: number;
  };
  /** The time of the newest cut at which a quorum attested our root and no trusted author attested another. */
  readonly convergedAsOf?: number;
  /** The trusted authors whose newest attestation is of another root than ours at that cut. */
  readonly disagreeing: readonly { readonly author: string; readonly at: number; readonly root: string }[];
}

/** How far a bootstrap has come: a node that was empty or far behind takes over a snapshot. Times are Unix ms. */
export interface BootstrapStatus {
  /**
   * In `verifying` all entries are here and their signatures are being checked. Until `done` the node attests nothing
   * and serves no snapshot.
   */
  readonly phase: 'manifest' | 'chunks' | 'catching-up' | 'verifying' | 'done' | 'failed';
  /** The root and time of the cut that is taken over; absent while the node looks for one. */
  readonly root?: string;
  readonly at?: number;
  readonly chunks: { readonly done: number; readonly total: number };
  /** Keys and bytes that were taken over since the bootstrap began. */
  readonly entries: number;
  readonly bytes: number;
  /** Keys per second while chunks were fetched. */
  readonly ratePerSecond: number;
  /** The peer ids of those that served chunks. */
  readonly peers: readonly string[];
  /** How many keys have had their signatures checked, and of how many. */
  readonly verified?: { readonly done: number; readonly total: number };
  /** Why the bootstrap failed, or why it goes on slowly. */
  readonly error?: string;
}

/** How far the scrub has come, which goes round over the whole store for as long as the node runs. */
export interface ScrubStatus {
  /** What is being checked at present; `waiting` between two rounds. */
  readonly phase: 'waiting' | 'files' | 'entries' | 'rows';
  /** The number of the round since the start that is under way or comes next. */
  readonly round: number;
  /** The number of the last round since the start that found everything good; 0 before the first. */
  readonly completed: number;
  /** When the last whole round ended, in this run of the node or an earlier one; Unix ms. */
  readonly completedAt?: number;
  /** How many entries the round has checked, and how many there are. */
  readonly checked: number;
  readonly total: number;
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
  /** What all this comes to. Whoever shows or watches a node reads it here and computes nothing of its own. */
  readonly verdict: Verdict;
  readonly root: string;
  /** Keys in the tree, tombstones included. */
  readonly entries: number;
  /** Keys with a value. */
  readonly live: number;
  readonly conflicts: number;
  /** The durable local sequence, which counts one for each applied batch. */
  readonly sequence: number;
  readonly mode: SyncMode;
  readonly health: Health;
  /** The lung by which the node as a whole syncs: P2P when it carries any peer, else HTTP when it reaches any. */
  readonly syncMode: 'P2P' | 'HTTP' | 'NONE';
  readonly p2p: LungStatus & {
    readonly topic: string;
    readonly listen: readonly string[];
    readonly bootstrap: readonly string[];
    readonly peers: number;
  };
  readonly http: LungStatus & { readonly peers: number; readonly streaming: number };
  readonly writable: boolean;
  /** Why the node refuses writes; empty when it is writable. */
  readonly readOnlyReasons: readonly ReadOnlyReason[];
  /**
   * What an operator should know or act on: broken rules for production, another trust list, clocks, refused items.
   */
  readonly warnings: readonly Warning[];
  /**
   * The roster that the node goes by: all its members, in order. `changes` counts those that wait for approvals or votes.
   * Nodes of an earlier version tell neither epoch nor changes.
   */
  readonly trust: {
    readonly hash: string;
    readonly authors: readonly string[];
    readonly epoch?: number;
    readonly changes?: number;
  };
  /** How many other nodes are expected, and how many of them were heard within the grace and have this very root. */
  readonly converged: { readonly peers: number; readonly equal: number };
  /** Agreement at fixed times. Unlike `converged`, it is exact even while writes go on. */
  readonly cuts?: CutsStatus;
  /** Where the floor stands, and who holds it. Nodes of an earlier version tell none. */
  readonly floor?: FloorStatus;
  readonly transitions: readonly Transition[];
  /** How many fragments were refused since the start, by reason. */
  readonly refused: Readonly<Record<string, number>>;
  readonly deferred: number;
  /**
   * How far the check of every stored entry has come, which each start runs in the background. Absent once it has found
   * all of them good.
   */
  readonly integrity?: { readonly checked: number; readonly total: number };
  /**
   * True while writes wait, for some seconds after a start, until this node's own history and its clock have been
   * compared with those of the others. Absent otherwise.
   */
  readonly writesWait?: boolean;
  /**
   * The members that are not known to read values with an end, in the words that people read; until there are none, no
   * such value is written here. Absent where there are none.
   */
  readonly endsNotReadBy?: readonly string[];
  readonly scrub?: ScrubStatus;
  /** How far a bootstrap has come; absent where none ran since the start. */
  readonly bootstrap?: BootstrapStatus;
  /** What the vault holds and fetches; absent where the node has none. */
  readonly vault?: VaultStatus;
  /** How much work waits inside the node. */
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

/** One step of the node's recent past. Counts and bytes are those of this step alone. */
export interface SeriesPoint {
  /** End of the step, Unix ms. */
  readonly at: number;
  /** How many keys changed, whoever wrote them. */
  readonly changes: number;
  /** How many commits of this node became durable. */
  readonly writes: number;
  /**
   * The time from the HLC of another node's live commit until the commit was durable here, within 10 %; absent when no
   * such commit came.
   */
  readonly latencyP99Ms?: number;
  readonly gossipBytesIn: number;
  readonly gossipBytesOut: number;
  readonly httpBytesIn: number;
  readonly httpBytesOut: number;
  readonly repairs: number;
  readonly transitions: number;
  /** How many members were heard and had this node's root, and how many are expected. */
  readonly peersEqual: number;
  readonly peers: number;
  /** How many of the verdict's members were heard within the grace. */
  readonly heard: number;
  /** How many keys were in conflict. */
  readonly conflicts: number;
  readonly loopP99Ms?: number;
  /** The resident memory of the process in bytes. */
  readonly rss?: number;
}

export interface SeriesView {
  readonly stepMs: number;
  /** Oldest first; they cover at most one hour. */
  readonly items: readonly SeriesPoint[];
}
