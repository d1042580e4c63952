import type { OperationOutcome, RowWrite, WriteIntent, WriteOutcome } from '../../core/replica/index.ts';
import { type Fragment, LatticeError } from '../../core/types/index.ts';
import type { Origin } from './origin.ts';
import { fragmentBytes, intentBytes } from './sizes.ts';

/**
 * How many operations one batch makes durable: enough that they share the cost of the disk's sync, few enough that
 * readers wait only milliseconds.
 */
export const MAX_BATCH_OPERATIONS = 2048;
/** How many bytes of operations one batch takes, which limits it when values are large. */
const MAX_BATCH_BYTES = 2 * 1024 * 1024;
/**
 * How many operations of writes and fragments may wait. Beyond it writes are refused as `overloaded`, and a repair
 * brings the fragments later.
 */
const MAX_QUEUED_OPERATIONS = 16_384;
/** How many bytes of them may wait. As many operations with the largest values would be 256 MiB. */
const MAX_QUEUED_BYTES = 32 * 1024 * 1024;

/** The caller that waits for the outcome of a job. */
export interface Waiter<T> {
  readonly done: (value: T) => void;
  readonly failed: (error: unknown) => void;
}

export interface FragmentJob extends Waiter<readonly OperationOutcome[]> {
  readonly bytes: number;
  readonly fragment: Fragment;
  readonly origin: Origin;
}

export interface WriteJob extends Waiter<WriteOutcome> {
  readonly bytes: number;
  readonly intent: WriteIntent;
}

/** Rows that belong to no commit. They are made when it is the job's turn, between two batches. */
export interface RowsJob extends Waiter<void> {
  readonly make: () => readonly RowWrite[];
}

/** The fragments and writes of one batch. */
export interface Batch {
  readonly fragments: readonly FragmentJob[];
  readonly writes: readonly WriteJob[];
}

/** Fragments and writes that wait for the disk, bounded in operations and bytes. */
export interface JobQueue {
  /** Queues a fragment. Throws LatticeError `overloaded` when there is no room. */
  addFragment(fragment: Fragment, origin: Origin, waiter: Waiter<readonly OperationOutcome[]>): void;
  /** Queues a write. Throws LatticeError `overloaded` when there is no room. */
  addWrite(intent: WriteIntent, waiter: Waiter<WriteOutcome>): void;
  /** The next batch, oldest first. Local writes get half of it, however much comes from peers. */
  take(): Batch;
  readonly isEmpty: boolean;
  /** How many operations wait. */
  readonly operations: number;
}

export function createJobQueue(): JobQueue {
  let fragments: FragmentJob[] = [];
  let writes: WriteJob[] = [];
  let operations = 0;
  let bytes = 0;

  function count(added: number, addedBytes: number): void {
    if (operations + added > MAX_QUEUED_OPERATIONS || bytes + addedBytes > MAX_QUEUED_BYTES) {
      throw new LatticeError('overloaded', 'too many operations are waiting for the disk', {
        next: 'try again in a second',
      });
    }
    operations += added;
    bytes += addedBytes;
  }

  return {
    addFragment(fragment, origin, waiter) {
      const size = fragmentBytes(fragment);
      count(fragment.operations.length, size);
      fragments.push({ bytes: size, fragment, origin, ...waiter });
    },
    addWrite(intent, waiter) {
      const size = intentBytes(intent);
      count(intent.operations.length, size);
      writes.push({ bytes: size, intent, ...waiter });
    },
    take() {
      let room = MAX_BATCH_OPERATIONS;
      let roomBytes = MAX_BATCH_BYTES;
      let f = 0;
      for (; f < fragments.length && room > 0 && roomBytes > 0; f++) {
        const job = fragments[f] as FragmentJob;
        room -= job.fragment.operations.length;
        roomBytes -= job.bytes;
      }
      room = Math.max(room, MAX_BATCH_OPERATIONS / 2);
      roomBytes = Math.max(roomBytes, MAX_BATCH_BYTES / 2);
      let w = 0;
      for (; w < writes.length && room > 0 && roomBytes > 0; w++) {
        const job = writes[w] as WriteJob;
        room -= job.intent.operations.length;
        roomBytes -= job.bytes;
      }
      const batch = { fragments: fragments.slice(0, f), writes: writes.slice(0, w) };
      fragments = fragments.slice(f);
      writes = writes.slice(w);
      for (const job of batch.fragments) {
        operations -= job.fragment.operations.length;
        bytes -= job.bytes;
      }
      for (const job of batch.writes) {
        operations -= job.intent.operations.length;
        bytes -= job.bytes;
      }
      return batch;
    },
    get isEmpty() {
      return fragments.length === 0 && writes.length === 0;
    },
    get operations() {
      return operations;
    },
  };
}
