import type { Replica, RowWrite } from '../../core/replica/index.ts';
import { CHECKPOINT, encodeCheckpoint, leafPageKey, leafPageRange, MAX_PAGE_BITS } from '../../core/rows/index.ts';
import type { Bytes } from '../../core/types/index.ts';
import type { Clock, Log, Store } from '../../ports/index.ts';
import { sleep } from '../../timing/index.ts';
import type { Writer } from '../commit/writer.ts';
import type { LoadedCheckpoint } from '../storage/checkpoint-load.ts';

/** A state with fewer entries is read entry by entry in a few hundred milliseconds, so it needs no checkpoint. */
const LEAST_ENTRIES = 32_768;
/**
 * A checkpoint is made when one in SHARE entries has changed since the last one. That writes 256 bytes for each change.
 */
const SHARE = 4;
/**
 * A checkpoint is also made when this part of the journal's length was written since the last one, because a checkpoint
 * is of use only while the journal reaches back to it.
 */
const JOURNAL_SHARE = 0.75;
/** How many leaves a page has on average, up to a factor of two. */
const PAGE_LEAVES = 1024;
/**
 * The bytes of one batch: about 4,000 leaves, gathered at one go in some 5 ms, for which the store's next batch waits.
 */
const BATCH_BYTES = 256 * 1024;
/** The rest after each batch, which leaves nine tenths of the processor and of the disk to others. */
const PAUSE_MS = 50;

export interface CheckpointSaver {
  /** To be called when a batch is durable, with its sequence and the number of keys that it changed. */
  applied(sequence: number, changes: number): void;
  stop(): void;
}

/**
 * Writes the leaves of the tree to the store from time to time, page by page, while the node works. Each page is
 * written between batches, so that it has durable leaves only. Pages that are written later may have newer leaves,
 * which does no harm (see `Checkpoint`).
 */
export function createCheckpointSaver(deps: {
  readonly replica: Replica;
  readonly store: Pick<Store, 'iterate'>;
  readonly writer: Pick<Writer, 'read' | 'keep'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly loaded: LoadedCheckpoint | undefined;
  /** How many batches the journal keeps. */
  readonly journalLength: number;
  /** The sequence of the last durable batch at the start. */
  readonly sequence: number;
  /** A state with fewer entries than this gets no checkpoint. */
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
      // A store that cannot be written ends the process with the writer's next batch.
      .catch((err: unknown) => deps.log.warn({ err }, 'no checkpoint of the tree was made'))
      .finally(() => {
        running = false;
      });
  }

  async function save(): Promise<void> {
    const bits = Math.min(MAX_PAGE_BITS, Math.max(0, Math.ceil(Math.log2(replica.tree.size / PAGE_LEAVES))));
    // What is written from here on counts for the next checkpoint.
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

/** A prefix whose first `bits` bits are those of the number `page`. */
function prefixOf(page: number, bits: number): Bytes {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, bits === 0 ? 0 : (page << (32 - bits)) >>> 0);
  return out;
}
