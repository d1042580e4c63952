import type { Bytes } from '../../types/index.ts';

/** The last block of a 16-byte message, which has the length of the message in its top byte. */
const LENGTH_BLOCK = 16 << 24;

/**
 * HalfSipHash-2-4 with 64 bits of output, the 32-bit variant of SipHash (Aumasson and Bernstein, "SipHash: a fast
 * short-input PRF"), for messages of exactly 16 bytes (SPEC Y2). The result stands in `h0` and `h1` until the next
 * call, so that hashing an item allocates nothing.
 */
export class ItemHash {
  /** The first word of the last result, which is the check of an item. */
  h0 = 0;
  /** The second word. h0 and h1 together seed the sequence of cells that the item belongs to. */
  h1 = 0;
  private v0 = 0;
  private v1 = 0;
  private v2 = 0;
  private v3 = 0;
  private readonly k0: number;
  private readonly k1: number;

  /** `key`: 8 bytes. */
  constructor(key: Bytes) {
    if (key.length !== 8) throw new RangeError(`a hash key has 8 bytes, not ${key.length}`);
    this.k0 = wordAt(key, 0);
    this.k1 = wordAt(key, 4);
  }

  /** Hashes the 16 bytes that are these four little-endian words. */
  hash(a: number, b: number, c: number, d: number): void {
    this.v0 = this.k0;
    this.v1 = this.k1 ^ 0xee;
    this.v2 = this.k0 ^ 0x6c796765;
    this.v3 = this.k1 ^ 0x74656462;
    this.absorb(a);
    this.absorb(b);
    this.absorb(c);
    this.absorb(d);
    this.absorb(LENGTH_BLOCK);
    this.v2 ^= 0xee;
    this.rounds(4);
    this.h0 = this.v1 ^ this.v3;
    this.v1 ^= 0xdd;
    this.rounds(4);
    this.h1 = this.v1 ^ this.v3;
  }

  private absorb(block: number): void {
    this.v3 ^= block;
    this.rounds(2);
    this.v0 ^= block;
  }

  private rounds(count: number): void {
    let { v0, v1, v2, v3 } = this;
    for (let i = 0; i < count; i++) {
      v0 = (v0 + v1) | 0;
      v1 = (v1 << 5) | (v1 >>> 27);
      v1 ^= v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = (v3 << 8) | (v3 >>> 24);
      v3 ^= v2;
      v0 = (v0 + v3) | 0;
      v3 = (v3 << 7) | (v3 >>> 25);
      v3 ^= v0;
      v2 = (v2 + v1) | 0;
      v1 = (v1 << 13) | (v1 >>> 19);
      v1 ^= v2;
      v2 = (v2 << 16) | (v2 >>> 16);
    }
    this.v0 = v0;
    this.v1 = v1;
    this.v2 = v2;
    this.v3 = v3;
  }
}

/** The four bytes at `at` as a little-endian word. */
export function wordAt(bytes: Bytes, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

/** Writes a word as four little-endian bytes. */
export function writeWord(word: number, out: Bytes, at: number): void {
  out[at] = word;
  out[at + 1] = word >>> 8;
  out[at + 2] = word >>> 16;
  out[at + 3] = word >>> 24;
}
