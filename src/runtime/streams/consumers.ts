import type { Step } from '../../core/replica/index.ts';
import type { Journal } from '../../core/rows/index.ts';
import { type Author, type Bytes, type Fragment, LatticeError } from '../../core/types/index.ts';
import type { SignedHead } from '../../core/wire/index.ts';
import type { Store } from '../../ports/index.ts';
import type { Writer } from '../commit/writer.ts';
import type { EventSubscription, LatticeEvent } from '../facade/index.ts';
import { type Cursors, MAX_REPLAY, replayJournal } from './replay.ts';

/** Push streams and event streams served at once; more are told to come back. */
const MAX_CONSUMERS = 512;
/** Changes that wait for one consumer while its replay runs: batches are kept alive by it, about 2 KB a change. */
const MAX_WAITING_CHANGES = 16_384;

/** A commit to pass on, with the peer that it came from; undefined: it is our own. */
export interface Pushed {
  readonly fragment: Fragment;
  readonly from: Author | undefined;
}

/** A durable batch as consumers see it. */
export interface Batch {
  readonly sequence: number;
  readonly step: Step;
  readonly pushed: readonly Pushed[];
}

/** One open stream. Every `take` says whether the consumer has room for more: one that is full is dropped. */
export interface Consumer {
  readonly peer: Author | undefined;
  /** Called with every batch after the one the consumer has seen. */
  readonly take: (batch: Batch) => boolean;
  readonly takeHead?: (head: SignedHead) => boolean;
  /** Frames of push streams that belong to no batch. */
  readonly takeFrame?: (frame: Bytes) => boolean;
  /** Events that belong to no batch. */
  readonly takeEvent?: (event: LatticeEvent) => boolean;
  readonly drop: () => void;
}

/** How a consumer catches up with the present. */
export interface Resumption {
  /** Undefined: from the present on. */
  readonly cursor: string | undefined;
  readonly replay: (sequence: number, journal: Journal) => Promise<boolean>;
  /** What was missed cannot be replayed: the consumer starts over from `newest`. */
  readonly reset: (reason: string, newest: number) => void;
}

export interface Consumers {
  /** Joins a consumer at the present and replays what came since its cursor. LatticeError `overloaded`. */
  join(consumer: Consumer, resumption: Resumption): Promise<EventSubscription>;
  /**
   * Offers something to every consumer; those that have no room for it, or throw, are dropped. Throws the first of their
   * errors once all have been asked.
   */
  offer(to: (consumer: Consumer) => boolean): void;
  some(is: (consumer: Consumer) => boolean): boolean;
  dropAll(): void;
}

export interface ConsumersDeps {
  readonly store: Pick<Store, 'iterate'>;
  readonly writer: Pick<Writer, 'read'>;
  readonly cursors: Cursors;
  /** The newest durable sequence. */
  readonly sequence: () => number;
}

/**
 * Those who follow the durable local sequence. What a consumer missed is replayed from the journal; then it goes on live
 * without a gap: while the replay runs, live batches wait in a bounded queue, and a consumer that falls behind that far
 * is dropped.
 */
export function createConsumers(deps: ConsumersDeps): Consumers {
  const consumers = new Set<Consumer>();

  async function join(consumer: Consumer, { cursor, replay, reset }: Resumption): Promise<EventSubscription> {
    if (consumers.size >= MAX_CONSUMERS)
      throw new LatticeError('overloaded', `${MAX_CONSUMERS} streams are open already`);
    let waiting: Batch[] | undefined = [];
    let waitingChanges = 0;
    let dropped = false;
    const joined: Consumer = {
      ...consumer,
      take: (batch) => {
        if (waiting === undefined) return consumer.take(batch);
        waiting.push(batch);
        waitingChanges += batch.step.changed.length;
        return waiting.length <= MAX_REPLAY && waitingChanges <= MAX_WAITING_CHANGES;
      },
      drop: () => {
        dropped = true;
        consumers.delete(joined);
        consumer.drop();
      },
    };
    const newest = await deps.writer.read(() => {
      consumers.add(joined);
      return deps.sequence();
    });
    const from = cursor === undefined ? newest : deps.cursors.resolve(cursor, newest);
    try {
      if (typeof from === 'string') reset(from, newest);
      else {
        const ended = await replayJournal(
          deps.store,
          from,
          newest,
          async (sequence, journal) => !dropped && (await replay(sequence, journal)),
        );
        if (ended === 'lost') reset('the journal no longer goes back to the cursor', newest);
        // What it did not take would be a gap.
        else if (ended === 'full' && !dropped) joined.drop();
      }
      for (const batch of waiting) if (!dropped && !consumer.take(batch)) joined.drop();
    } catch (error) {
      consumers.delete(joined);
      throw error;
    }
    waiting = undefined;
    return { close: () => void consumers.delete(joined) };
  }

  return {
    join,
    offer(to) {
      const failures: unknown[] = [];
      for (const consumer of consumers) {
        try {
          offerTo(consumer, to);
        } catch (error) {
          failures.push(error);
        }
      }
      if (failures.length > 0) throw failures[0];
    },
    some: (is) => Array.from(consumers).some(is),
    dropAll() {
      for (const consumer of Array.from(consumers)) consumer.drop();
    },
  };
}

/** A consumer that fails has not taken what was offered: it must not go on after the gap. */
function offerTo(consumer: Consumer, to: (consumer: Consumer) => boolean): void {
  let taken = false;
  try {
    taken = to(consumer);
  } finally {
    if (!taken) consumer.drop();
  }
}
