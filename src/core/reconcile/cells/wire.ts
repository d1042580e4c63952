import type { Bytes } from '../../types/index.ts';
import { CELL_BYTES, type CellsAnswer, COUNTED_CELLS, TOLD_CELLS } from '../../wire/index.ts';
import { CELL_WORDS, CHECK, COUNT } from './cells.ts';
import { wordAt, writeWord } from './item-hash.ts';
import type { CellVersion } from './live.ts';

/** The answer with at most `count` cells of a cell set, from cell `from` on. */
export function encodeCells(version: CellVersion, from: number, count: number): CellsAnswer {
  const end = Math.max(from, Math.min(version.count, from + count));
  const cells = new Uint8Array((end - from) * CELL_BYTES);
  const counted = Math.max(0, Math.min(COUNTED_CELLS, end) - from);
  const told = from === 0 && end >= COUNTED_CELLS ? Math.max(0, Math.min(TOLD_CELLS, version.count) - end) : 0;
  const counts = new Uint8Array(counted * 4 + told);
  const view = new DataView(counts.buffer);
  for (let i = from, out = 0; i < end; i++, out += CELL_BYTES) {
    const at = i * CELL_WORDS;
    for (let word = 0; word <= CHECK; word++) writeWord(version.cells[at + word] as number, cells, out + 4 * word);
    cells[out + CELL_BYTES - 1] = version.cells[at + COUNT] as number;
    if (i < COUNTED_CELLS) view.setUint32((i - from) * 4, version.cells[at + COUNT] as number);
  }
  for (let i = 0; i < told; i++) counts[counted * 4 + i] = version.cells[(end + i) * CELL_WORDS + COUNT] as number;
  return { type: 'coded', root: version.root, entries: version.entries, from, counts, cells };
}

/** The counts modulo 256 that an answer from cell 0 tells of the cells after those that it sends. */
export function toldCounts({ from, counts }: CellsAnswer): Bytes {
  return from === 0 ? counts.subarray(Math.min(counts.length, COUNTED_CELLS * 4)) : new Uint8Array(0);
}

/** The number of cells in an answer. */
export function cellsIn(answer: CellsAnswer): number {
  return answer.cells.length / CELL_BYTES;
}

/**
 * Writes the cells of an answer into `out` from its beginning. Counts are full below COUNTED_CELLS, and else modulo
 * 256. False when a full count contradicts its cell, or when the count of cell 0, to which every item belongs, is not
 * the number of keys.
 */
export function decodeCells(answer: CellsAnswer, out: Int32Array): boolean {
  const { cells, counts, from, entries } = answer;
  const view = new DataView(counts.buffer, counts.byteOffset, counts.byteLength);
  if (from === 0 && counts.length > 0 && view.getUint32(0) !== entries) return false;
  for (let i = 0, at = 0; at < cells.length; i++, at += CELL_BYTES) {
    const to = i * CELL_WORDS;
    for (let word = 0; word <= CHECK; word++) out[to + word] = wordAt(cells, at + 4 * word);
    const count = cells[at + CELL_BYTES - 1] as number;
    const full = from + i < COUNTED_CELLS ? view.getUint32(4 * i) : count;
    if ((full & 0xff) !== count) return false;
    out[to + COUNT] = full;
  }
  return true;
}
