import { LatticeError } from '../core/types/errors.ts';
import { LatticeProblem } from './errors.ts';

/** Statuses of servers that cannot answer now: the node's own and those of proxies before it. */
const TEMPORARY_STATUSES: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

/**
 * Whether the same request may well succeed a little later: the node was not reached, answered too late or only in
 * part, or said that it cannot now. What it refuses, and what no node answers, another try will not mend.
 */
export function isTemporary(error: unknown): boolean {
  if (error instanceof LatticeProblem) return TEMPORARY_STATUSES.has(error.status);
  return error instanceof LatticeError && (error.code === 'unreachable' || error.code === 'timeout');
}

const MIN_MS = 500;
/** People wait for a node that comes back: longer than this looks like not trying. */
const MAX_MS = 10_000;
/** A server may ask for more patience than that, but not for a day. */
const MAX_ASKED_MS = 60_000;

/** How long to wait before each next attempt. */
export interface Backoff {
  /** Milliseconds until the next attempt after one that failed with `error`. */
  next(error?: unknown): number;
  /** An attempt succeeded. */
  reset(): void;
}

/**
 * Doubles from 500 ms to 10 s, half of it at random ("equal jitter" of the AWS Architecture Blog's "Exponential Backoff
 * And Jitter"), so that clients that lost a node together do not come back together. Never less than the Retry-After of
 * a LatticeProblem, up to a minute. `random` gives numbers from 0 to 1, 1 excluded.
 */
export function createBackoff(random: () => number = Math.random): Backoff {
  let ceiling = MIN_MS;
  return {
    next(error) {
      const asked = error instanceof LatticeProblem ? (error.retryAfterMs ?? 0) : 0;
      const ms = (ceiling / 2) * (1 + random());
      ceiling = Math.min(MAX_MS, 2 * ceiling);
      return Math.max(ms, Math.min(asked, MAX_ASKED_MS));
    },
    reset() {
      ceiling = MIN_MS;
    },
  };
}

/** Resolves after `ms`, and at once when `signal` is aborted. */
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
