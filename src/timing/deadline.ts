import { LatticeError } from '../core/types/index.ts';
import type { Timers } from './timers.ts';

/**
 * Settles as `promise` does, or rejects with the signal's reason as soon as the signal aborts. After that, whatever
 * `promise` settles to is ignored, even a rejection.
 */
export function raceAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void =>
      reject(signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason)));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/**
 * Settles as `work` does, or rejects with the error that `fail` makes when that takes longer than `ms`. The work is not
 * stopped: it goes on unseen, and its result or rejection is dropped. It is the cheap form of `withDeadline` for work
 * that takes no signal, because the abort controller and its listeners cost several times the timer (a tenth of the
 * processor time of a small PUT).
 */
export function settleWithin<T>(clock: Timers, ms: number, work: Promise<T>, fail: () => Error): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = clock.after(ms, () => reject(fail()));
    work.then(
      (value) => {
        timer.cancel();
        resolve(value);
      },
      (error: unknown) => {
        timer.cancel();
        reject(error);
      },
    );
  });
}

/**
 * Settles as `work` does, but after `ms` at the latest: at that time it rejects with the error that `fail` makes. When
 * the caller's own `signal` aborts first, it rejects with LatticeError `aborted`, whose cause is that signal's reason.
 *
 * The signal that `work` is handed aborts in both cases, with the same error as its reason. Work that does not listen
 * to it goes on unseen, and its result or rejection is dropped. When the returned promise has settled, the timer and
 * the listener on the caller's signal are gone.
 */
export async function withDeadline<T>(
  clock: Timers,
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
  fail: () => Error,
  signal?: AbortSignal,
): Promise<T> {
  const controller = new AbortController();
  const giveUp = (): void =>
    controller.abort(new LatticeError('aborted', 'the caller gave this up', { cause: signal?.reason }));
  if (signal?.aborted === true) giveUp();
  controller.signal.throwIfAborted();
  signal?.addEventListener('abort', giveUp, { once: true });
  const timer = clock.after(ms, () => controller.abort(fail()));
  try {
    return await raceAbort(work(controller.signal), controller.signal);
  } finally {
    timer.cancel();
    signal?.removeEventListener('abort', giveUp);
  }
}
