import { leafHashInto } from '../../core/merkle/index.ts';
import type { Replica } from '../../core/replica/index.ts';
import { entryKey, entryRowRange, entryRowToEntry } from '../../core/rows/index.ts';
import { type Bytes, bytesToHex, type Entry, equalBytes, type Hasher, LatticeError } from '../../core/types/index.ts';
import { decodeEntry, keyHash } from '../../core/wire/index.ts';
import type { Store } from '../../ports/index.ts';

/** Runs a read while no batch is in flight. */
export type Between = <T>(read: () => Promise<T>) => Promise<T>;

/** For who is between batches already. */
export const HERE: Between = (read) => read();

/** An entry asked for: the key saves a hash where it is known. */
export interface Wanted {
  readonly keyHash: Bytes;
  readonly key?: string;
}

/**
 * Reads of entries, each held against the tree: what is not the entry in the tree is neither shown nor built on (SPEC
 * N12).
 */
export interface EntryReads {
  /** In the order asked. LatticeError `store-damaged`. */
  many(wanted: readonly Wanted[], between: Between): Promise<(Entry | undefined)[]>;
  /** The same of rows that were read by other means. */
  settle(
    wanted: readonly Wanted[],
    rows: readonly (Bytes | undefined)[],
    between: Between,
  ): Promise<(Entry | undefined)[]>;
  /**
   * The entry as an iteration finds it, between batches. LatticeError `store-damaged` when it is not the one in the
   * tree.
   */
  newest(wanted: Wanted): Promise<Entry | undefined>;
  /** Whether the tree has just this entry of the key; undefined: none. */
  isInTree(keyHash: Bytes, entry: Entry | undefined): boolean;
}

export function createEntryReads({
  store,
  hasher,
  replica,
}: {
  readonly store: Pick<Store, 'getMany' | 'iterate'>;
  readonly hasher: Hasher;
  readonly replica: Replica;
}): EntryReads {
  const scratch = new Uint8Array(32);

  function isInTree(hash: Bytes, entry: Entry | undefined): boolean {
    const leaf = replica.tree.get(hash);
    if (leaf === undefined || entry === undefined) return leaf === entry;
    leafHashInto(hash, entry.siblings, hasher, scratch);
    return equalBytes(leaf, scratch);
  }

  function decode({ keyHash: hash, key }: Wanted, row: Bytes | undefined): Entry | undefined {
    if (row === undefined) return undefined;
    return key === undefined ? entryRowToEntry(entryKey(hash), row, hasher) : decodeEntry(row, key);
  }

  // A read by key may have come before or after a batch that is in the tree already. And LevelDB 1.20 may answer it
  // with an older row, once it has merged files under a snapshot, where an iteration finds the newest.
  async function newest(wanted: Wanted): Promise<Entry | undefined> {
    let row: Bytes | undefined;
    for await (const rows of store.iterate(entryRowRange(wanted.keyHash))) row = rows[0]?.[1];
    const entry = decode(wanted, row);
    if (isInTree(wanted.keyHash, entry)) return entry;
    const name = JSON.stringify(wanted.key ?? entry?.key) ?? `key hash ${bytesToHex(wanted.keyHash)}`;
    const fault =
      entry === undefined ? `the store lost the entry of ${name}` : `the entry of ${name} is not the one in the tree`;
    throw new LatticeError('store-damaged', fault);
  }

  async function settle(
    wanted: readonly Wanted[],
    rows: readonly (Bytes | undefined)[],
    between: Between,
  ): Promise<(Entry | undefined)[]> {
    const again: number[] = [];
    const entries = wanted.map((w, i) => {
      const entry = decode(w, rows[i]);
      if (!isInTree(w.keyHash, entry)) again.push(i);
      return entry;
    });
    if (again.length === 0) return entries;
    return between(async () => {
      for (const i of again) entries[i] = await newest(wanted[i] as Wanted);
      return entries;
    });
  }

  return {
    async many(wanted, between) {
      const rows = await store.getMany(wanted.map((w) => entryKey(w.keyHash)));
      return settle(wanted, rows, between);
    },
    settle,
    newest,
    isInTree,
  };
}

/** Keys as `many` wants them. */
export function wantedKeys(keys: readonly string[], hasher: Hasher): Wanted[] {
  return keys.map((key) => ({ key, keyHash: keyHash(key, hasher) }));
}
