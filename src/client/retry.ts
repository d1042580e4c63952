import { LatticeError } from '../core/types/errors.ts';
import { backoff } from '../timing/backoff.ts';
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

/** People wait for a node that comes back: longer than the most of it looks like not trying. */
const waitAfter = backoff({ minMs: 500, maxMs: 10_000, jitter: 'equal' });
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
 * Doubles from 500 ms to 10 s, half of it at random, so that clients that lost a node together do not come back
 * together. Never less than the Retry-After of a LatticeProblem, up to a minute. `random` gives numbers from 0 to 1, 1
 * excluded.
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
