import type { Author, Bytes } from '../core/types/index.ts';

export interface Timer {
  cancel(): void;
}

/** Time as a port, timers included: a simulation advances it by hand. */
export interface Clock {
  /** Wall time in ms since the Unix epoch. May jump. */
  now(): number;
  /** Monotonic ms from an arbitrary origin. Never goes back. */
  monotonic(): number;
  /** Calls `run` once, no earlier than `ms` from now. */
  after(ms: number, run: () => void): Timer;
}

export interface Random {
  bytes(length: number): Bytes;
  /** Uniform in [0, 1), for jitter only. */
  fraction(): number;
}

/** The node's own key. */
export interface Signer {
  readonly author: Author;
  readonly publicKey: Bytes;
  /** Ed25519 over `message`, 64 bytes. Synchronous: ≈ 30 µs. */
  sign(message: Bytes): Bytes;
}

/** Ed25519 verification under the strict rule of SPEC.md (canonical S, no small-order keys). */
export interface Verifier {
  verify(author: Author, message: Bytes, signature: Bytes): Promise<boolean>;
}

export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** A logger whose lines carry `component`. */
  child(component: string): Log;
}

/**
 * Counters, gauges and histograms with bounded label values. Names carry their unit. Calls never throw and cost well
 * under a microsecond.
 */
export interface Metrics {
  count(name: string, labels?: Readonly<Record<string, string>>, by?: number): void;
  gauge(name: string, value: number, labels?: Readonly<Record<string, string>>): void;
  /** One more value of a distribution: a time in seconds. */
  observe(name: string, seconds: number, labels?: Readonly<Record<string, string>>): void;
}

/** What the process itself costs, looked at every few seconds by one reader. */
export interface Machine {
  /** Since the call before: how long the event loop kept callbacks waiting (p99, ms). Now: resident memory in bytes. */
  sample(): { readonly loopP99Ms: number; readonly rss: number };
}
