import type { CborItem } from '../cbor/cbor.ts';
import { malformed } from '../cbor/reader.ts';
import { type Bytes, MAX_SYNC_BYTES } from '../types/index.ts';
import type { WireReader } from './fields.ts';

/** (wire) Cells that a node keeps of its state and answers: enough for 96,000 differences, in 3 MiB of memory. */
export const PREFIX_CELLS = 131_072;
/** (wire) Bytes of a cell: XOR of its items (16), XOR of their checks (4), their number modulo 256 (1). */
export const CELL_BYTES = 21;
/**
 * (wire) The number of items of the first so many cells is told in full. From it the size of a difference is estimated.
 */
export const COUNTED_CELLS = 128;
/**
 * (wire) An answer from cell 0 tells, for the cells below this index that it does not send, their number of items
 * modulo 256. A byte for each makes the estimate more than twice as exact, and an answer of 128 cells stays under 4 KB.
 */
export const TOLD_CELLS = 832;
/** (wire) Most cells in one answer: they and the full counts stay under MAX_SYNC_BYTES, with room for the rest. */
export const MAX_CELLS = 32_768;
/** (wire) Bytes of a salt. */
export const SALT_BYTES = 8;
const ROOT_BYTES = 32;
const COUNT_BYTES = 4;

/** Asks for coded symbols (cells) of the answerer's state (SPEC Y6). */
export interface CellsRequest {
  readonly type: 'cells';
  /**
   * Which cell set is asked for: a root that was answered before (32 bytes), or empty for that of the present state.
   */
  readonly root: Bytes;
  /**
   * The asker's own root (32 bytes), or empty. Where it is the root of the present state, and `root` is empty, the
   * answer has no cells.
   */
  readonly mine: Bytes;
  /** Empty, or SALT_BYTES that change the hash of every item. */
  readonly salt: Bytes;
  readonly from: number;
  /** 1…MAX_CELLS; from + count ≤ PREFIX_CELLS. */
  readonly count: number;
}

/** The answer to `cells` (SPEC Y7): the cells asked for, or fewer where the cell set has no more. */
export interface CellsAnswer {
  readonly type: 'coded';
  /** The root of the state that the cells are of, 32 bytes, and its number of keys. */
  readonly root: Bytes;
  readonly entries: number;
  readonly from: number;
  /**
   * A u32 for each cell with an index below COUNTED_CELLS. When the answer begins at 0 and has all of these, a byte
   * follows for each cell after the answer's last one, up to cell TOLD_CELLS: that cell's count modulo 256.
   */
  readonly counts: Bytes;
  /** CELL_BYTES for each cell. */
  readonly cells: Bytes;
}

/** The elements of the array after its type. */
export function cellsRequestFields({ root, mine, salt, from, count }: CellsRequest): CborItem[] {
  return [root, mine, salt, from, count];
}

/** The elements of the array after its type. */
export function cellsAnswerFields({ root, entries, from, counts, cells }: CellsAnswer): CborItem[] {
  return [root, entries, from, counts, cells];
}

export function readCellsRequest(reader: WireReader): CellsRequest {
  const root = readOptional(reader, 'root', ROOT_BYTES);
  const mine = readOptional(reader, 'own root', ROOT_BYTES);
  const salt = readOptional(reader, 'salt', SALT_BYTES);
  const from = reader.uint('from', 0, PREFIX_CELLS - 1);
  const count = reader.uint('count', 1, Math.min(MAX_CELLS, PREFIX_CELLS - from));
  return { type: 'cells', root, mine, salt, from, count };
}

export function readCellsAnswer(reader: WireReader): CellsAnswer {
  const root = reader.bytes('root', ROOT_BYTES);
  const entries = reader.uint('entries');
  const from = reader.uint('from', 0, PREFIX_CELLS - 1);
  const counts = reader.bytes('counts', 0, COUNTED_CELLS * COUNT_BYTES + TOLD_CELLS);
  const cells = reader.bytes('cells', 0, MAX_SYNC_BYTES);
  const count = cells.length / CELL_BYTES;
  if (!Number.isInteger(count) || count > Math.min(MAX_CELLS, PREFIX_CELLS - from))
    throw malformed(`${cells.length} bytes of cells from ${from}`);
  const counted = Math.max(0, Math.min(COUNTED_CELLS, from + count) - from);
  const told = from === 0 && counted === COUNTED_CELLS ? Math.max(0, TOLD_CELLS - count) : 0;
  if (counts.length < counted * COUNT_BYTES || counts.length > counted * COUNT_BYTES + told)
    throw malformed(`${counts.length} bytes of counts for ${counted} cells`);
  return { type: 'coded', root, entries, from, counts, cells };
}

function readOptional(reader: WireReader, what: string, length: number): Bytes {
  const bytes = reader.bytes(what, 0, length);
  if (bytes.length !== 0 && bytes.length !== length) throw malformed(`${what} of ${bytes.length} bytes`);
  return bytes;
}
