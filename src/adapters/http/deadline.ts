import { LatticeError } from '../../core/types/index.ts';
import type { RequestOptions } from '../../ports/index.ts';

const aborted = (signal: AbortSignal): LatticeError =>
  new LatticeError('aborted', 'the request was given up', { cause: signal.reason });

/**
 * Runs `work` with a signal that fires at the deadline or when the caller gives up, and says which it was:
 * LatticeError `timeout` or `aborted`. Holds nothing on to the caller's signal afterwards.
 */
export async function withDeadline<T>(options: RequestOptions, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { timeoutMs, signal } = options;
  const controller = new AbortController();
  const giveUp = (): void => {
    if (signal !== undefined) controller.abort(aborted(signal));
  };
  if (signal?.aborted) throw aborted(signal);
  signal?.addEventListener('abort', giveUp, { once: true });
  const timer = setTimeout(
    () => controller.abort(new LatticeError('timeout', `no answer within ${timeoutMs} ms`)),
    timeoutMs,
  );
  try {
    return await work(controller.signal);
  } catch (cause) {
    // Whatever failed after the signal fired failed because of it.
    throw controller.signal.aborted ? controller.signal.reason : cause;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', giveUp);
  }
}
