import type { Replica } from '../../core/replica/index.ts';
import { isPassed, listedKeyToKey, listedRange, type StateMeta } from '../../core/rows/index.ts';
import { winner } from '../../core/state/index.ts';
import {
  type Bytes,
  bytesToHex,
  type Entry,
  type ErrorCode,
  equalBytes,
  type Hasher,
  LatticeError,
} from '../../core/types/index.ts';
import type { Store } from '../../ports/index.ts';
import type { Writer } from '../commit/writer.ts';
import type { EntryView, Lattice } from '../facade/index.ts';
import { type Between, type Entries, wantedKeys } from '../storage/entries.ts';
import type { EntryRows } from '../storage/entry-rows.ts';
import type { Hold, Holds } from '../storage/holds.ts';
import { entryToView } from './views.ts';

/** The codes of errors that tell of a damaged store. */
const DAMAGE: ReadonlySet<ErrorCode> = new Set(['damaged-row', 'store-damaged'] as const);

/** Keys whose entries are read at a time: at most 2 MiB of them, and usually some 40 KiB. */
const KEYS_AT_ONCE = 128;

export interface WholeStateDeps {
  readonly replica: Pick<Replica, 'meta'>;
  readonly writer: Pick<Writer, 'read'>;
  readonly store: Pick<Store, 'iterate'>;
  readonly hasher: Hasher;
  readonly entries: Pick<Entries, 'asOf' | 'many' | 'rootOf'>;
  readonly rows: Pick<EntryRows, 'decode'>;
  readonly holds: Pick<Holds, 'hold'>;
  /** Waits until what has ended by now is counted, so that the count and the entries agree. */
  readonly settled: () => Promise<void>;
}

/**
 * An entry as readers see it at a moment. What has ended is told by the mark of that moment, by which its values are
 * counted too.
 */
function shownAt({ ended }: StateMeta, keyHash: Bytes, entry: Entry | undefined): EntryView | undefined {
  if (entry === undefined) return undefined;
  const ms = winner(entry).operation.expires;
  return ms !== undefined && isPassed({ ms, keyHash }, ended) ? undefined : entryToView(entry, 0);
}

/** Reads everything as of one moment: the whole state for a download, or its root computed anew. */
export function createWholeState(deps: WholeStateDeps): Pick<Lattice, 'wholeState' | 'verifyIntegrity'> {
  /** Begins a hold of one moment between batches. */
  function moment(prefix?: string): Promise<{ readonly meta: StateMeta; readonly hold: Hold }> {
    return deps.writer.read(() => ({ meta: deps.replica.meta, hold: deps.holds.hold('row', prefix) }));
  }

  /**
   * The live entries of a moment. Throws LatticeError `store-damaged` when they are not those of the moment's tree, and
   * `moved-on` when the hold has ended.
   */
  async function* liveViews(meta: StateMeta, hold: Hold): AsyncGenerator<readonly EntryView[]> {
    const since: Hold['since'] = (keyHash) => {
      const changed = hold.since(keyHash);
      hold.passed(keyHash);
      return changed;
    };
    let count = 0;
    try {
      for await (const slice of deps.entries.asOf(since)) {
        yield slice.flatMap(({ keyHash, entry, was }) => {
          // What the hold kept was compared with the tree when it was read for a batch.
          const then = entry ?? (was === undefined ? undefined : deps.rows.decode({ keyHash }, was));
          if (then === undefined) return [];
          count++;
          return shownAt(meta, keyHash, then) ?? [];
        });
      }
    } finally {
      hold.end();
    }
    if (count !== meta.entries)
      throw new LatticeError('store-damaged', `the store has ${count} of ${meta.entries} entries`);
  }

  /**
   * The live entries of a moment whose keys begin with `prefix`, found by the list of keys, so that no other is read.
   * Throws LatticeError `store-damaged` and `moved-on`.
   */
  async function* viewsUnder(prefix: string, meta: StateMeta, hold: Hold): AsyncGenerator<readonly EntryView[]> {
    const between: Between = (read) => deps.writer.read(read);
    const thenOf = (keyHash: Bytes, was: Bytes | undefined): Entry | undefined =>
      was === undefined ? undefined : deps.rows.decode({ keyHash }, was);
    const viewsOf = (keys: readonly { readonly keyHash: Bytes }[], entries: readonly (Entry | undefined)[]) =>
      entries.flatMap((entry, i) => shownAt(meta, (keys[i] as { readonly keyHash: Bytes }).keyHash, entry) ?? []);
    try {
      for await (const rows of deps.store.iterate(listedRange(prefix))) {
        for (let at = 0; at < rows.length; at += KEYS_AT_ONCE) {
          const keys = rows.slice(at, at + KEYS_AT_ONCE).map(([rowKey]) => listedKeyToKey(rowKey));
          const wanted = wantedKeys(keys, deps.hasher);
          const present = await deps.entries.many(wanted, between);
          // Nothing awaits from here to the last key, so no batch can change one between its reading and its passing.
          const then = wanted.map(({ keyHash, key = '' }, i) => {
            const changed = hold.since(keyHash);
            hold.passed(keyHash, key);
            return changed === undefined ? present[i] : thenOf(keyHash, changed.was);
          });
          yield viewsOf(wanted, then);
        }
      }
      // Keys that have been deleted since the moment are listed no more.
      const rest = hold.rest();
      yield viewsOf(
        rest,
        rest.map(({ keyHash, was }) => thenOf(keyHash, was)),
      );
    } finally {
      hold.end();
    }
  }

  return {
    async wholeState({ prefix = '' } = {}) {
      await deps.settled();
      const isWhole = prefix === '';
      const { meta, hold } = await moment(isWhole ? undefined : prefix);
      return {
        root: bytesToHex(meta.root),
        live: meta.live,
        chunks: isWhole ? liveViews(meta, hold) : viewsUnder(prefix, meta, hold),
        close: () => hold.end(),
      };
    },

    async verifyIntegrity() {
      const { meta, hold } = await moment();
      try {
        const { root, entries } = await deps.entries.rootOf(hold);
        return {
          valid: equalBytes(root, meta.root) && entries === meta.entries,
          root: bytesToHex(meta.root),
          recomputed: bytesToHex(root),
          entries,
        };
      } catch (error) {
        if (!(error instanceof LatticeError) || !DAMAGE.has(error.code)) throw error;
        return {
          valid: false,
          root: bytesToHex(meta.root),
          recomputed: '',
          entries: meta.entries,
          fault: error.message,
        };
      } finally {
        hold.end();
      }
    },
  };
}
