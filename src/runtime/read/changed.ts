import { bucketRange, journalKeyToSequence } from '../../core/rows/index.ts';
import { LatticeError } from '../../core/types/index.ts';
import type { Store } from '../../ports/index.ts';
import type { ChangedKey, Lattice } from '../facade/index.ts';
import { replayJournal } from '../streams/replay.ts';

/** Keys of one answer. */
const MAX_KEYS = 64;
/** Batches that one answer looks through. */
const MAX_BATCHES = 1024;

/** Which keys changed in which batches, as far as the journal tells. */
export function createChanged(deps: {
  readonly store: Pick<Store, 'iterate'>;
  /** The newest durable sequence. */
  readonly sequence: () => number;
}): Lattice['changedIn'] {
  const { store } = deps;

  /** The sequence of the oldest batch that the journal has; undefined where it has none. */
  async function oldest(): Promise<number | undefined> {
    for await (const rows of store.iterate({ ...bucketRange('journal'), limit: 1 }))
      for (const [key] of rows) return journalKeyToSequence(key);
    return undefined;
  }

  return async (from, to, skip = 0) => {
    const last = Math.min(to, deps.sequence());
    const end = Math.min(last, from + MAX_BATCHES - 1);
    const changes = new Map<string, ChangedKey>();
    let next: ChangedKey | undefined;
    const outcome = await replayJournal(store, from - 1, end, async (sequence, journal) => {
      for (let place = sequence === from ? skip : 0; place < journal.changes.length; place++) {
        const change = { sequence, place, key: journal.changes[place]?.key ?? '' };
        if (changes.has(change.key)) continue;
        if (changes.size === MAX_KEYS) {
          next = change;
          return false;
        }
        changes.set(change.key, change);
      }
      return true;
    });
    if (outcome === 'lost') {
      throw new LatticeError(
        'cursor-lost',
        `the journal begins with batch ${(await oldest()) ?? deps.sequence() + 1}`,
        {
          next: 'read the whole state, and go on from its height',
        },
      );
    }
    const after = next ?? (end < last ? { sequence: end + 1, place: 0 } : undefined);
    return { changes: Array.from(changes.values()), to: last, ...(after === undefined ? {} : { next: after }) };
  };
}
