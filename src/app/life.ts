import { setMaxListeners } from 'node:events';
import { LatticeError } from '../core/types/index.ts';

/** Until when a node answers the program that embeds it, and what calls get afterwards. */
export interface Life {
  /** Aborted when the node has ended, with a LatticeError as its reason. */
  readonly ended: AbortSignal;
  /** Throws the LatticeError of a node that has ended or is about to end. */
  check(): void;
  /**
   * Settles as `work` does, or rejects as soon as the node ends or `signal` is aborted, whose reason it then has. The
   * work itself goes on unseen in that case.
   */
  run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** What `make` gives, step by step, each of which ends as a call does. What it holds is let go of at the end. */
  steps<T>(make: () => AsyncIterable<T>, signal?: AbortSignal): AsyncGenerator<T, void>;
  /** From here on new calls are refused. Those under way go on. */
  refuse(error: LatticeError): void;
  /** The node has ended, and nothing answers any more. The first error counts. */
  end(error: LatticeError): void;
}

export const stoppedError = (): LatticeError =>
  new LatticeError('stopping', 'the node has been stopped', { next: 'Start a node, and call that one.' });

const isClosed = (error: unknown): boolean => error instanceof LatticeError && error.code === 'store-closed';

export function createLife(): Life {
  const ending = new AbortController();
  // Every stream of changes listens, and the program may as well. Calls don't: they are in `waiting`.
  setMaxListeners(0, ending.signal);
  const waiting = new Set<(error: unknown) => void>();
  let refusal: LatticeError | undefined;

  function check(): void {
    if (refusal !== undefined) throw refusal;
  }

  const life: Life = {
    ended: ending.signal,
    check,
    async *steps(make, signal) {
      check();
      const steps = make()[Symbol.asyncIterator]();
      try {
        for (;;) {
          const step = await life.run(() => steps.next(), signal);
          if (step.done === true) return;
          yield step.value;
        }
      } finally {
        // A step that hangs must not hold the reader up.
        steps.return?.().catch(() => undefined);
      }
    },
    async run(work, signal) {
      check();
      signal?.throwIfAborted();
      return await new Promise((resolve, reject) => {
        const onAbort = (): void => settle(() => reject(signal?.reason));
        function settle(how: () => void): void {
          waiting.delete(reject);
          signal?.removeEventListener('abort', onAbort);
          how();
        }
        waiting.add(reject);
        signal?.addEventListener('abort', onAbort, { once: true });
        work().then(
          (value) => settle(() => resolve(value)),
          // What is closed under a call while the node stops is no failure of the store.
          (error: unknown) => settle(() => reject(refusal !== undefined && isClosed(error) ? refusal : error)),
        );
      });
    },
    refuse(error) {
      refusal ??= error;
    },
    end(error) {
      if (ending.signal.aborted) return;
      refusal = error;
      for (const reject of waiting) reject(error);
      waiting.clear();
      ending.abort(error);
    },
  };
  return life;
}
