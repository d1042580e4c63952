import type { Bytes } from './bytes.ts';

/** SHA-256, injected: core imports no crypto. `hashInto` writes 32 bytes at `offset` of `out`. */
export interface Hasher {
  hash(bytes: Bytes): Bytes;
  hashInto(bytes: Bytes, out: Bytes, offset: number): void;
}
