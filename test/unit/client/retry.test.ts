import { describe, expect, it } from 'vitest';
import { LatticeProblem } from '../../../src/client/errors.ts';
import { createBackoff, isTemporary, pause } from '../../../src/client/retry.ts';
import { LatticeError } from '../../../src/core/types/index.ts';

const problem = (status: number, retryAfterMs?: number): LatticeProblem =>
  new LatticeProblem('http-status', 'no', { status, problem: undefined, retryAfterMs, next: undefined });

describe('trying again', () => {
  it('is worth it where the node was not reached, is late, or cannot now', () => {
    expect([408, 429, 500, 502, 503, 504].filter((status) => !isTemporary(problem(status)))).toEqual([]);
    expect([0, 302, 400, 401, 403, 404, 405, 412, 501, 507].filter((status) => isTemporary(problem(status)))).toEqual(
      [],
    );
    expect(isTemporary(new LatticeError('unreachable', 'x'))).toBe(true);
    expect(isTemporary(new LatticeError('timeout', 'x'))).toBe(true);
    for (const code of ['not-a-lattice-node', 'answer-too-large', 'usage'] as const)
      expect(isTemporary(new LatticeError(code, 'x'))).toBe(false);
    expect(isTemporary(new TypeError('a mistake of ours'))).toBe(false);
  });

  it('waits twice as long each time up to a bound, half of it at random, and begins anew after a success', () => {
    const least = createBackoff(() => 0);
    const most = createBackoff(() => 1);
    expect(Array.from({ length: 7 }, () => least.next())).toEqual([250, 500, 1000, 2000, 4000, 5000, 5000]);
    expect(Array.from({ length: 7 }, () => most.next())).toEqual([500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
    least.reset();
    expect(least.next()).toBe(250);
  });

  it('waits as long as it is asked to, but not for ever', () => {
    const backoff = createBackoff(() => 0);
    expect(backoff.next(problem(503, 3000))).toBe(3000);
    expect(backoff.next(problem(503, 1))).toBe(500);
    expect(backoff.next(problem(429, 1e15))).toBe(60_000);
  });

  it('a pause ends with its signal, also one that is aborted already', async () => {
    const stop = new AbortController();
    const waiting = pause(1e9, stop.signal);
    stop.abort();
    await waiting;
    await pause(1e9, stop.signal);
    await pause(1);
  });
});
