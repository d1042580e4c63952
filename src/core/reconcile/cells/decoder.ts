import { type CellsAnswer, COUNTED_CELLS } from '../../wire/index.ts';
import { CELL_WORDS, CHECK, COUNT, type Item, toggle } from './cells.ts';
import { type Estimate, estimateDifference } from './estimate.ts';
import type { ItemHash } from './item-hash.ts';
import { type CellVersion, nameOf } from './live.ts';
import { cellsIn, decodeCells, toldCounts } from './wire.ts';

/** A decoded item, and which side's state has it. */
export interface DecodedItem extends Item {
  readonly side: 'theirs' | 'mine';
}

/**
 * What a peer's cells contradict (SPEC Y8). Cells that contradict anything are not the cells of a state, whoever made
 * them.
 */
export type Breach = 'count' | 'repeated' | 'not-held' | 'held' | 'too-many';

/**
 * Decodes the difference of two sets from a peer's cells and our own, those of one cell set on either side, cell by
 * cell (peeling). What is decoded is checked at once, and the work is bounded by the number of cells received, whatever
 * is in them.
 */
export class CellDecoder {
  readonly items: DecodedItem[] = [];
  received = 0;
  readonly #own: CellVersion;
  readonly #hash: ItemHash;
  readonly #held: (item: Item) => boolean;
  readonly #names = new Set<string>();
  /** The peer's cells less ours, less what is decoded. */
  readonly #cells: Int32Array;
  /** The counts of the difference as they came, also of cells that have not come. */
  readonly #counts: Int32Array;
  #told = 0;

  /** `held` tells whether our cell set has an item. */
  constructor(own: CellVersion, held: (item: Item) => boolean) {
    this.#own = own;
    this.#hash = own.hash;
    this.#held = held;
    this.#cells = new Int32Array(own.count * CELL_WORDS);
    this.#counts = new Int32Array(own.count);
  }

  /**
   * Whether every cell received is explained by what is decoded. An empty cell 0 alone would prove nothing, because it
   * can be forged.
   */
  get complete(): boolean {
    for (let i = 0, at = 0; i < this.received; i++, at += CELL_WORDS) {
      if (this.#count(i) !== 0) return false;
      for (let word = 0; word <= CHECK; word++) if (this.#cells[at + word] !== 0) return false;
    }
    return this.received > 0;
  }

  /** How many items the two sets differ by: at least those decoded. */
  estimate(): Estimate {
    const { difference, deviation } = estimateDifference(this.#counts.subarray(0, Math.max(this.received, this.#told)));
    return { difference: Math.max(this.items.length, difference), deviation };
  }

  /**
   * Takes the cells that follow those received before, at most as many as our own set has, and decodes what they make
   * decodable. Returns what they contradict, if anything.
   */
  add(answer: CellsAnswer): Breach | undefined {
    const from = this.received;
    const to = Math.min(from + cellsIn(answer), this.#own.count);
    const theirs = new Int32Array(cellsIn(answer) * CELL_WORDS);
    if (!decodeCells(answer, theirs)) return 'count';
    for (let at = from * CELL_WORDS, i = 0; at < to * CELL_WORDS; at++, i++) {
      const word = theirs[i] as number;
      const mine = this.#own.cells[at] as number;
      this.#cells[at] = at % CELL_WORDS === COUNT ? word - mine : word ^ mine;
    }
    this.received = to;
    const told = toldCounts(answer);
    this.#told = Math.max(this.#told, Math.min(to + told.length, this.#own.count));
    for (let i = 0, at = to; at < this.#told && i < told.length; i++, at++) {
      this.#counts[at] = (((told[i] as number) - (this.#own.cells[at * CELL_WORDS + COUNT] as number)) << 24) >> 24;
    }
    const open: number[] = [];
    for (let i = from; i < to; i++) {
      this.#counts[i] = this.#count(i);
      open.push(i);
    }
    for (const item of this.items) this.#remove(item, from);
    return this.#peel(open);
  }

  /**
   * The count of a cell: exact below COUNTED_CELLS, and else the number next to zero that is equal to it modulo 256.
   */
  #count(cell: number): number {
    const count = this.#cells[cell * CELL_WORDS + COUNT] as number;
    return cell < COUNTED_CELLS ? count : (count << 24) >> 24;
  }

  #remove(item: DecodedItem, from: number, touched?: number[]): void {
    this.#hash.hash(item.a, item.b, item.c, item.d);
    toggle(
      this.#cells,
      from,
      this.received,
      item,
      this.#hash.h0,
      this.#hash.h1,
      item.side === 'theirs' ? -1 : 1,
      touched,
    );
  }

  /**
   * Decodes from the listed cells on. Each round of the loop takes a cell off the list; only a new item puts cells on
   * it, and there is at most one item for each cell.
   */
  #peel(open: number[]): Breach | undefined {
    for (let cell = open.pop(); cell !== undefined; cell = open.pop()) {
      const count = this.#count(cell);
      if (count !== 1 && count !== -1) continue;
      const item = this.#single(cell, count);
      if (item === undefined) continue;
      const name = nameOf(item);
      // A forged cell to which its own item does not belong would give that item again and again.
      if (this.#names.has(name)) return 'repeated';
      if (this.items.length >= this.received) return 'too-many';
      if (this.#held(item) !== (item.side === 'mine')) return item.side === 'mine' ? 'not-held' : 'held';
      this.#names.add(name);
      this.items.push(item);
      this.#remove(item, 0, open);
    }
    return undefined;
  }

  /** The item of a cell that has exactly one, else undefined. */
  #single(cell: number, count: 1 | -1): DecodedItem | undefined {
    const at = cell * CELL_WORDS;
    const cells = this.#cells;
    const item = {
      a: cells[at] as number,
      b: cells[at + 1] as number,
      c: cells[at + 2] as number,
      d: cells[at + 3] as number,
    };
    this.#hash.hash(item.a, item.b, item.c, item.d);
    return this.#hash.h0 === cells[at + CHECK] ? { ...item, side: count === 1 ? 'theirs' : 'mine' } : undefined;
  }
}
