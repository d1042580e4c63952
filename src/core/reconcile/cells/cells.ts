/**
 * Cells in memory are CELL_WORDS numbers of 32 bits each. Words 0 to 3 are the XOR of the items, CHECK is the XOR of
 * their checks, and COUNT is their number (in cells of a difference, theirs less ours).
 */
export const CELL_WORDS = 6;
export const CHECK = 4;
export const COUNT = 5;

/** An item as four little-endian words: the first 8 bytes of a key hash, then those of its leaf hash (SPEC Y1). */
export interface Item {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
}

/**
 * Adds an item to those of the cells [from, to) that it belongs to (`sign` 1), or takes it out (−1); `to` > 0. An item
 * with hash (h0, h1) belongs to cell 0, and after cell i to cell i + max(1, ceil((i + 1.5)(65536/√(r + 1) − 1))), where
 * r are the outputs of xoroshiro64* (Blackman and Vigna) with the state (h0, h1) (SPEC Y3). So cell i ≥ 1 has it with
 * probability 2(i + 1)/(i + 1.5)² (Yang, Gilad, Alizadeh, "Practical Rateless Set Reconciliation", SIGCOMM 2024).
 * Doubles are those of IEEE 754, whose square root and division are exactly rounded, so every node finds the same
 * cells.
 *
 * The numbers of the cells that change are pushed to `touched`.
 */
export function toggle(
  cells: Int32Array,
  from: number,
  to: number,
  item: Item,
  h0: number,
  h1: number,
  sign: number,
  touched?: number[],
): void {
  const { a, b, c, d } = item;
  let s0 = h0;
  let s1 = h1;
  let index = 0;
  for (;;) {
    if (index >= from) {
      const at = index * CELL_WORDS;
      cells[at] = (cells[at] as number) ^ a;
      cells[at + 1] = (cells[at + 1] as number) ^ b;
      cells[at + 2] = (cells[at + 2] as number) ^ c;
      cells[at + 3] = (cells[at + 3] as number) ^ d;
      cells[at + CHECK] = (cells[at + CHECK] as number) ^ h0;
      cells[at + COUNT] = (cells[at + COUNT] as number) + sign;
      if (touched !== undefined) touched.push(index);
    }
    const r = Math.imul(s0, 0x9e3779bb) >>> 0;
    s1 ^= s0;
    s0 = ((s0 << 26) | (s0 >>> 6)) ^ s1 ^ (s1 << 9);
    s1 = (s1 << 13) | (s1 >>> 19);
    const jump = Math.ceil((index + 1.5) * (65_536 / Math.sqrt(r + 1) - 1));
    // Return before the sum leaves 32 bits, which would slow every later step.
    if (jump >= to - index) return;
    index += jump < 1 ? 1 : jump | 0;
  }
}

/** The chance that an item belongs to cell `index`. */
export function hitChance(index: number): number {
  return index === 0 ? 1 : (2 * (index + 1)) / (index + 1.5) ** 2;
}
