import { BUCKETS, type Bucket, bucketRange, type RowRange } from '../../core/rows/index.ts';
import { type Bytes, concatBytes } from '../../core/types/index.ts';
import type { Log, Store } from '../../ports/index.ts';

/** Fewer keys than these are not worth writing anything anew: their rows take a few MiB. */
const MIN_KEYS = 10_000;
/** The part of the state that has to have left. What is compacted is written anew, whatever has left it. */
const PART = 1 / 16;
/** Parts of the entries that are compacted at a time, so that a stop waits for one of them only. */
const PARTS = 64;

/**
 * Has the store give back the space of keys that were collected. LevelDB does so by itself only where new rows come
 * between the old ones.
 */
export interface Compaction {
  /** To be called when `gone` keys have left the state, and `left` remain. Starts a compaction when one is worth it. */
  collected(gone: number, left: number): void;
  /** Ends a compaction after the part that is under way. */
  stop(): void;
}

export function createCompaction(deps: { readonly store: Pick<Store, 'compact'>; readonly log: Log }): Compaction {
  const { store, log } = deps;
  let gone = 0;
  let isRunning = false;
  let isStopped = false;

  async function run(): Promise<void> {
    for (const range of ranges()) {
      if (isStopped) return;
      await store.compact?.(range);
    }
  }

  return {
    collected(more, left) {
      gone += more;
      if (isRunning || isStopped || store.compact === undefined) return;
      if (gone < Math.max(MIN_KEYS, left * PART)) return;
      log.info({ gone, left }, 'the store gives back the space of the keys that were collected');
      gone = 0;
      isRunning = true;
      void run()
        .catch((error: unknown) => log.debug({ error: String(error) }, 'a compaction was not ended'))
        .finally(() => (isRunning = false));
    },
    stop() {
      isStopped = true;
    },
  };
}

/** All rows, kind by kind, and those of entries in parts: LevelDB writes its memory to a file at each call. */
function* ranges(): Generator<RowRange> {
  for (const bucket of Object.keys(BUCKETS) as Bucket[]) {
    const { gte, lt } = bucketRange(bucket);
    const parts = bucket === 'entry' ? PARTS : 1;
    const bound = (part: number): Bytes => concatBytes(gte, Uint8Array.of((part * 256) / parts));
    for (let part = 0; part < parts; part++)
      yield { gte: part === 0 ? gte : bound(part), lt: part + 1 === parts ? lt : bound(part + 1) };
  }
}
