import type { Clock } from '../../ports/index.ts';

/** The longest delay Node's timers take: beyond it they fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/**
 * The machine's time. Its timers never fire early: Node's own may, by up to a millisecond, because its loop rounds. A
 * running node lives by its servers, so timers keep no process alive; those of a command, which has nothing else while
 * it waits, do with `keepsAlive`.
 */
export function systemClock({ keepsAlive = false }: { readonly keepsAlive?: boolean } = {}): Clock {
  const monotonic = (): number => performance.now();
  return {
    now: () => Date.now(),
    monotonic,
    after(ms, run) {
      const due = monotonic() + ms;
      let timer = arm();
      function arm(): NodeJS.Timeout {
        const timer = setTimeout(fire, Math.min(Math.ceil(due - monotonic()), MAX_DELAY_MS));
        return keepsAlive ? timer : timer.unref();
      }
      function fire(): void {
        if (monotonic() < due) timer = arm();
        else run();
      }
      return { cancel: () => clearTimeout(timer) };
    },
  };
}
