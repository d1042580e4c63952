import type { Author, Hasher } from '../core/types/index.ts';
import type { Clock, HttpLung, Log, Metrics, P2pLung, Random, Signer, Store, Verifier } from '../ports/index.ts';

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
  /** Absent: P2P is switched off. */
  readonly p2p?: P2pLung;
  readonly http: HttpLung;
  readonly peerIdOf: (author: Author) => string;
  /** The store failed: nothing more is acknowledged; the process is to end within a second. */
  readonly onFatal: (error: unknown) => void;
}
