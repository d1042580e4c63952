import { createTreeLoader, leafHash, leafHashInto } from '../../core/merkle/index.ts';
import type { Replica } from '../../core/replica/index.ts';
import { type Bytes, bytesToHex, type Entry, equalBytes, type Hasher, LatticeError } from '../../core/types/index.ts';
import { keyHash } from '../../core/wire/index.ts';
import type { EntryRows, HashRange, Wanted } from './entry-rows.ts';
import type { Hold } from './holds.ts';

/** Runs a read while no batch is in flight. */
export type Between = <T>(read: () => Promise<T>) => Promise<T>;

/** For who is between batches already. */
export const HERE: Between = (read) => read();

/** An entry of the present. */
export interface PresentEntry {
  readonly keyHash: Bytes;
  readonly entry: Entry;
}

export interface EntryPage {
  readonly entries: readonly PresentEntry[];
  /** Where the next page goes on; undefined: there is none. */
  readonly last: Bytes | undefined;
}

/** An entry as of a moment. */
export interface EntryThen {
  readonly keyHash: Bytes;
  /** What the store has of it now. */
  readonly row: Bytes;
  /** That, decoded; undefined: it has changed since the moment. */
  readonly entry: Entry | undefined;
  /** Of one that has changed: what was kept of it, undefined when it was not there at the moment. */
  readonly was: Bytes | undefined;
}

/** What is known of a key that has changed since a moment; undefined: it has not. */
export type Since = (keyHash: Bytes) => { readonly was: Bytes | undefined } | undefined;

/**
 * The one way to stored entries. Each is held against the tree: what is not the entry in the tree is neither shown nor
 * built on, and is LatticeError `store-damaged` where an iteration between batches finds no better one (SPEC N12).
 */
export interface Entries {
  get(wanted: Wanted, between: Between): Promise<Entry | undefined>;
  /** In the order asked. */
  many(wanted: readonly Wanted[], between: Between): Promise<(Entry | undefined)[]>;
  /** The entry as an iteration finds it, between batches. */
  newest(wanted: Wanted): Promise<Entry | undefined>;
  /** The next entries after a key hash, in the order of key hashes. */
  page(after: Bytes | undefined, limit: number, between: Between): Promise<EntryPage>;
  /** The entries of a range as they were at a moment, in order. Ends when the reader leaves. */
  asOf(since: Since, range?: HashRange): AsyncGenerator<readonly EntryThen[]>;
  /** The root that the rows of a moment make by themselves, without the tree. `hold`: of rows. */
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

  /** Whether the tree has just this entry of the key; undefined: none. */
  function isInTree(hash: Bytes, entry: Entry | undefined): boolean {
    const leaf = replica.tree.get(hash);
    if (leaf === undefined || entry === undefined) return leaf === entry;
    leafHashInto(hash, entry.siblings, hasher, scratch);
    return equalBytes(leaf, scratch);
  }

  const decode = (wanted: Wanted, row: Bytes | undefined): Entry | undefined =>
    row === undefined ? undefined : rows.decode(wanted, row);

  // A read by key may have come before or after a batch that is in the tree already. And LevelDB 1.20 may answer it
  // with an older row, once it has merged files under a snapshot, where an iteration finds the newest.
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
      const entry = decode(w, found[i]);
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
    newest,
    async get(wanted, between) {
      const [entry] = await settle([wanted], [await rows.get(wanted.keyHash)], between);
      return entry;
    },
    many: async (wanted, between) => settle(wanted, await rows.many(wanted.map((w) => w.keyHash)), between),
    async page(after, limit, between) {
      const found = [];
      for await (const slice of rows.inOrder({ after }, limit)) found.push(...slice);
      const rowsFound = found.map(({ row }) => row);
      const settled = await settle(found, rowsFound, between);
      const entries = found.flatMap(({ keyHash: hash }, i) => {
        const entry = settled[i];
        return entry === undefined ? [] : [{ keyHash: hash, entry }];
      });
      return { entries, last: found.at(-1)?.keyHash };
    },
    async *asOf(since, range) {
      for await (const slice of rows.inOrder(range)) {
        // Without an await in it: what has not changed is as in the tree until the next one.
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

/** Keys as `many` wants them. */
export function wantedKeys(keys: readonly string[], hasher: Hasher): Wanted[] {
  return keys.map((key) => ({ key, keyHash: keyHash(key, hasher) }));
}
