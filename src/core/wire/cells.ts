import type { CborItem } from '../cbor/cbor.ts';
import { malformed } from '../cbor/reader.ts';
import { type Bytes, MAX_SYNC_BYTES } from '../types/index.ts';
import type { WireReader } from './fields.ts';

/** (wire) Cells that a node keeps and answers: enough for 96,000 differences, 3 MiB of memory. */
export const PREFIX_CELLS = 131_072;
/** (wire) Bytes of a cell: sum of its items (16), sum of their checks (4), their number modulo 256 (1). */
export const CELL_BYTES = 21;
/** (wire) Cells whose number of items is told in full: what the size of a difference is estimated from. */
export const COUNTED_CELLS = 128;
/**
 * (wire) Cells whose number of items an answer from 0 tells, modulo 256 where it does not send them: a byte each makes
 * the estimate more than twice as exact, and an answer of 128 cells stays under 4 KB.
 */
export const TOLD_CELLS = 832;
/** (wire) Cells in one answer: they and the full counts stay under MAX_SYNC_BYTES with room for the rest. */
export const MAX_CELLS = 32_768;
/** (wire) Bytes of a salt. */
export const SALT_BYTES = 8;
const ROOT_BYTES = 32;
const COUNT_BYTES = 4;

/** Asks for coded symbols of the answerer's state. */
export interface CellsRequest {
  readonly type: 'cells';
  /** Which version of the state: a root that it answered before (32 bytes), or empty for its present one. */
  readonly root: Bytes;
  /** The asker's own root (32 bytes), or empty: where it is the version's, no cells are answered. */
  readonly mine: Bytes;
  /** Empty, or SALT_BYTES that change the hash of items. */
  readonly salt: Bytes;
  readonly from: number;
  /** 1…MAX_CELLS; from + count ≤ PREFIX_CELLS. */
  readonly count: number;
}

/** Answer to `cells`: those asked for, or fewer where the answerer has no more of this version. */
export interface CellsAnswer {
  readonly type: 'coded';
  /** Root of the version that the cells are of, 32 bytes, and its number of keys. */
  readonly root: Bytes;
  readonly entries: number;
  readonly from: number;
  /**
   * u32 for each cell with an index below COUNTED_CELLS; then, from 0 and where these are all, a byte for each cell
   * that follows the answer's, up to TOLD_CELLS: its count modulo 256.
   */
  readonly counts: Bytes;
  /** CELL_BYTES for each cell. */
  readonly cells: Bytes;
}

/** The elements of the array after its type. */
export function cellsRequestFields({ root, mine, salt, from, count }: CellsRequest): CborItem[] {
  return [root, mine, salt, from, count];
}

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
