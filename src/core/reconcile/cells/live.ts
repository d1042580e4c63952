import type { MerkleTree } from '../../merkle/index.ts';
import { type Bytes, concatBytes, equalBytes, type Hasher } from '../../types/index.ts';
import { PREFIX_CELLS, SALT_BYTES } from '../../wire/index.ts';
import { CELL_WORDS, type Item } from './cells.ts';
import type { ItemHash } from './item-hash.ts';
import { CellPrefix, itemOf } from './prefix.ts';

const KEY_DOMAIN = 'diotec360/lattice/cells/v1:';
const SAVED_DOMAIN = 'diotec360/lattice/saved-cells/v1:';
const SEAL_BYTES = 32;
/** Cells beyond the number of keys that a version keeps: no session asks for more (see search.ts). */
const SPARE_CELLS = 1024;
/** Cells under a salt: 6,000 differences. Who needs more descends. */
const SALTED_CELLS = 8192;
/** Salted cells are computed from every leaf at one go: this many take about 100 ms. */
const MAX_SALTED_ENTRIES = 131_072;
/** Items that may change while a session looks for differences; beyond it the session descends. About 2 MB. */
const MAX_WATCHED = 16_384;

/** The cells of one version of the state: cells of two versions don't decode together. */
export interface CellVersion {
  readonly root: Bytes;
  readonly entries: number;
  /** Empty or SALT_BYTES. */
  readonly salt: Bytes;
  /** Cells held. */
  readonly count: number;
  readonly cells: Int32Array;
  readonly hash: ItemHash;
}

/** Notes what changes in the state from its making on, so that one can still tell what an earlier version held. */
export class ItemWatch {
  /** Times added less times taken out, by item. */
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

  /** Whether the state held the item when the watch began, given whether it does now. */
  held(item: Item, now: boolean): boolean {
    return Number(now) - (this.#changes.get(nameOf(item)) ?? 0) > 0;
  }
}

export function nameOf({ a, b, c, d }: Item): string {
  return `${a}.${b}.${c}.${d}`;
}

/** The coded symbols of a state, kept beside its Merkle tree: one item for each leaf, tombstones included. */
export class LiveCells {
  readonly #options: { readonly hasher: Hasher; readonly network: string };
  readonly #prefix: CellPrefix;
  readonly #watches = new Set<ItemWatch>();
  readonly #keyOf: (salt: Bytes) => Bytes;

  constructor(options: { readonly hasher: Hasher; readonly network: string }, prefix?: CellPrefix) {
    this.#options = options;
    const name = new TextEncoder().encode(options.network);
    const domain = new TextEncoder().encode(KEY_DOMAIN);
    this.#keyOf = (salt) =>
      options.hasher.hash(concatBytes(domain, salt.length === 0 ? new Uint8Array(SALT_BYTES) : salt, name)).slice(0, 8);
    this.#prefix = prefix ?? new CellPrefix(this.#keyOf(new Uint8Array(0)), PREFIX_CELLS);
  }

  /** The same cells, changing on their own from here on. Who watches these does not watch those. */
  copy(): LiveCells {
    return new LiveCells(this.#options, this.#prefix.clone());
  }

  /**
   * A key's leaf came (`before` undefined), changed or went (`after` undefined). Hashes of 32 bytes, or at least their
   * first 8.
   */
  replace(keyHash: Bytes, before: Bytes | undefined, after: Bytes | undefined): void {
    if (before !== undefined) this.#change(itemOf(keyHash, before), -1);
    if (after !== undefined) this.#change(itemOf(keyHash, after), 1);
  }

  #change(item: Item, by: 1 | -1): void {
    this.#prefix.toggle(item, by);
    if (this.#watches.size > 0) for (const watch of this.#watches) watch.note(item, by);
  }

  /** The present version, which is that of `tree`. Undefined when a salt is given and the state is too large for it. */
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

  /** The cells as a row of the store, good for a state with this root (32 bytes) in this network: 3 MiB. */
  save(root: Bytes): Bytes {
    const cells = this.#prefix.toBytes();
    return concatBytes(this.#seal(root, cells), cells);
  }

  /**
   * Takes over what `save` gave for this root. False, and nothing taken, when it is of another root, network or form,
   * or damaged.
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

  /** Computes the cells anew, of the tree's leaves: about 0.4 s for a million. */
  rebuild(tree: MerkleTree): void {
    this.#prefix.clear();
    for (const leaf of tree.eachLeaf(new Uint8Array(0), 0)) this.#prefix.toggle(itemOf(leaf.keyHash, leaf.digest), 1);
  }

  /** Binds saved cells to state, network and form. */
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
