import { LatticeError } from '../../core/types/index.ts';
import type { Clock } from '../../ports/index.ts';

/** Threads of Node.js for all calls that may wait, the writes of the state among them, unless it is told otherwise. */
const USUAL_THREADS = 4;
/** A call that takes longer is given up: a disk that works answers within seconds, under any load. */
const PATIENCE_MS = 30_000;
/** The same once a vault is being closed: a node that stops waits no longer for a disk that does not answer. */
const CLOSING_MS = 1_000;

export interface CallOptions<T> {
  /** Undoes what a call has brought after it was given up, such as a file that is open. */
  readonly late?: (result: T) => Promise<unknown>;
  /** The call is made in any case, even after the caller was told that the disk does not answer. */
  readonly always?: boolean;
}

/**
 * The way of one vault to its disk. Settles as `work` does, which is one call of the system and starts no other one by
 * this way. Rejects with LatticeError `vault-store-failed` when the disk does not answer: at once where that is known.
 */
export interface Disk {
  run<T>(work: () => Promise<T>, options?: CallOptions<T>): Promise<T>;
  /** From here on calls that take longer than a second are given up, those under way among them. */
  hurry(): void;
}

export interface Disks {
  open(): Disk;
  /** Whether a call has lasted for over a second. A process in which one never ends cannot end by itself. */
  isStuck(): boolean;
  /** Whether any call runs. */
  isBusy(): boolean;
  /** Resolves once no call runs, or after `ms`. */
  settled(ms: number): Promise<void>;
}

interface Owner {
  isClosing: boolean;
}

interface Job {
  readonly owner: Owner;
  readonly always: boolean;
  readonly start: () => Promise<void>;
  readonly giveUp: () => void;
  /** Monotonic ms. */
  startedAt: number;
  isLate: boolean;
}

/**
 * Lets few calls run at a time, whoever asks. A hung disk keeps the threads that have asked it for good, so that their
 * number is what bounds the harm. Every caller of a disk that is stuck is answered all the same.
 */
export function createDisks(clock: Pick<Clock, 'after' | 'monotonic'>, slots: number): Disks {
  const running = new Set<Job>();
  let queue: Job[] = [];
  /** Those who wait until no call runs. */
  const idle = new Set<() => void>();

  const isStuck = (): boolean => [...running].some(({ startedAt }) => clock.monotonic() - startedAt > CLOSING_MS);
  const hasNone = (): boolean => running.size >= slots && [...running].every(({ isLate }) => isLate);

  function next(): void {
    while (running.size < slots) {
      const job = queue.shift();
      if (job === undefined) return;
      running.add(job);
      job.startedAt = clock.monotonic();
      const timer = clock.after(job.owner.isClosing ? CLOSING_MS : PATIENCE_MS, () => late(job));
      void job.start().finally(() => {
        timer.cancel();
        running.delete(job);
        next();
        if (running.size === 0) for (const tell of idle) tell();
      });
    }
  }

  function late(job: Job): void {
    if (!running.has(job)) return;
    job.isLate = true;
    job.giveUp();
    if (hasNone()) dropWaiting(() => true);
  }

  /** Answers the callers of waiting calls. What has to be done in any case waits on. */
  function dropWaiting(isMeant: (job: Job) => boolean): void {
    const dropped = queue.filter(isMeant);
    queue = queue.filter((job) => job.always || !isMeant(job));
    for (const job of dropped) job.giveUp();
  }

  return {
    isStuck,
    isBusy: () => running.size > 0,
    settled(ms) {
      if (running.size === 0) return Promise.resolve();
      return new Promise((resolve) => {
        const done = (): void => {
          timer.cancel();
          idle.delete(done);
          resolve();
        };
        const timer = clock.after(ms, done);
        idle.add(done);
      });
    },
    open() {
      const owner: Owner = { isClosing: false };
      return {
        run<T>(work: () => Promise<T>, { late: undo, always = false }: CallOptions<T> = {}): Promise<T> {
          return new Promise<T>((resolve, reject) => {
            const job: Job = {
              owner,
              always,
              startedAt: 0,
              isLate: false,
              giveUp: () => reject(stuckError()),
              start: () =>
                work().then(
                  async (result) => {
                    resolve(result);
                    if (job.isLate) await undo?.(result).catch(() => undefined);
                  },
                  (error: unknown) => reject(error instanceof Error ? error : new Error(String(error))),
                ),
            };
            if (hasNone()) job.giveUp();
            if (!hasNone() || always) queue.push(job);
            next();
          });
        },
        hurry() {
          if (owner.isClosing) return;
          owner.isClosing = true;
          clock.after(CLOSING_MS, () => {
            for (const job of running) if (job.owner === owner) late(job);
            dropWaiting((job) => job.owner === owner);
          });
        },
      };
    },
  };
}

function stuckError(): LatticeError {
  return new LatticeError('vault-store-failed', 'The disk of the vault does not answer', {
    next: 'Check the disk or the mount on which the vault lies. The state goes on without it.',
  });
}

/**
 * How many calls of the vault may run at a time in a process with so many threads, as UV_THREADPOOL_SIZE says it. Node.js
 * gives up to half of them to look-ups of names, which end by themselves. Of the usual four the vault has two; of more it
 * has a quarter, so that some are left for the state whatever hangs.
 */
export function diskSlots(poolSize: string | undefined): number {
  const threads = Number(poolSize || USUAL_THREADS);
  if (!(threads > USUAL_THREADS)) return threads >= USUAL_THREADS || Number.isNaN(threads) ? 2 : 1;
  return Math.max(2, Math.floor(threads / 4));
}
