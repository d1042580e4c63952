import type { Bytes } from '../../types/index.ts';
import { CELL_BYTES, type CellsAnswer, type CellsRequest, COUNTED_CELLS } from '../../wire/index.ts';
import { CELL_WORDS, COUNT } from './cells.ts';
import type { CellVersion } from './live.ts';
import { encodeCells } from './wire.ts';

/** The length in bytes of all cells of a cell set, one after another from cell 0 on (SPEC Y12). */
export function publishedLength(version: CellVersion): number {
  return version.count * CELL_BYTES;
}

/** The bytes [from, to) of these cells, wherever they begin and end within a cell. */
export function publishedBytes(version: CellVersion, from: number, to: number): Bytes {
  const first = Math.floor(from / CELL_BYTES);
  const { cells } = encodeCells(version, first, Math.ceil(to / CELL_BYTES) - first);
  return cells.subarray(from - first * CELL_BYTES, to - first * CELL_BYTES);
}

/** Where the cells that a request asks for lie in the published bytes: [from, to). */
export function rangeOf({ from, count }: Pick<CellsRequest, 'from' | 'count'>): {
  readonly from: number;
  readonly to: number;
} {
  return { from: from * CELL_BYTES, to: (from + count) * CELL_BYTES };
}

/**
 * Makes published bytes the answer that a search expects. They have counts modulo 256 only, so each full count is taken
 * to be the one nearest to our own. That is right where the two sides differ by less than 128 items in a cell; where it
 * is not, the search does not decode and the descent finds the differences.
 */
export function publishedToAnswer(
  bytes: Bytes,
  from: number,
  theirs: { readonly root: Bytes; readonly entries: number },
  own: Pick<CellVersion, 'cells' | 'count'>,
): CellsAnswer {
  const cells = bytes.subarray(0, bytes.length - (bytes.length % CELL_BYTES));
  const counted = Math.max(0, Math.min(COUNTED_CELLS, from + cells.length / CELL_BYTES) - from);
  const counts = new Uint8Array(4 * counted);
  const view = new DataView(counts.buffer);
  for (let i = 0; i < counted; i++) {
    const mine = from + i < own.count ? (own.cells[(from + i) * CELL_WORDS + COUNT] as number) : 0;
    const less = (((cells[(i + 1) * CELL_BYTES - 1] as number) - mine) << 24) >> 24;
    view.setUint32(4 * i, from + i === 0 ? theirs.entries : mine + less);
  }
  return { type: 'coded', root: theirs.root, entries: theirs.entries, from, counts, cells };
}
