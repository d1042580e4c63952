import { describe, expect, it } from 'vitest';
import { backoff, sleep } from '../../../src/timing/index.ts';
import { createHandClock, turns } from '../../support/clock.ts';
import { outcomeOf } from '../runtime/support.ts';

describe('backoff', () => {
  const bounds = { minMs: 100, maxMs: 1000 };
  const almostOne = 1 - Number.EPSILON;

  it('doubles its ceiling with every failure, up to the greatest', () => {
    const wait = backoff({ ...bounds, jitter: 'none' });
    expect([1, 2, 3, 4, 5, 6].map(wait)).toEqual([100, 200, 400, 800, 1000, 1000]);
    expect(wait(1_000_000)).toBe(1000);
  });

  it.each([
    ['full', [0, 50, 100], [0, 500, 1000]],
    ['equal', [50, 75, 100], [500, 750, 1000]],
  ] as const)('with %s jitter waits a part of the ceiling', (jitter, first, last) => {
    const wait = backoff({ ...bounds, jitter });
    expect([0, 0.5, almostOne].map((fraction) => Math.round(wait(1, fraction)))).toEqual(first);
    expect([0, 0.5, almostOne].map((fraction) => Math.round(wait(50, fraction)))).toEqual(last);
  });
});

describe('sleep', () => {
  it('ends after its time', async () => {
    const clock = createHandClock();
    const outcome = outcomeOf(sleep(clock, 100));
    await clock.advance(99);
    expect(outcome.state).toBe('pending');
    await clock.advance(1);
    await turns();
    expect(outcome.state).toBe('fulfilled');
  });

  it('ends when the signal aborts, without a timer left', async () => {
    const clock = createHandClock();
    const controller = new AbortController();
    const outcome = outcomeOf(sleep(clock, 100, controller.signal));
    controller.abort();
    await turns();
    expect(outcome.state).toBe('fulfilled');
    await sleep(clock, 100, controller.signal);
    expect(clock.armed).toBe(0);
  });
});
