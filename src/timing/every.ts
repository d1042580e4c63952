import type { Timers } from './timers.ts';

export interface EveryOptions {
  /** Is told what a run threw or rejected with. The repetition goes on afterwards. */
  readonly onError: (error: unknown) => void;
  /** Delay before the first run, ms. With 0 the first run begins within the call itself. Default: one interval. */
  readonly firstMs?: number;
}

export interface Repetition {
  /** No run begins after this call. A run that is under way is not interrupted. */
  stop(): void;
}

/**
 * Calls `run` again and again until it is stopped, each time `ms` after the previous run has ended: a fixed delay, not
 * a fixed rate. So runs never overlap, and a run that takes long (an overloaded disk, a process that was suspended) is
 * followed by a whole pause and not by a burst of the runs that it delayed. `ms` may be a function, which is asked
 * after each run.
 */
export function every(
  clock: Timers,
  ms: number | (() => number),
  run: () => void | Promise<void>,
  { onError, firstMs }: EveryOptions,
): Repetition {
  let stopped = false;
  let timer: ReturnType<Timers['after']> | undefined;

  function arm(delayMs = typeof ms === 'number' ? ms : ms()): void {
    if (!stopped) timer = clock.after(delayMs, turn);
  }

  function turn(): void {
    let running: void | Promise<void> = undefined;
    try {
      running = run();
    } catch (error) {
      onError(error);
    }
    if (running instanceof Promise) void running.catch(onError).then(() => arm());
    else arm();
  }

  if (firstMs === 0) turn();
  else arm(firstMs);
  return {
    stop() {
      stopped = true;
      timer?.cancel();
    },
  };
}
