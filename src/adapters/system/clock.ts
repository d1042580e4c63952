import type { Clock } from '../../ports/index.ts';

/** The longest delay that Node's timers take. With a longer one they fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/**
 * The machine's time. These timers never fire early; Node's own may, by up to a millisecond, because its event loop
 * rounds. By default timers do not keep the process alive, because a running node is kept alive by its servers. With
 * `keepsAlive` they do: a command that waits has nothing else that would. `onError` is told what a callback throws,
 * which without it ends the process.
 */
export function systemClock({
  keepsAlive = false,
  onError,
}: {
  readonly keepsAlive?: boolean;
  readonly onError?: (error: unknown) => void;
} = {}): Clock {
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
        if (monotonic() < due) {
          timer = arm();
          return;
        }
        try {
          run();
        } catch (error) {
          if (onError === undefined) throw error;
          onError(error);
        }
      }
      return { cancel: () => clearTimeout(timer) };
    },
  };
}
