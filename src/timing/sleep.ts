import type { Timers } from './timers.ts';

/**
 * Resolves after `ms`, or as soon as `signal` aborts. The caller looks at the signal where it matters why the sleep
 * ended. It never rejects, and leaves neither a timer nor a listener behind.
 */
export function sleep(clock: Timers, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const wake = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', wake);
      resolve();
    };
    const timer = clock.after(ms, wake);
    signal?.addEventListener('abort', wake, { once: true });
  });
}
