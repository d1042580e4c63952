import type { Bytes, JsonValue } from '../core/types/index.ts';

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
  /** A version, or '*' for "exists". Otherwise the write fails with code `precondition-failed`. */
  readonly ifMatch?: string;
  /** '*': only if the key does not exist. */
  readonly ifNoneMatch?: '*';
  /** A delete of an absent key fails with `not-found` when true; else it writes a tombstone. */
  readonly mustExist?: boolean;
}

export interface WriteResult {
  readonly commit: string;
  readonly hlc: string;
  readonly results: readonly { readonly key: string; readonly version: string; readonly created: boolean }[];
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
  readonly trusted: boolean;
  /** The lung that carries this peer now. */
  readonly lung: 'p2p' | 'http' | 'none';
  readonly p2p: { readonly connected: boolean; readonly lastHeardAt?: number; readonly rttMs?: number };
  readonly http: { readonly reachable: boolean; readonly streaming: boolean; readonly lastHeardAt?: number; readonly error?: string };
  readonly root?: string;
  readonly agreement: Agreement;
  /** Unix ms since when `agreement` holds. */
  readonly agreementSince?: number;
  /** Items we refused from it or it refused from us, by reason. */
  readonly refused: { readonly count: number; readonly reasons: Readonly<Record<string, number>> };
  readonly trustMatches?: boolean;
  readonly lastRepair?: RepairReport;
  readonly software?: string;
  /** Its wall clock less ours in ms, as well as a handshake can tell. */
  readonly clockOffsetMs?: number;
}

export interface RepairReport {
  readonly at: number;
  readonly lung: 'p2p' | 'http';
  readonly outcome: 'equal' | 'repaired' | 'equal-except-refused' | 'partial' | 'failed';
  /** How the differing keys were found: by coded symbols alone, or (also) by descending the tree. Absent when it failed. */
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
  /** What an operator should know about or act on: production-guard violations, trust mismatch, clock, refused items. */
  readonly warnings: readonly string[];
  readonly trust: { readonly hash: string; readonly authors: readonly string[] };
  readonly converged: { readonly peers: number; readonly equal: number };
  readonly transitions: readonly Transition[];
  /** Refused fragments since start, by reason. */
  readonly refused: Readonly<Record<string, number>>;
  readonly deferred: number;
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
  /** The serving node's signed head naming this root. */
  readonly head: string;
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
  | { readonly type: 'transition'; readonly transition: Transition };

/** A push stream's or event stream's consumer. `send` returns false when it is full: the producer drops it. */
export interface EventSubscription {
  close(): void;
}

/** Server side of the HTTP sync endpoints: envelopes are checked inside, routes only move bytes. */
export interface SyncService {
  /** Signed answer to "who are you", as canonical CBOR. `nonce`: 16 bytes of the asker, `url`: the URL it used. */
  identify(nonce: Bytes, url: string): Bytes;
  /** One enveloped request → one enveloped answer. Rejects with LatticeError (code `sync-unauthorized`, `malformed`, `overloaded`, …). */
  handle(envelope: Bytes): Promise<Bytes>;
  /** Opens a push stream for an authorised envelope. `send` returns false when the consumer is too far behind. */
  open(envelope: Bytes, send: (frame: Bytes) => boolean, closed: () => void): Promise<{ close(): void }>;
}

/** The one face of a running node: what the API, the CLI and an embedding program see. Everything read is durable. */
export interface Lattice {
  status(): NodeStatus;
  peers(): readonly PeerStatus[];
  root(): { readonly root: string; readonly entries: number; readonly live: number; readonly sequence: number };
  get(key: string): Promise<EntryView | undefined>;
  list(options: { readonly prefix?: string; readonly limit?: number; readonly cursor?: string }): Promise<Page<EntryView>>;
  /** Every live entry in key order from one consistent snapshot, in chunks, with the root it belongs to. */
  snapshot(): Promise<{ readonly root: string; readonly live: number; readonly chunks: AsyncIterable<readonly EntryView[]> }>;
  conflicts(options: { readonly limit?: number; readonly cursor?: string }): Promise<Page<ConflictView>>;
  prove(key: string): Promise<ProofDocument>;
  /** One atomic commit, durable when it resolves. Rejects with LatticeError: `precondition-failed`, `not-found`, `invalid-…`, `read-only`, `overloaded`. */
  write(operations: readonly WriteOperation[]): Promise<WriteResult>;
  setMode(mode: SyncMode, cause: string): { readonly changed: boolean; readonly mode: SyncMode; readonly message: string };
  /** Compare and repair with every reachable peer now. */
  syncNow(): Promise<void>;
  /** `after`: an event id; events from there on are replayed, or a `reset` event comes first when they no longer exist. */
  subscribe(after: string | undefined, send: (event: LatticeEvent) => boolean): Promise<EventSubscription>;
  /** Ed25519 by the node's key over arbitrary text: the original's signed state. 128 hex digits. */
  signText(text: string): string;
  /** Recomputes the root from the store and compares. */
  verifyIntegrity(): Promise<{ readonly valid: boolean; readonly root: string; readonly recomputed: string; readonly entries: number }>;
  readonly sync: SyncService;
}
