import { createHash } from 'node:crypto';

/** Seeded randomness: the same seed gives the same numbers on every machine. */
export interface Rng {
  /** Uniform in [0, 1), 32 bits. */
  next(): number;
  /** Whole number in 0…n−1. */
  int(n: number): number;
  /** Uniform in [low, high). */
  between(low: number, high: number): number;
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
  bytes(length: number): Uint8Array;
  /** An independent generator: what one part draws does not shift what another draws. */
  fork(label: string): Rng;
}

/**
 * sfc32 (Chris Doty-Humphrey's Small Fast Counting generator, from PractRand, public domain), seeded by SHA-256 of
 * `seed`.
 */
export function createRng(seed: string): Rng {
  const digest = createHash('sha256').update(seed).digest();
  let a = digest.readUInt32LE(0);
  let b = digest.readUInt32LE(4);
  let c = digest.readUInt32LE(8);
  let counter = digest.readUInt32LE(12) | 1;

  function word(): number {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return sum >>> 0;
  }

  const next = (): number => word() / 2 ** 32;
  const int = (n: number): number => Math.floor(next() * n);
  return {
    next,
    int,
    between: (low, high) => low + (high - low) * next(),
    chance: (probability) => next() < probability,
    pick: <T>(items: readonly T[]): T => items[int(items.length)] as T,
    bytes: (length) => Uint8Array.from({ length }, () => word() & 0xff),
    fork: (label) => createRng(`${seed}/${label}`),
  };
}
