import type { Replica, RowWrite } from '../../core/replica/index.ts';
import type { AttestedEntry } from '../../core/snapshot/index.ts';
import { type Author, LatticeError } from '../../core/types/index.ts';
import type { Writer } from '../commit/writer.ts';
import type { VerifiedChunk } from './sources.ts';

/** How many entries one batch makes durable, the same as of commits. */
const MAX_BATCH = 2048;
/** One batch is being written while the next is prepared. */
const MAX_OUTSTANDING = 2;
/** How many verified chunks may wait for the disk, about 200 KiB each. Beyond it `take` waits. */
const MAX_WAITING = 6;

export interface TakeoverDeps {
  readonly writer: Pick<Writer, 'amend'>;
  readonly replica: Pick<Replica, 'adopt'>;
  readonly isFull: () => boolean;
  /**
   * Called when a chunk is done with the batch that is being prepared. `source` served it; undefined: it is left to
   * repair.
   */
  readonly mark: (index: number, source: Author | undefined) => void;
  /** The rows that go with each batch. It is called after `mark`. */
  readonly rows: () => readonly RowWrite[];
  /** Called with the number of entries that have become durable. */
  readonly onApplied: (entries: number) => void;
}

export interface Takeover {
  /**
   * Queues a verified chunk and resolves when there is room for more. Rejects when the store or the disk takes no more.
   */
  take(chunk: VerifiedChunk): Promise<void>;
  /** Marks the chunk as left to repair. */
  leave(index: number): void;
  /** Resolves when everything taken is durable. Rejects with the first failure, but only when nothing is under way. */
  settled(): Promise<void>;
}

/** Makes verified chunks durable, whole or in pieces; each batch carries the record of how far it has come. */
export function createTakeover(deps: TakeoverDeps): Takeover {
  const queue: { readonly chunk: VerifiedChunk; at: number }[] = [];
  let outstanding = 0;
  let failure: unknown;
  let waiting: (() => void)[] = [];

  function pump(): void {
    while (failure === undefined && outstanding < MAX_OUTSTANDING && queue.length > 0) void apply();
    if (failure !== undefined) queue.length = 0;
    const wake = waiting;
    waiting = [];
    for (const resolve of wake) resolve();
  }

  async function apply(): Promise<void> {
    const { entries, ended } = nextBatch();
    outstanding++;
    try {
      if (deps.isFull()) throw new LatticeError('read-only', 'the disk is too full to take over a snapshot');
      await deps.writer.amend({
        keys: () => entries.map(({ entry, keyHash }) => ({ key: entry.key, keyHash })),
        prepare: (view, now) => {
          const step = deps.replica.adopt(entries, view, now);
          for (const { index, source } of ended) deps.mark(index, source);
          return { step, rows: deps.rows() };
        },
      });
      deps.onApplied(entries.length);
    } catch (error) {
      failure ??= error;
    } finally {
      outstanding--;
      pump();
    }
  }

  function nextBatch(): { readonly entries: readonly AttestedEntry[]; readonly ended: readonly VerifiedChunk[] } {
    const entries: AttestedEntry[] = [];
    const ended: VerifiedChunk[] = [];
    for (let first = queue[0]; first !== undefined && entries.length < MAX_BATCH; first = queue[0]) {
      const slice = first.chunk.entries.slice(first.at, first.at + MAX_BATCH - entries.length);
      entries.push(...slice);
      first.at += slice.length;
      if (first.at < first.chunk.entries.length) break;
      ended.push(first.chunk);
      queue.shift();
    }
    return { entries, ended };
  }

  async function until(ready: () => boolean): Promise<void> {
    while (!ready()) await new Promise<void>((resolve) => waiting.push(resolve));
    if (failure !== undefined) throw failure;
  }

  return {
    async take(chunk) {
      queue.push({ chunk, at: 0 });
      pump();
      await until(() => failure !== undefined || queue.length < MAX_WAITING);
    },
    leave(index) {
      deps.mark(index, undefined);
    },
    settled: () => until(() => queue.length === 0 && outstanding === 0),
  };
}
