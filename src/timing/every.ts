import type { Timers } from './timers.ts';

export interface EveryOptions {
  /** Told what a run threw or rejected with. The repetition goes on after it. */
  readonly onError: (error: unknown) => void;
  /** Until the first run, ms; 0: it begins within the call itself. Default: one interval. */
  readonly firstMs?: number;
}

export interface Repetition {
  /** No run begins after this. One that is under way is not interrupted. */
  stop(): void;
}

/**
 * Calls `run` again and again until it is stopped, each time `ms` after the one before has ended: a fixed delay, not a
 * fixed rate. So runs never overlap, and one that takes long (an overloaded disk, a process that was suspended) is
 * followed by a whole pause rather than by those that it made late. `ms` may be a function, which is asked after each
 * run.
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
