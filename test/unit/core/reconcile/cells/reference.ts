import type { Bytes } from '../../../../../src/core/types/index.ts';

/** Coded symbols written down as plainly as their definition, over items of 16 bytes. */

const MASK = 0xffff_ffffn;
const rotl = (x: bigint, n: bigint): bigint => ((x << n) | (x >> (32n - n))) & MASK;
const word = (bytes: Bytes, at: number): bigint =>
  BigInt(
    (bytes[at] ?? 0) + 2 ** 8 * (bytes[at + 1] ?? 0) + 2 ** 16 * (bytes[at + 2] ?? 0) + 2 ** 24 * (bytes[at + 3] ?? 0),
  );

/** HalfSipHash-2-4 of any message, 64 bits: h0 and h1. */
export function referenceHash(key: Bytes, message: Bytes): [number, number] {
  const [k0, k1] = [word(key, 0), word(key, 4)];
  const v = [k0, k1 ^ 0xeen, k0 ^ 0x6c796765n, k1 ^ 0x74656462n] as [bigint, bigint, bigint, bigint];
  const round = (): void => {
    v[0] = (v[0] + v[1]) & MASK;
    v[1] = rotl(v[1], 5n) ^ v[0];
    v[0] = rotl(v[0], 16n);
    v[2] = (v[2] + v[3]) & MASK;
    v[3] = rotl(v[3], 8n) ^ v[2];
    v[0] = (v[0] + v[3]) & MASK;
    v[3] = rotl(v[3], 7n) ^ v[0];
    v[2] = (v[2] + v[1]) & MASK;
    v[1] = rotl(v[1], 13n) ^ v[2];
    v[2] = rotl(v[2], 16n);
  };
  const rounds = (n: number): void => {
    for (let i = 0; i < n; i++) round();
  };
  const blocks: bigint[] = [];
  const whole = message.length - (message.length % 4);
  for (let at = 0; at < whole; at += 4) blocks.push(word(message, at));
  blocks.push(word(message, whole) | (BigInt(message.length & 0xff) << 24n));
  for (const block of blocks) {
    v[3] ^= block;
    rounds(2);
    v[0] ^= block;
  }
  v[2] ^= 0xeen;
  rounds(4);
  const h0 = v[1] ^ v[3];
  v[1] ^= 0xddn;
  rounds(4);
  return [Number(h0), Number(v[1] ^ v[3])];
}

/** The cells below `size` that an item with this hash belongs to. */
export function referenceIndices(h0: number, h1: number, size: number): number[] {
  let [s0, s1] = [BigInt(h0), BigInt(h1)];
  const out: number[] = [];
  let index = 0;
  while (index < size) {
    out.push(index);
    const r = Number((s0 * 0x9e3779bbn) & MASK);
    s1 ^= s0;
    s0 = rotl(s0, 26n) ^ s1 ^ ((s1 << 9n) & MASK);
    s1 = rotl(s1, 13n);
    index += Math.max(1, Math.ceil((index + 1.5) * (65_536 / Math.sqrt(r + 1) - 1)));
  }
  return out;
}

export interface ReferenceCell {
  sum: Bytes;
  check: number;
  count: number;
}

export function referenceCells(key: Bytes, items: readonly Bytes[], size: number): ReferenceCell[] {
  const cells = Array.from({ length: size }, (): ReferenceCell => ({ sum: new Uint8Array(16), check: 0, count: 0 }));
  for (const item of items) {
    const [h0, h1] = referenceHash(key, item);
    for (const index of referenceIndices(h0, h1, size)) {
      const cell = cells[index] as ReferenceCell;
      cell.sum = cell.sum.map((byte, i) => byte ^ (item[i] as number));
      cell.check = (cell.check ^ h0) >>> 0;
      cell.count++;
    }
  }
  return cells;
}

/** The 21 bytes of a cell. */
export function referenceCellBytes({ sum, check, count }: ReferenceCell): Bytes {
  return Uint8Array.of(...sum, check & 255, (check >>> 8) & 255, (check >>> 16) & 255, check >>> 24, count & 255);
}
