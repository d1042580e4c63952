import type { Step } from '../../core/replica/index.ts';
import type { Journal } from '../../core/rows/index.ts';
import { type Author, type Bytes, type Fragment, LatticeError } from '../../core/types/index.ts';
import type { SignedHead } from '../../core/wire/index.ts';
import type { Store } from '../../ports/index.ts';
import type { Writer } from '../commit/writer.ts';
import type { EventSubscription, LatticeEvent } from '../facade/index.ts';
import { type Cursors, MAX_REPLAY, replayJournal } from './replay.ts';

/** How many push streams and event streams are served at a time. Further ones are refused as `overloaded`. */
const MAX_CONSUMERS = 512;
/**
 * How many changes may wait for one consumer while its replay runs. They keep their batches in memory, about 2 KB a
 * change.
 */
const MAX_WAITING_CHANGES = 16_384;

/** A commit to pass on and the peer that it came from; undefined: it is our own. */
export interface Pushed {
  readonly fragment: Fragment;
  readonly from: Author | undefined;
}

/** A durable batch in the form that consumers take. */
export interface Batch {
  readonly sequence: number;
  readonly step: Step;
  readonly pushed: readonly Pushed[];
}

/** One open stream. Every `take…` returns whether the consumer has room for more; one that is full is dropped. */
export interface Consumer {
  readonly peer: Author | undefined;
  /** Called with every batch after the last one that the consumer has seen. */
  readonly take: (batch: Batch) => boolean;
  readonly takeHead?: (head: SignedHead) => boolean;
  /** Takes a frame of a push stream that belongs to no batch. */
  readonly takeFrame?: (frame: Bytes) => boolean;
  /** Takes an event that belongs to no batch. */
  readonly takeEvent?: (event: LatticeEvent) => boolean;
  readonly drop: () => void;
}

/** How a consumer catches up with the present. */
export interface Resumption {
  /** Undefined: the consumer begins with the present. */
  readonly cursor: string | undefined;
  readonly replay: (sequence: number, journal: Journal) => Promise<boolean>;
  /** Called when what was missed cannot be replayed: the consumer starts over from `newest`. */
  readonly reset: (reason: string, newest: number) => void;
}

export interface Consumers {
  /** Joins a consumer at the present and replays what came since its cursor. Rejects with LatticeError `overloaded`. */
  join(consumer: Consumer, resumption: Resumption): Promise<EventSubscription>;
  /**
   * Offers something to every consumer. Those that have no room for it, or throw, are dropped. Once all have been
   * asked, throws the first of their errors.
   */
  offer(to: (consumer: Consumer) => boolean): void;
  some(is: (consumer: Consumer) => boolean): boolean;
  /** Drops the consumers that `is` says. */
  drop(is: (consumer: Consumer) => boolean): void;
}

export interface ConsumersDeps {
  readonly store: Pick<Store, 'iterate'>;
  readonly writer: Pick<Writer, 'read'>;
  readonly cursors: Cursors;
  /** The newest durable sequence. */
  readonly sequence: () => number;
}

/**
 * The consumers of the durable local sequence. What a consumer missed is replayed from the journal, and then it goes on
 * live without a gap: while the replay runs, live batches wait in a bounded queue. A consumer for which that queue
 * overflows is dropped.
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
        waitingChanges += batch.step.changed.length + batch.step.passed.length;
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
        // What the consumer did not take would be a gap in its stream.
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
    drop(is) {
      for (const consumer of Array.from(consumers)) if (is(consumer)) consumer.drop();
    },
  };
}

/** A consumer that throws has not taken what was offered, so it must not go on after that gap. */
function offerTo(consumer: Consumer, to: (consumer: Consumer) => boolean): void {
  let taken = false;
  try {
    taken = to(consumer);
  } finally {
    if (!taken) consumer.drop();
  }
}
