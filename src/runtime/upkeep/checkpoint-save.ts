import type { Replica, RowWrite } from '../../core/replica/index.ts';
import { CHECKPOINT, encodeCheckpoint, leafPageKey, leafPageRange, MAX_PAGE_BITS } from '../../core/rows/index.ts';
import type { Bytes } from '../../core/types/index.ts';
import type { Clock, Log, Store } from '../../ports/index.ts';
import { sleep } from '../../timing/index.ts';
import type { Writer } from '../commit/writer.ts';
import type { LoadedCheckpoint } from '../storage/checkpoint-load.ts';

/** A smaller state is read entry by entry in a few hundred milliseconds: it needs no checkpoint. */
const LEAST_ENTRIES = 32_768;
/**
 * A checkpoint is made when this part of the entries has changed since the last: 256 bytes are then written for each
 * change.
 */
const SHARE = 4;
/**
 * Or when this part of the journal's length has been written since: a checkpoint is of use only while the journal
 * reaches back to it.
 */
const JOURNAL_SHARE = 0.75;
/** Leaves in a page, at most twice as many as on average. */
const PAGE_LEAVES = 1024;
/** Bytes of one batch: about 4,000 leaves, gathered at one go in some 5 ms. The store's next batch waits for it. */
const BATCH_BYTES = 256 * 1024;
/** Rest after each batch, so that processor and disk are others' most of the time. */
const PAUSE_MS = 20;

export interface CheckpointSaver {
  /** A batch is durable that changed so many keys. */
  applied(sequence: number, changes: number): void;
  stop(): void;
}

/**
 * Writes the tree's leaves to the store from time to time, page by page beside everything else. A page is written
 * between batches, so that it holds durable leaves only; pages written later may hold newer leaves, which does no harm
 * (see Checkpoint).
 */
export function createCheckpointSaver(deps: {
  readonly replica: Replica;
  readonly store: Pick<Store, 'iterate'>;
  readonly writer: Pick<Writer, 'read' | 'keep'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly loaded: LoadedCheckpoint | undefined;
  /** Records that the journal keeps. */
  readonly journalLength: number;
  /** Of the last durable batch, at the start. */
  readonly sequence: number;
  /** Fewer entries than this have no checkpoint. */
  readonly leastEntries?: number;
}): CheckpointSaver {
  const { replica, store, writer, clock } = deps;
  let last = deps.loaded?.sequence ?? -1;
  let lastBits = deps.loaded?.bits;
  let changed = deps.loaded?.changed ?? replica.tree.size;
  let sequence = deps.sequence;
  const least = deps.leastEntries ?? LEAST_ENTRIES;
  let running = false;
  const stopping = new AbortController();

  const isDue = (): boolean =>
    replica.tree.size >= least &&
    (changed >= replica.tree.size / SHARE || sequence - last >= deps.journalLength * JOURNAL_SHARE);

  function consider(): void {
    if (running || stopping.signal.aborted || !isDue()) return;
    running = true;
    void save()
      // A store that cannot be written ends the process by the writer's next batch.
      .catch((err: unknown) => deps.log.warn({ err }, 'no checkpoint of the tree was made'))
      .finally(() => {
        running = false;
      });
  }

  async function save(): Promise<void> {
    const bits = Math.min(MAX_PAGE_BITS, Math.max(0, Math.ceil(Math.log2(replica.tree.size / PAGE_LEAVES))));
    // What is written meanwhile counts for the next one.
    const from = await writer.read(() => {
      changed = 0;
      return sequence;
    });
    let page = 0;
    const nextBatch = (): RowWrite[] => {
      const batch: RowWrite[] = [];
      for (let bytes = 0; page < 2 ** bits && bytes < BATCH_BYTES; page++) {
        const value = replica.tree.leafPage(prefixOf(page, bits), bits);
        bytes += value.length;
        batch.push({ type: 'put', key: leafPageKey(bits, page), value });
      }
      return batch;
    };
    const isWhole = (): boolean => page === 2 ** bits;
    while (!isWhole()) {
      await writer.keep(nextBatch);
      if (stopping.signal.aborted) return;
      await sleep(clock, PAUSE_MS, stopping.signal);
    }
    await writer.keep(() => {
      const record = encodeCheckpoint({ bits, sequence: from, authors: replica.authors() });
      return [{ type: 'put', key: CHECKPOINT, value: record }];
    });
    if (lastBits !== undefined && lastBits !== bits) await removePages(lastBits);
    last = from;
    lastBits = bits;
  }

  async function removePages(bits: number): Promise<void> {
    for await (const rows of store.iterate(leafPageRange(bits)))
      await writer.keep(() => rows.map(([key]) => ({ type: 'del', key })));
  }

  return {
    applied(at, changes) {
      sequence = at;
      changed += changes;
      consider();
    },
    stop() {
      stopping.abort();
    },
  };
}

/** The first `bits` bits are those of the number `page`. */
function prefixOf(page: number, bits: number): Bytes {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, bits === 0 ? 0 : (page << (32 - bits)) >>> 0);
  return out;
}
