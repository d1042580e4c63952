import { LatticeError } from '../../core/types/index.ts';
import type { Clock } from '../../ports/index.ts';

export interface Deadline {
  readonly signal: AbortSignal;
  /** Releases the timer and the parent; call exactly when the work has ended. */
  clear(): void;
}

/** A signal that aborts with LatticeError `timeout` after `ms`, or with `aborted` when `parent` does. */
export function createDeadline(clock: Clock, ms: number, what: string, parent?: AbortSignal): Deadline {
  const controller = new AbortController();
  const onParent = (): void =>
    controller.abort(new LatticeError('aborted', `${what} was cancelled`, { cause: parent?.reason }));
  const timer = clock.after(ms, () =>
    controller.abort(new LatticeError('timeout', `${what} took longer than ${ms} ms`)),
  );
  if (parent?.aborted === true) onParent();
  else parent?.addEventListener('abort', onParent, { once: true });
  return {
    signal: controller.signal,
    clear() {
      timer.cancel();
      parent?.removeEventListener('abort', onParent);
    },
  };
}

/** Settles as `promise` does, or rejects with the signal's reason as soon as it aborts. */
export function raceAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(toError(signal.reason));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

export function toError(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error(String(cause));
}

/** One line of an error for logs: libp2p puts whole stacks into messages. */
export function toReason(cause: unknown): string {
  if (cause instanceof AggregateError && cause.errors.length > 0)
    return [...new Set(cause.errors.map(toReason))].join('; ').slice(0, 400);
  const text = toError(cause).message || toError(cause).name;
  return (text.split('\n')[0] ?? text).slice(0, 200);
}
