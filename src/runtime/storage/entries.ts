import { createTreeLoader, leafHash, leafHashInto } from '../../core/merkle/index.ts';
import type { FoundEntry, Replica } from '../../core/replica/index.ts';
import { type Bytes, bytesToHex, type Entry, equalBytes, type Hasher, LatticeError } from '../../core/types/index.ts';
import { keyHash } from '../../core/wire/index.ts';
import type { EntryRows, HashRange, Wanted } from './entry-rows.ts';
import type { Hold } from './holds.ts';

/** Runs a read while no batch is being applied. */
export type Between = <T>(read: () => Promise<T>) => Promise<T>;

/** For a caller that already runs between batches. */
export const HERE: Between = (read) => read();

export interface EntryPage {
  readonly entries: readonly FoundEntry[];
  /** The key hash after which the next page begins; undefined: there is no entry left. */
  readonly last: Bytes | undefined;
}

/** An entry as it was at a moment in the past. */
export interface EntryThen {
  readonly keyHash: Bytes;
  /** The row that the store has of it at present. */
  readonly row: Bytes;
  /** The decoded row; undefined when the entry has changed since the moment. */
  readonly entry: Entry | undefined;
  /** What the hold kept of a changed entry; undefined when the key was not in the state at the moment. */
  readonly was: Bytes | undefined;
}

/** What a hold kept of a key that has changed since the moment. Undefined when the key has not changed. */
export type Since = (keyHash: Bytes) => { readonly was: Bytes | undefined } | undefined;

/**
 * The only way to stored entries. Each operation is followed to its commit, whose id the leaf in the tree is made of,
 * and each entry is compared with its leaf: what differs is neither shown nor built on. A read that finds such an entry
 * is repeated by an iteration between batches, and rejects with LatticeError `store-damaged` when that finds nothing
 * better (SPEC N12).
 */
export interface Entries {
  get(wanted: Wanted, between: Between): Promise<Entry | undefined>;
  /** Returns the entries in the order asked. */
  many(wanted: readonly Wanted[], between: Between): Promise<(Entry | undefined)[]>;
  /** Whether the entry is what the tree has at present under the key hash, so that nobody has to read it. */
  isPresent(found: FoundEntry): boolean;
  /** Reads the entry by an iteration; to be called between batches. */
  newest(wanted: Wanted): Promise<Entry | undefined>;
  /**
   * The next `limit` entries after a key hash, in the order of key hashes. With `wants` only those are decoded and
   * returned whose row it answers true for; the others count towards the limit all the same.
   */
  page(after: Bytes | undefined, limit: number, between: Between, wants?: (row: Bytes) => boolean): Promise<EntryPage>;
  /** The entries of a range as they were at a moment, in order. It ends when its consumer stops iterating. */
  asOf(since: Since, range?: HashRange): AsyncGenerator<readonly EntryThen[]>;
  /** The root that the rows of a moment make by themselves, without the tree. `hold` must be of the form `row`. */
  rootOf(hold: Hold): Promise<{ readonly root: Bytes; readonly entries: number }>;
}

