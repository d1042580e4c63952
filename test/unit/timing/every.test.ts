import { beforeEach, describe, expect, it } from 'vitest';
import { every } from '../../../src/timing/index.ts';
import { createHandClock, type HandClock } from '../../support/clock.ts';

let clock: HandClock;
let ran: number[];
let errors: unknown[];
const onError = (error: unknown): void => void errors.push(error);
const note = (): void => void ran.push(clock.monotonic());

beforeEach(() => {
  clock = createHandClock();
  ran = [];
  errors = [];
});

describe('every', () => {
  it('runs after each interval, the first time too, until it is stopped', async () => {
    const repetition = every(clock, 100, note, { onError });
    await clock.advance(350);
    expect(ran).toEqual([100, 200, 300]);
    repetition.stop();
    expect(clock.armed).toBe(0);
    await clock.advance(1000);
    expect(ran).toHaveLength(3);
  });

  it('begins when it is told to: within the call, or after a time of its own', async () => {
    every(clock, 100, note, { onError, firstMs: 0 });
    expect(ran).toEqual([0]);
    await clock.advance(100);
    expect(ran).toEqual([0, 100]);
    ran = [];
    every(clock, 1000, note, { onError, firstMs: 10 });
    await clock.advance(50);
    expect(ran).toEqual([110]);
  });

  it('counts the interval from the end of a run that takes time, and runs never overlap', async () => {
    let open = 0;
    let most = 0;
    every(
      clock,
      100,
      async () => {
        note();
        most = Math.max(most, ++open);
        await new Promise<void>((resolve) => clock.after(250, resolve));
        open--;
      },
      { onError },
    );
    await clock.advance(1000);
    expect(ran).toEqual([100, 450, 800]);
    expect(most).toBe(1);
  });

  it('tells what a run threw or rejected with, and goes on', async () => {
    const failures = [new Error('thrown'), new Error('rejected')];
    every(
      clock,
      100,
      () => {
        note();
        if (ran.length === 1) throw failures[0];
        return ran.length === 2 ? Promise.reject(failures[1]) : undefined;
      },
      { onError },
    );
    await clock.advance(300);
    expect(errors).toEqual(failures);
    expect(ran).toEqual([100, 200, 300]);
  });

  it('asks for the interval after each run when it is a function', async () => {
    let ms = 100;
    every(
      clock,
      () => ms,
      () => {
        note();
        ms *= 2;
      },
      { onError },
    );
    await clock.advance(1000);
    expect(ran).toEqual([100, 300, 700]);
  });

  it('can be stopped by its own run, and while one is under way', async () => {
    const own = every(
      clock,
      100,
      () => {
        note();
        own.stop();
      },
      { onError },
    );
    await clock.advance(300);
    expect(ran).toEqual([100]);

    let finish = (): void => undefined;
    const slow = every(clock, 100, () => new Promise<void>((resolve) => (finish = resolve)), { onError });
    await clock.advance(100);
    slow.stop();
    finish();
    await clock.advance(300);
    expect(clock.armed).toBe(0);
  });
});
