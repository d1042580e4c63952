import type { Replica } from '../../core/replica/index.ts';
import { conflictKey, listedKey } from '../../core/rows/index.ts';
import { type Bytes, compareBytes, equalBytes, type Hasher, LatticeError } from '../../core/types/index.ts';
import { siblingsToFragments } from '../../core/wire/index.ts';
import type { Clock, Log, Store } from '../../ports/index.ts';
import { sleep } from '../../timing/index.ts';
import type { Writer } from '../commit/writer.ts';
import type { Entries, PresentEntry } from '../storage/entries.ts';

/**
 * The check begins this long after the start, because what the node has missed comes first. Reads compare every entry
 * with the tree in any case.
 */
const BEGIN_MS = 5_000;
/** How many entries are checked at a time, which takes a few milliseconds. */
const SLICE = 256;
/**
 * The shortest rest after each slice. On a busy or slow machine a slice takes longer, and REST_SHARE makes the rest
 * longer with it.
 */
const PAUSE_MS = 20;
/** The rest for each millisecond of a slice, so that the check takes at most a fifth of a core while it lasts. */
const REST_SHARE = 4;

export interface IntegrityCheck {
  start(): void;
  stop(): void;
  /** How far the check has come; undefined once every entry has been found good. */
  progress(): { readonly checked: number; readonly total: number } | undefined;
}

/**
 * Checks what a start does not: that the bytes of every entry parse, and hash through their path to their commit's id
 * and to their leaf; that none is missing or too many; and that each has the rows that lead to it. Every start runs the
 * check once while the node works, a slice at a time. What changes meanwhile is checked as it is when its turn comes.
 * The first fault ends the process.
 */
export function createIntegrityCheck(deps: {
  readonly replica: Replica;
  readonly store: Store;
  readonly hasher: Hasher;
  readonly entries: Pick<Entries, 'page' | 'newest'>;
  readonly writer: Pick<Writer, 'read'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly onFatal: (error: unknown) => void;
}): IntegrityCheck {
  const { replica, store, hasher, entries, writer, clock, log } = deps;
  const total = replica.tree.size;
  let checked = 0;
  let done = total === 0;
  const stopping = new AbortController();

  /** The key hashes of the entries that lack the row that lists their key, or the row that lists their conflict. */
  async function unindexed(present: readonly PresentEntry[]): Promise<Bytes[]> {
    const conflicts = present.filter(({ entry }) => entry.siblings.length > 1);
    const [keys, marks] = await Promise.all([
      store.getMany(present.map(({ entry }) => listedKey(entry.key))),
      conflicts.length === 0 ? [] : store.getMany(conflicts.map(({ entry }) => conflictKey(entry.key))),
    ]);
    const lacking = [
      ...present.filter((_, i) => keys[i] === undefined),
      ...conflicts.filter((_, i) => marks[i] === undefined),
    ];
    return lacking.map(({ keyHash }) => keyHash);
  }

  /** Checks the next entries after a key hash and resolves to the last key hash; undefined when there were none. */
  async function checkSlice(after: Bytes | undefined): Promise<Bytes | undefined> {
    const { entries: slice, last } = await entries.page(after, SLICE, (read) => writer.read(read));
    // This throws when an operation does not lead to its commit.
    for (const { entry } of slice) siblingsToFragments(entry.siblings, hasher);
    const hashes = slice.map(({ keyHash }) => keyHash);
    // A key that changed after it was read may look wrong as well, so each of these is read once more between batches.
    for (const hash of [...lostAmong(hashes, after, last), ...(await unindexed(slice))]) await demand(hash);
    checked += slice.length;
    return last;
  }

  /**
   * The leaves of the tree after one key hash, and up to another or to the end, whose key hashes are not among
   * `hashes`, which are in order.
   */
  function lostAmong(hashes: readonly Bytes[], after: Bytes | undefined, last: Bytes | undefined): Bytes[] {
    const lost: Bytes[] = [];
    let at = 0;
    for (const leaf of replica.tree.eachLeaf(new Uint8Array(0), 0, after)) {
      if (last !== undefined && compareBytes(leaf.keyHash, last) > 0) break;
      while (at < hashes.length && compareBytes(hashes[at] as Bytes, leaf.keyHash) < 0) at++;
      const found = hashes[at];
      if (found === undefined || !equalBytes(found, leaf.keyHash)) lost.push(leaf.keyHash);
      if (lost.length > SLICE) break;
    }
    return lost;
  }

  /** Rejects with LatticeError `store-damaged` when something is wrong with the present rows of a key. */
  function demand(hash: Bytes): Promise<void> {
    return writer.read(async () => {
      const entry = await entries.newest({ keyHash: hash });
      if (entry === undefined || (await unindexed([{ keyHash: hash, entry }])).length === 0) return;
      throw new LatticeError(
        'store-damaged',
        `the entry of ${JSON.stringify(entry.key)} lacks the rows that lead to it`,
      );
    });
  }

  async function run(): Promise<void> {
    await sleep(clock, BEGIN_MS, stopping.signal);
    let last: Bytes | undefined;
    for (;;) {
      if (stopping.signal.aborted) return;
      const began = clock.monotonic();
      last = await checkSlice(last);
      if (last === undefined) break;
      const restMs = Math.max(PAUSE_MS, REST_SHARE * (clock.monotonic() - began));
      await sleep(clock, restMs, stopping.signal);
    }
    done = true;
    log.info({ entries: total }, 'every entry checked');
  }

  return {
    start() {
      if (done) return;
      run().catch((cause: unknown) => {
        // The store was closed during the check, or a failed batch has ended everything already.
        if (stopping.signal.aborted) return;
        const error = cause instanceof LatticeError ? damage(cause) : cause;
        log.error({ err: error, checked, total }, 'the check of the store ended');
        deps.onFatal(error);
      });
    },
    stop() {
      stopping.abort();
    },
    progress: () => (done ? undefined : { checked: Math.min(checked, total), total }),
  };
}

function damage(cause: LatticeError): LatticeError {
  return new LatticeError('store-damaged', `the store is damaged: ${cause.message}`, {
    next: 'the node stops; move the state directory aside, and start again: the node then takes its state from its peers',
    cause,
  });
}
