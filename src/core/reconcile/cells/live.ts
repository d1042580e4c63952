import type { MerkleTree } from '../../merkle/index.ts';
import { type Bytes, concatBytes, equalBytes, type Hasher } from '../../types/index.ts';
import { PREFIX_CELLS, SALT_BYTES } from '../../wire/index.ts';
import { CELL_WORDS, type Item } from './cells.ts';
import type { ItemHash } from './item-hash.ts';
import { CellPrefix, itemOf } from './prefix.ts';

const KEY_DOMAIN = 'diotec360/lattice/cells/v1:';
const SAVED_DOMAIN = 'diotec360/lattice/saved-cells/v1:';
const SEAL_BYTES = 32;
/** Cells beyond the number of keys that a cell set has: no session asks for more (see search.ts). */
const SPARE_CELLS = 1024;
/** Cells under a salt: enough for 6,000 differences. For more there is the descent. */
const SALTED_CELLS = 8192;
/**
 * Most keys of a state for which salted cells are computed. They are computed from every leaf at one go, which takes
 * about 100 ms for so many.
 */
const MAX_SALTED_ENTRIES = 131_072;
/** Items that may change while a session looks for differences; the session descends when more do. About 2 MB. */
const MAX_WATCHED = 16_384;

/** A cell set: the cells of one version of the state (SPEC Y5). The cells of two versions don't decode together. */
export interface CellVersion {
  readonly root: Bytes;
  readonly entries: number;
  /** Empty, or SALT_BYTES. */
  readonly salt: Bytes;
  /** Number of cells. */
  readonly count: number;
  readonly cells: Int32Array;
  readonly hash: ItemHash;
}

/** Notes what changes in the state from its making on, so that one can still tell what the state had then. */
export class ItemWatch {
  /** For each item, how often it was added less how often it was taken out. */
  readonly #changes = new Map<string, number>();
  overflowed = false;

  note(item: Item, by: 1 | -1): void {
    if (this.overflowed) return;
    const name = nameOf(item);
    const change = (this.#changes.get(name) ?? 0) + by;
    if (change === 0) this.#changes.delete(name);
    else this.#changes.set(name, change);
    this.overflowed = this.#changes.size > MAX_WATCHED;
  }

  /** Whether the state had the item when the watch began; `now` tells whether it has the item at present. */
  held(item: Item, now: boolean): boolean {
    return Number(now) - (this.#changes.get(nameOf(item)) ?? 0) > 0;
  }
}

/** An item as text, for maps and sets. */
export function nameOf({ a, b, c, d }: Item): string {
  return `${a}.${b}.${c}.${d}`;
}

export interface LiveCellsOptions {
  readonly hasher: Hasher;
  readonly network: string;
  /**
   * How many cells are kept, PREFIX_CELLS by default, which takes 3 MiB. Fewer will do where the state is known to stay
   * small: at least SPARE_CELLS more than it has keys (SPEC Y7).
   */
  readonly cells?: number | undefined;
}

/**
 * The coded symbols of a state, kept up to date beside its Merkle tree: one item for each leaf, those of tombstones
 * included.
 */
export class LiveCells {
  readonly #options: LiveCellsOptions;
  readonly #prefix: CellPrefix;
  readonly #watches = new Set<ItemWatch>();
  readonly #keyOf: (salt: Bytes) => Bytes;

  constructor(options: LiveCellsOptions, prefix?: CellPrefix) {
    this.#options = options;
    const name = new TextEncoder().encode(options.network);
    const domain = new TextEncoder().encode(KEY_DOMAIN);
    this.#keyOf = (salt) =>
      options.hasher.hash(concatBytes(domain, salt.length === 0 ? new Uint8Array(SALT_BYTES) : salt, name)).slice(0, 8);
    this.#prefix = prefix ?? new CellPrefix(this.#keyOf(new Uint8Array(0)), options.cells ?? PREFIX_CELLS);
  }

  /** A copy that changes on its own. Watches of this one do not see the changes of the copy. */
  copy(): LiveCells {
    return new LiveCells(this.#options, this.#prefix.clone());
  }

  /**
   * Takes in that a key's leaf came (`before` undefined), changed, or went (`after` undefined). Hashes have 32 bytes,
   * or at least the first 8 of them.
   */
  replace(keyHash: Bytes, before: Bytes | undefined, after: Bytes | undefined): void {
    if (before !== undefined) this.#change(itemOf(keyHash, before), -1);
    if (after !== undefined) this.#change(itemOf(keyHash, after), 1);
  }

  /** The XOR of all items, which is part of cell 0: it tells whether two states that should be equal are. */
  total(): Item {
    const [a = 0, b = 0, c = 0, d = 0] = this.#prefix.copy(1);
    return { a, b, c, d };
  }

  #change(item: Item, by: 1 | -1): void {
    this.#prefix.toggle(item, by);
    if (this.#watches.size > 0) for (const watch of this.#watches) watch.note(item, by);
  }

  /**
   * The cell set of the present state, which is that of `tree`. Undefined when a salt is given and the state is too
   * large for salted cells.
   */
  version(tree: MerkleTree, salt: Bytes): CellVersion | undefined {
    const entries = tree.size;
    let prefix = this.#prefix;
    if (salt.length > 0) {
      if (entries > MAX_SALTED_ENTRIES) return undefined;
      prefix = new CellPrefix(this.#keyOf(salt), SALTED_CELLS);
      for (const leaf of tree.eachLeaf(new Uint8Array(0), 0)) prefix.toggle(itemOf(leaf.keyHash, leaf.digest), 1);
    }
    const count = Math.min(prefix.size, entries + SPARE_CELLS);
    return { root: tree.root(), entries, salt, count, cells: prefix.copy(count), hash: prefix.hash };
  }

  /** The cells as a row of the store, valid for a state with this root (32 bytes) in this network: 3 MiB. */
  save(root: Bytes): Bytes {
    const cells = this.#prefix.toBytes();
    return concatBytes(this.#seal(root, cells), cells);
  }

  /**
   * Takes over what `save` returned for this root. False, and nothing is taken over, when the row is of another root,
   * network or form, or damaged.
   */
  restore(row: Bytes, root: Bytes): boolean {
    const cells = row.subarray(SEAL_BYTES);
    if (
      cells.length !== PREFIX_CELLS * CELL_WORDS * 4 ||
      !equalBytes(row.subarray(0, SEAL_BYTES), this.#seal(root, cells))
    )
      return false;
    this.#prefix.fromBytes(cells);
    return true;
  }

  /** Computes the cells anew from the tree's leaves: about 0.4 s for a million. */
  rebuild(tree: MerkleTree): void {
    this.#prefix.clear();
    for (const leaf of tree.eachLeaf(new Uint8Array(0), 0)) this.#prefix.toggle(itemOf(leaf.keyHash, leaf.digest), 1);
  }

  /** The hash that binds saved cells to the state, the network and the form. */
  #seal(root: Bytes, cells: Bytes): Bytes {
    const { hasher } = this.#options;
    return hasher.hash(
      concatBytes(new TextEncoder().encode(SAVED_DOMAIN), this.#keyOf(new Uint8Array(0)), root, hasher.hash(cells)),
    );
  }

  watch(): ItemWatch {
    const watch = new ItemWatch();
    this.#watches.add(watch);
    return watch;
  }

  unwatch(watch: ItemWatch): void {
    this.#watches.delete(watch);
  }
}
