import type { Replica } from '../../core/replica/index.ts';
import type { StateMeta } from '../../core/rows/index.ts';
import { bytesToHex, type ErrorCode, equalBytes, LatticeError } from '../../core/types/index.ts';
import type { Writer } from '../commit/writer.ts';
import type { EntryView, Lattice } from '../facade/index.ts';
import type { Entries } from '../storage/entries.ts';
import type { EntryRows } from '../storage/entry-rows.ts';
import type { Hold, Holds } from '../storage/holds.ts';
import { entryToView } from './views.ts';

/** The codes of errors that tell of a damaged store. */
const DAMAGE: ReadonlySet<ErrorCode> = new Set(['damaged-row', 'store-damaged'] as const);

export interface WholeStateDeps {
  readonly replica: Pick<Replica, 'meta'>;
  readonly writer: Pick<Writer, 'read'>;
  readonly entries: Pick<Entries, 'asOf' | 'rootOf'>;
  readonly rows: Pick<EntryRows, 'decode'>;
  readonly holds: Pick<Holds, 'hold'>;
}

/** Reads everything as of one moment: the whole state for a download, or its root computed anew. */
export function createWholeState(deps: WholeStateDeps): Pick<Lattice, 'wholeState' | 'verifyIntegrity'> {
  /** Begins a hold of one moment between batches. */
  function moment(): Promise<{ readonly meta: StateMeta; readonly hold: Hold }> {
    return deps.writer.read(() => ({ meta: deps.replica.meta, hold: deps.holds.hold('row') }));
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
          return entryToView(then) ?? [];
        });
      }
    } finally {
      hold.end();
    }
    if (count !== meta.entries)
      throw new LatticeError('store-damaged', `the store has ${count} of ${meta.entries} entries`);
  }

  return {
    async wholeState() {
      const { meta, hold } = await moment();
      return {
        root: bytesToHex(meta.root),
        live: meta.live,
        chunks: liveViews(meta, hold),
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
