import type { Author, Hasher } from '../../core/types/index.ts';
import type {
  Clock,
  HttpLung,
  Log,
  Machine,
  Metrics,
  P2pLung,
  Random,
  Signer,
  Store,
  Verifier,
} from '../../ports/index.ts';

/** What a node is told about itself and its fleet. Durations in ms. */
export interface NodeOptions {
  readonly name: string;
  readonly role: string;
  /** Software version, told to peers and shown in status. */
  readonly version: string;
  readonly network: string;
  /** Authors whose commits count; empty: only this node itself. */
  readonly trusted: readonly Author[];
  /** Authors of the configured bootstrap peers. */
  readonly bootstrap: readonly Author[];
  /** Base URLs of HTTP peers. */
  readonly urls: readonly string[];
  readonly heartbeatMs: number;
  /** Fail-over grace. */
  readonly graceMs: number;
  readonly pollMs: number;
  /** Times of cuts are whole multiples of this: equal on all nodes. Default CUT_PERIOD_MS; less in tests only. */
  readonly cutPeriodMs?: number;
  /** How long after its time a cut is fixed. Default CUT_SETTLE_MS. */
  readonly cutSettleMs?: number;
  /** Keys of a peer from which on a snapshot is taken over. Default MIN_ENTRIES of bootstrap.ts; less in tests only. */
  readonly bootstrapMinEntries?: number;
  /** For messages that name it. */
  readonly directory: string;
  /** Reasons from the production guard: the node starts read-only. */
  readonly violations: readonly string[];
  readonly warnings: readonly string[];
  /** Shown in status only. */
  readonly p2p: { readonly topic: string; readonly bootstrap: readonly string[] };
}

export interface NodeDeps {
  readonly store: Store;
  readonly hasher: Hasher;
  readonly signer: Signer;
  readonly verifier: Verifier;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Absent: the series has no figures of the process. */
  readonly machine?: Machine;
  /** Absent: P2P is switched off. */
  readonly p2p?: P2pLung;
  readonly http: HttpLung;
  readonly peerIdOf: (author: Author) => string;
  /** The store failed: nothing more is acknowledged; the process is to end within a second. */
  readonly onFatal: (error: unknown) => void;
}