export function createEntries({
  rows,
  hasher,
  replica,
}: {
  readonly rows: EntryRows;
  readonly hasher: Hasher;
  readonly replica: Pick<Replica, 'tree'>;
}): Entries {
  const scratch = new Uint8Array(32);

  /** Whether `entry` is what the tree has under the key; an undefined entry matches a key that is not in the tree. */
  function isInTree(hash: Bytes, entry: Entry | undefined): boolean {
    const leaf = replica.tree.get(hash);
    if (leaf === undefined || entry === undefined) return leaf === entry;
    leafHashInto(hash, entry.siblings, hasher, scratch);
    return equalBytes(leaf, scratch);
  }

  const decode = (wanted: Wanted, row: Bytes | undefined): Entry | undefined =>
    row === undefined ? undefined : rows.decode(wanted, row);

  /** The entry of a row; null when the row is damaged, which one read does not prove. */
  function decodeOrNothing(wanted: Wanted, row: Bytes | undefined): Entry | undefined | null {
    try {
      return decode(wanted, row);
    } catch (error) {
      if (error instanceof LatticeError && error.code === 'damaged-row') return null;
      throw error;
    }
  }

  // A read by key may have run before or after a batch that is in the tree already, or find an older row (SPEC N13).
  async function newest(wanted: Wanted): Promise<Entry | undefined> {
    const entry = decode(wanted, await rows.iterated(wanted.keyHash));
    if (isInTree(wanted.keyHash, entry)) return entry;
    throw damaged(wanted, entry);
  }

  async function settle(
    wanted: readonly Wanted[],
    found: readonly (Bytes | undefined)[],
    between: Between,
  ): Promise<(Entry | undefined)[]> {
    const again: number[] = [];
    const entries = wanted.map((w, i) => {
      const entry = decodeOrNothing(w, found[i]);
      if (entry === null || !isInTree(w.keyHash, entry)) again.push(i);
      return entry ?? undefined;
    });
    if (again.length === 0) return entries;
    return between(async () => {
      for (const i of again) entries[i] = await newest(wanted[i] as Wanted);
      return entries;
    });
  }

  return {
    newest,
    isPresent: ({ keyHash: hash, entry }) => isInTree(hash, entry),
    async get(wanted, between) {
      const [entry] = await settle([wanted], [await rows.get(wanted.keyHash)], between);
      return entry;
    },
    many: async (wanted, between) => settle(wanted, await rows.many(wanted.map((w) => w.keyHash)), between),
    async page(after, limit, between, wants = () => true) {
      const found = [];
      let last: Bytes | undefined;
      for await (const slice of rows.inOrder({ after }, limit)) {
        found.push(...slice.filter(({ row }) => wants(row)));
        last = slice.at(-1)?.keyHash ?? last;
      }
      const rowsFound = found.map(({ row }) => row);
      const settled = await settle(found, rowsFound, between);
      const entries = found.flatMap(({ keyHash: hash }, i) => {
        const entry = settled[i];
        return entry === undefined ? [] : [{ keyHash: hash, entry }];
      });
      return { entries, last };
    },
    async *asOf(since, range) {
      for await (const slice of rows.inOrder(range)) {
        // Nothing awaits inside this slice, so no batch can change the tree between one comparison and the next.
        yield slice.map(({ keyHash: hash, row }) => {
          const changed = since(hash);
          if (changed !== undefined) return { keyHash: hash, row, entry: undefined, was: changed.was };
          const entry = rows.decode({ keyHash: hash }, row);
          if (!isInTree(hash, entry)) throw damaged({ keyHash: hash }, entry);
          return { keyHash: hash, row, entry, was: undefined };
        });
      }
    },
    async rootOf(hold) {
      const loader = createTreeLoader(hasher);
      for await (const slice of rows.inOrder()) {
        for (const { keyHash: hash, row } of slice) {
          const changed = hold.since(hash);
          const then = changed === undefined ? row : changed.was;
          if (then !== undefined)
            loader.add(hash, leafHash(hash, rows.decode({ keyHash: hash }, then).siblings, hasher));
          hold.passed(hash);
        }
      }
      const tree = loader.finish();
      return { root: tree.root(), entries: tree.size };
    },
  };
}

function damaged({ keyHash: hash, key }: Wanted, entry: Entry | undefined): LatticeError {
  const name = JSON.stringify(key ?? entry?.key) ?? `key hash ${bytesToHex(hash)}`;
  const fault =
    entry === undefined ? `the store lost the entry of ${name}` : `the entry of ${name} is not the one in the tree`;
  return new LatticeError('store-damaged', fault);
}

/** Keys in the form that `many` takes. */
export function wantedKeys(keys: readonly string[], hasher: Hasher): Wanted[] {
  return keys.map((key) => ({ key, keyHash: keyHash(key, hasher) }));
}
