import { LatticeError } from '../core/types/errors.ts';
import { backoff } from '../timing/backoff.ts';
import { LatticeProblem } from './errors.ts';

/** Statuses of servers that cannot answer at present: those of nodes and those of proxies before them. */
const TEMPORARY_STATUSES: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

/**
 * Tells whether the same request may well succeed a little later: the node was not reached, it answered too late or only
 * in part, or it said that it cannot answer at present. Another try does not mend what a node refuses, nor the answer of
 * something that is no node.
 *
 * @throws nothing
 * @example
 * const entry = await client.getEntry('greeting').catch((error: unknown) => {
 *   if (!isTemporary(error)) throw error;
 *   return undefined;
 * });
 * console.log(entry?.value);
 */
export function isTemporary(error: unknown): boolean {
  if (error instanceof LatticeProblem) return TEMPORARY_STATUSES.has(error.status);
  return error instanceof LatticeError && (error.code === 'unreachable' || error.code === 'timeout');
}

/**
 * Whether an answer came from something in the node's place, as a proxy answers while its node restarts: a page, or a
 * status without the node's own explanation. An answer about the token or a redirect is not of that kind.
 */
export function isInPlaceOfNode(error: unknown): boolean {
  if (error instanceof LatticeProblem)
    return error.code === 'http-status' && error.problem === undefined && error.status >= 400;
  return error instanceof LatticeError && error.code === 'not-a-lattice-node';
}

/** People wait for a node that comes back, and with longer pauses it would look as if nothing were tried. */
const waitAfter = backoff({ minMs: 500, maxMs: 10_000, jitter: 'equal' });
/** The longest pause that a server can ask for, so that a wrong Retry-After does not stop a client for a day. */
const MAX_ASKED_MS = 60_000;

/** The pauses between attempts. */
export interface Backoff {
  /** Milliseconds until the next attempt after one that failed with `error`. */
  next(error?: unknown): number;
  /** Begins again with the shortest pause, after an attempt that succeeded. */
  reset(): void;
}

/**
 * Pauses that double from 500 ms to 10 s. Half of each is random, so that clients that lost a node together do not come
 * back together. A pause is never shorter than the Retry-After of a LatticeProblem, of which up to a minute counts.
 * `random` gives uniform numbers in [0, 1).
 */
export function createBackoff(random: () => number = Math.random): Backoff {
  let failures = 0;
  return {
    next(error) {
      const asked = error instanceof LatticeProblem ? (error.retryAfterMs ?? 0) : 0;
      return Math.max(waitAfter(++failures, random()), Math.min(asked, MAX_ASKED_MS));
    },
    reset() {
      failures = 0;
    },
  };
}

/** Resolves after `ms`, or as soon as `signal` is aborted. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });
}
