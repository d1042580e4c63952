import { createHash } from 'node:crypto';
import type { LeafRef } from '../../../../src/core/merkle/index.ts';
import type { Bytes, Hasher } from '../../../../src/core/types/index.ts';

/** The tree written down as slowly and plainly as its definition, over leaves sorted by key hash. */

export interface Leaf {
  readonly keyHash: Bytes;
  readonly leafHash: Bytes;
}

export function sha256(...parts: Bytes[]): Bytes {
  const h = createHash('sha256');
  for (const part of parts) h.update(part);
  return new Uint8Array(h.digest());
}

export const hasher: Hasher = {
  hash: (bytes) => sha256(bytes),
  hashInto(bytes, out, offset) {
    out.set(sha256(bytes), offset);
  },
  running() {
    const hash = createHash('sha256');
    return { update: (bytes) => void hash.update(bytes), digest: () => new Uint8Array(hash.digest()) };
  },
};

export const text = (s: string): Bytes => new TextEncoder().encode(s);
export const hex = (bytes: Bytes): string => Buffer.from(bytes).toString('hex');
export const unhex = (s: string): Bytes => new Uint8Array(Buffer.from(s, 'hex'));

/** All 256 bits of a hash as a string of 0 and 1. */
export const bitsOf = (hash: Bytes): string => Array.from(hash, (byte) => byte.toString(2).padStart(8, '0')).join('');

export function sortLeaves(leaves: readonly Leaf[]): Leaf[] {
  return leaves.toSorted((a, b) => Buffer.compare(a.keyHash, b.keyHash));
}

export function referenceLeafHash(keyHash: Bytes, refs: readonly LeafRef[]): Bytes {
  const rows = refs.map(({ commit, index }) => Buffer.concat([commit, Buffer.from([index >> 8, index & 255])]));
  return sha256(Uint8Array.of(0), keyHash, Buffer.concat(rows.toSorted((a, b) => Buffer.compare(a, b))));
}

/** Root of sorted leaves. */
export function referenceRoot(sorted: readonly Leaf[]): Bytes {
  if (sorted.length === 0) return sha256(Uint8Array.of(2));
  const [first, last] = [sorted[0] as Leaf, sorted.at(-1) as Leaf];
  if (sorted.length === 1) return first.leafHash;
  const [low, high] = [bitsOf(first.keyHash), bitsOf(last.keyHash)];
  const bit = Array.from(low).findIndex((b, i) => b !== high[i]);
  const left = sorted.filter(({ keyHash }) => bitsOf(keyHash)[bit] === '0');
  const right = sorted.filter(({ keyHash }) => bitsOf(keyHash)[bit] === '1');
  return sha256(Uint8Array.of(1, bit >> 8, bit & 255), referenceRoot(left), referenceRoot(right));
}

/** The sorted leaves whose key hash begins with a string of bits. */
export function referenceUnder(sorted: readonly Leaf[], prefix: string): Leaf[] {
  return sorted.filter(({ keyHash }) => bitsOf(keyHash).startsWith(prefix));
}

export function referenceChildDigests(sorted: readonly Leaf[], prefix: string): { bitmap: number; digests: Bytes } {
  let bitmap = 0;
  const digests: Bytes[] = [];
  for (let i = 0; i < 16; i++) {
    const under = referenceUnder(sorted, prefix + i.toString(2).padStart(4, '0'));
    if (under.length === 0) continue;
    bitmap |= 1 << i;
    digests.push(referenceRoot(under).subarray(0, 16));
  }
  return { bitmap, digests: new Uint8Array(Buffer.concat(digests)) };
}

/** Numbers in [0, n) from a seed: xorshift32, enough to shuffle and pick. */
export function seeded(seed: number): (n: number) => number {
  let x = seed | 0 || 1;
  return (n) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % n;
  };
}

export function shuffled<T>(items: readonly T[], pick: (n: number) => number): T[] {
  const out = [...items];
  for (let i = out.length - 1; i > 0; i--) {
    const j = pick(i + 1);
    [out[i], out[j]] = [out[j] as T, out[i] as T];
  }
  return out;
}

/** n leaves with one sibling each, in no order; the key hashes are SHA-256 of "name/i". */
export function someLeaves(n: number, name = 'key'): (Leaf & { readonly refs: readonly LeafRef[] })[] {
  return Array.from({ length: n }, (_, i) => {
    const keyHash = sha256(text(`${name}/${i}`));
    const refs = [{ commit: sha256(text(`commit/${i}`)), index: i & 0xffff }];
    return { keyHash, refs, leafHash: referenceLeafHash(keyHash, refs) };
  });
}

/** Key hashes that agree in their first `shared` bits and differ after them, `n` of them. */
export function closeKeyHashes(n: number, shared: number): Bytes[] {
  const base = sha256(text('close'));
  return Array.from({ length: n }, (_, i) => {
    const out = base.slice();
    for (let bit = shared; bit < 256; bit++) {
      const mask = 0x80 >>> (bit & 7);
      const on = ((i >>> (255 - bit)) & 1) === 1;
      out[bit >>> 3] = on ? (out[bit >>> 3] as number) | mask : (out[bit >>> 3] as number) & ~mask;
    }
    return out;
  });
}
