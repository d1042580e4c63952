import type { Clock } from '../../ports/index.ts';

/** The longest delay Node's timers take: beyond it they fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/**
 * The machine's time. Its timers don't keep a process alive (a running node lives by its servers) and never fire early:
 * Node's own may, by up to a millisecond, because its loop rounds.
 */
export function systemClock(): Clock {
  const monotonic = (): number => performance.now();
  return {
    now: () => Date.now(),
    monotonic,
    after(ms, run) {
      const due = monotonic() + ms;
      let timer = arm();
      function arm(): NodeJS.Timeout {
        return setTimeout(fire, Math.min(Math.ceil(due - monotonic()), MAX_DELAY_MS)).unref();
      }
      function fire(): void {
        if (monotonic() < due) timer = arm();
        else run();
      }
      return { cancel: () => clearTimeout(timer) };
    },
  };
}
