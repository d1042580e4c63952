import { setTimeout as pause } from 'node:timers/promises';

/** Between two looks at a condition that nothing announces. */
const LOOK_EVERY_MS = 50;

/**
 * Resolves with the first answer of `look` that is neither undefined nor false. Rejects with `what`, and with the error
 * that `look` threw last, once the deadline is over: conditions of other processes are waited for, never slept for.
 */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  deadlineMs = 30_000,
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
