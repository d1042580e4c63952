import type { Bytes } from '../types/index.ts';

/** Bytes of a digest. Two that collide take 2^64 work, and equality is claimed from whole roots only. */
const DIGEST_BYTES = 16;

/** The first `bits` bits of `prefix` followed by the four bits of `nibble`. `bits` is a multiple of 4. */
export function childPrefix(prefix: Bytes, bits: number, nibble: number): Bytes {
  const out = new Uint8Array((bits + 4 + 7) >> 3);
  out.set(prefix.subarray(0, Math.min(prefix.length, out.length)));
  const at = bits >> 3;
  out[at] = bits % 8 === 0 ? nibble << 4 : ((out[at] as number) & 0xf0) | nibble;
  return out;
}

/** The digests of the 16 children from a bitmap and a list, undefined for absent children. */
export function expandDigests(bitmap: number, digests: Bytes): (Bytes | undefined)[] {
  let at = 0;
  return Array.from({ length: 16 }, (_, i) => {
    if ((bitmap & (1 << i)) === 0) return undefined;
    const digest = digests.subarray(at, at + DIGEST_BYTES);
    at += DIGEST_BYTES;
    return digest;
  });
}
