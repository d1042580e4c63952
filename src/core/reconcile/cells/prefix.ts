import type { Bytes } from '../../types/index.ts';
import { CELL_WORDS, type Item, toggle } from './cells.ts';
import { ItemHash, wordAt, writeWord } from './item-hash.ts';

/** The item of a leaf: the first 8 bytes of its key hash and of its leaf hash (or digest). */
export function itemOf(keyHash: Bytes, leafHash: Bytes): Item {
  return { a: wordAt(keyHash, 0), b: wordAt(keyHash, 4), c: wordAt(leafHash, 0), d: wordAt(leafHash, 4) };
}

/** The first `size` cells of a set of items under one hash key, kept up to date item by item. */
export class CellPrefix {
  readonly size: number;
  readonly hash: ItemHash;
  readonly #key: Bytes;
  readonly #cells: Int32Array;

  /** `key`: 8 bytes; `size`: number of cells. */
  constructor(key: Bytes, size: number) {
    this.size = size;
    this.#key = key;
    this.hash = new ItemHash(key);
    this.#cells = new Int32Array(size * CELL_WORDS);
  }

  /** Adds an item (`sign` 1) or takes one out (−1). */
  toggle(item: Item, sign: 1 | -1): void {
    this.hash.hash(item.a, item.b, item.c, item.d);
    toggle(this.#cells, 0, this.size, item, this.hash.h0, this.hash.h1, sign);
  }

  /** A copy that changes on its own. */
  clone(): CellPrefix {
    const out = new CellPrefix(this.#key, this.size);
    out.#cells.set(this.#cells);
    return out;
  }

  /** The cells as bytes, little-endian words. */
  toBytes(): Bytes {
    const out = new Uint8Array(this.#cells.length * 4);
    for (let i = 0; i < this.#cells.length; i++) writeWord(this.#cells[i] as number, out, 4 * i);
    return out;
  }

  /** Takes over what `toBytes` of a prefix of this size returned. RangeError for another length. */
  fromBytes(bytes: Bytes): void {
    if (bytes.length !== this.#cells.length * 4) throw new RangeError(`${bytes.length} bytes of ${this.size} cells`);
    for (let i = 0; i < this.#cells.length; i++) this.#cells[i] = wordAt(bytes, 4 * i);
  }

  /** Forgets every item. */
  clear(): void {
    this.#cells.fill(0);
  }

  /** A copy of the first `count` cells, `count` ≤ size. */
  copy(count: number): Int32Array {
    return this.#cells.slice(0, count * CELL_WORDS);
  }
}
