import { setTimeout as pause } from 'node:timers/promises';

/** Between two looks at a condition that nothing announces. */
const LOOK_EVERY_MS = 50;

/**
 * How long a condition is waited for. It only ends a wait that would hang: a busy machine takes many times as long as a
 * quiet one for whatever is awaited, and nothing is shown by its haste. Tests' own limits are longer (vitest.config.ts).
 */
export const DEADLINE_MS = 120_000;

/**
 * Resolves with the first answer of `look` that is neither undefined nor false. Rejects with `what`, and with the error
 * that `look` threw last, once the deadline is over: conditions of other processes are waited for, never slept for.
 */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  deadlineMs = DEADLINE_MS,
): Promise<T> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    let failure: unknown;
    try {
      const found = await look();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      failure = error;
    }
    if (performance.now() > end) {
      throw new Error(
        `not within ${deadlineMs / 1000} s: ${what}${failure === undefined ? '' : ` (${failure instanceof Error ? failure.message : JSON.stringify(failure)})`}`,
        {
          cause: failure,
        },
      );
    }
    await pause(LOOK_EVERY_MS);
  }
}
