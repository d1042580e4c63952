import type { Bytes } from './bytes.ts';

/**
 * SHA-256. It is injected because core imports no crypto. `hash` returns 32 bytes in memory of their own; `hashInto`
 * writes them to `out` from `offset` on.
 */
export interface Hasher {
  hash(bytes: Bytes): Bytes;
  hashInto(bytes: Bytes, out: Bytes, offset: number): void;
}
