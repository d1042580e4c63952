import type { Author, Bytes } from '../core/types/index.ts';

export interface Timer {
  cancel(): void;
}

/** Time, timers included. It is a port so that a simulation can advance it by hand. */
export interface Clock {
  /** Unix ms. May jump in either direction. */
  now(): number;
  /** Milliseconds since an arbitrary origin. Never goes back. */
  monotonic(): number;
  /** Calls `run` once, not before `ms` have passed. */
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
  /** The Ed25519 signature of `message`, 64 bytes. The call is synchronous, because it takes only some 30 µs. */
  sign(message: Bytes): Bytes;
}

/** Ed25519 verification under the strict rule of SPEC.md (canonical encodings, no keys of small order). */
export interface Verifier {
  verify(author: Author, message: Bytes, signature: Bytes): Promise<boolean>;
}

/** A log with named fields beside each sentence. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** Makes a log whose lines carry `component`. */
  child(component: string): Log;
}

/**
 * Counters, gauges and histograms whose labels take values from bounded sets. Names carry their unit. Calls never
 * throw and cost well under a microsecond.
 */
export interface Metrics {
  count(name: string, labels?: Readonly<Record<string, string>>, by?: number): void;
  gauge(name: string, value: number, labels?: Readonly<Record<string, string>>): void;
  /** Adds one value, a time in seconds, to a histogram. */
  observe(name: string, seconds: number, labels?: Readonly<Record<string, string>>): void;
}

/** What the process itself costs. One reader samples it every few seconds. */
export interface Machine {
  /**
   * `loopP99Ms`: how long the event loop kept callbacks waiting since the previous call, 99th percentile, ms. `rss`:
   * resident memory at the time of the call, bytes.
   */
  sample(): { readonly loopP99Ms: number; readonly rss: number };
}
