import {
  conflictKey,
  decodeEntry,
  entryRange,
  entryRowToEntry,
  keyHash,
  keyToEntryKey,
  listedKey,
  siblingsToFragments,
} from '../../core/codec/index.ts';
import { createTreeLoader, leafHash } from '../../core/merkle/index.ts';
import type { Replica } from '../../core/replica/index.ts';
import { type Bytes, type Entry, equalBytes, type Hasher, LatticeError } from '../../core/types/index.ts';
import type { Clock, Log, Row, Store, Timer } from '../../ports/index.ts';
import type { Writer } from './writer.ts';

/** The root that rows make by themselves: `first` and what follows it of an iteration over all entries. */
export async function rootOfRows(
  first: IteratorResult<readonly Row[]>,
  rows: AsyncIterator<readonly Row[]>,
  hasher: Hasher,
): Promise<{ readonly root: Bytes; readonly entries: number }> {
  const loader = createTreeLoader(hasher);
  for (let next = first; next.done !== true; next = await rows.next()) {
    for (const [rowKey, row] of next.value) {
      const entry = entryRowToEntry(rowKey, row, hasher);
      const hash = keyHash(entry.key, hasher);
      loader.add(hash, leafHash(hash, entry.siblings, hasher));
    }
  }
  const tree = loader.finish();
  return { root: tree.root(), entries: tree.size };
}

/** Entries checked at a time: a few milliseconds. */
const SLICE = 256;
/** Rest after each slice, at the least: on a busy or slow machine a slice takes longer, and so does the rest, by REST_SHARE. */
const PAUSE_MS = 20;
/** For each millisecond of a slice so many of rest: the check takes at most a fifth of a core while it lasts. */
const REST_SHARE = 4;

export interface IntegrityCheck {
  /** Begins with the state as it was when this check was created. */
  start(): void;
  stop(): void;
  /** How far the check has come; undefined when every entry has been found good. */
  progress(): { readonly checked: number; readonly total: number } | undefined;
  /**
   * Resolves when these entries, read from the store just now, are the ones in the tree. Also when the check is over: a store that merged its files
   * under an open snapshot has been seen to answer with an older row. LatticeError `store-damaged`.
   */
  vouch(entries: readonly Entry[]): Promise<void>;
}

/**
 * Checks what a start takes on trust: that every entry's bytes parse, hash through their path to their commit's id and to their leaf, that none is
 * missing, and that each has the rows that lead to it. Every start runs it once beside everything else. The first fault ends the process.
 */
export function createIntegrityCheck(deps: {
  readonly replica: Replica;
  readonly store: Store;
  readonly hasher: Hasher;
  readonly writer: Pick<Writer, 'read'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly onFatal: (error: unknown) => void;
}): IntegrityCheck {
  const { replica, store, hasher, writer, clock, log } = deps;
  const total = replica.tree.size;
  let checked = 0;
  let done = total === 0;
  // The snapshot is of this moment. Of an empty store there is none to hold: for as long as one is open the store keeps every version of every row.
  const rows = done ? undefined : store.iterate(entryRange())[Symbol.asyncIterator]();
  let stopped = false;
  let pause: Timer | undefined;

  const hasLeaf = (key: string, entry: Entry | undefined): boolean => {
    const hash = keyHash(key, hasher);
    const leaf = replica.tree.get(hash);
    if (leaf === undefined || entry === undefined) return leaf === entry;
    return equalBytes(leaf, leafHash(hash, entry.siblings, hasher));
  };

  /** What is wrong with the rows of a key as they are now, if anything. */
  function faultOf(key: string): Promise<string | undefined> {
    return writer.read(async () => {
      const row = await store.get(keyToEntryKey(key, hasher));
      const entry = row === undefined ? undefined : decodeEntry(row, key);
      if (!hasLeaf(key, entry)) return 'is not the one in the tree';
      return entry === undefined || (await unindexed([entry])).length === 0 ? undefined : 'lacks the rows that lead to it';
    });
  }

  /** Those of the entries that lack the row that lists their key, or the one that lists a conflict. */
  async function unindexed(entries: readonly Entry[]): Promise<Entry[]> {
    const conflicts = entries.filter((e) => e.siblings.length > 1);
    const [keys, marks] = await Promise.all([
      store.getMany(entries.map((e) => listedKey(e.key))),
      conflicts.length === 0 ? [] : store.getMany(conflicts.map((e) => conflictKey(e.key))),
    ]);
    return entries.filter((entry, i) => {
      if (keys[i] === undefined) return true;
      return entry.siblings.length > 1 && marks[conflicts.indexOf(entry)] === undefined;
    });
  }

  async function checkSlice(slice: readonly Row[]): Promise<void> {
    const entries = slice.map(([rowKey, row]) => entryRowToEntry(rowKey, row, hasher));
    // Throws where an operation does not lead to its commit.
    for (const { siblings } of entries) siblingsToFragments(siblings, hasher);
    const suspects = new Set(await unindexed(entries));
    for (const entry of entries) if (!hasLeaf(entry.key, entry)) suspects.add(entry);
    // A key that changed since the snapshot looks wrong too: what counts is what it is now.
    for (const { key } of suspects) await demand(key);
    checked += slice.length;
  }

  async function demand(key: string): Promise<void> {
    const fault = await faultOf(key);
    if (fault !== undefined) throw new LatticeError('store-damaged', `the entry of ${JSON.stringify(key)} ${fault}`);
  }

  async function run(rows: AsyncIterator<readonly Row[]>): Promise<void> {
    for (let next = await rows.next(); next.done !== true; next = await rows.next()) {
      for (let at = 0; at < next.value.length; at += SLICE) {
        if (stopped) return;
        const began = clock.monotonic();
        await checkSlice(next.value.slice(at, at + SLICE));
        const rest = Math.max(PAUSE_MS, REST_SHARE * (clock.monotonic() - began));
        await new Promise<void>((resolve) => {
          pause = clock.after(rest, resolve);
        });
      }
    }
    if (checked !== total) throw new LatticeError('store-damaged', `the store has ${checked} entries, the tree was made of ${total}`);
    done = true;
    log.info({ entries: total }, 'every entry checked');
  }

  return {
    start() {
      if (rows === undefined) return;
      run(rows).catch((cause: unknown) => {
        // The store was closed under it, or a failed batch has ended everything already.
        if (stopped) return;
        const error = cause instanceof LatticeError ? damage(cause) : cause;
        log.error({ err: error, checked, total }, 'the check of the store ended');
        deps.onFatal(error);
      });
    },
    stop() {
      stopped = true;
      pause?.cancel();
      void rows?.return?.();
    },
    progress: () => (done ? undefined : { checked, total }),
    async vouch(entries) {
      // A batch on its way to the disk is in the tree already: so a mismatch is looked at between batches.
      for (const entry of entries) if (!hasLeaf(entry.key, entry)) await demand(entry.key);
    },
  };
}

function damage(cause: LatticeError): LatticeError {
  return new LatticeError('store-damaged', `the store is damaged: ${cause.message}`, {
    next: 'the node stops; move the state directory aside, and start again: the node then takes its state from its peers',
    cause,
  });
}
