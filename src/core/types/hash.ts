import type { Bytes } from './bytes.ts';

/** SHA-256 of bytes that come in pieces. */
export interface RunningHash {
  update(bytes: Bytes): void;
  /** Returns the 32 bytes, in memory of their own, and ends the run: nothing may be called after it. */
  digest(): Bytes;
}

/**
 * SHA-256. It is injected because core imports no crypto. `hash` returns 32 bytes in memory of their own; `hashInto`
 * writes them to `out` from `offset` on; `running` begins a hash of content that is never in memory as a whole.
 */
export interface Hasher {
  hash(bytes: Bytes): Bytes;
  hashInto(bytes: Bytes, out: Bytes, offset: number): void;
  running(): RunningHash;
}
