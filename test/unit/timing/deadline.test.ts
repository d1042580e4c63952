import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { raceAbort, settleWithin, withDeadline } from '../../../src/timing/index.ts';
import { createHandClock, type HandClock, turns } from '../../support/clock.ts';

const late = (): Error => new Error('too late');
const never = (): Promise<never> => new Promise(() => undefined);
let clock: HandClock;

beforeEach(() => {
  clock = createHandClock();
});

/** Rejections that nobody handled from here to the end of the test. */
function watchUnhandled(): unknown[] {
  const seen: unknown[] = [];
  const note = (reason: unknown): void => void seen.push(reason);
  process.on('unhandledRejection', note);
  onTestFinished(() => void process.off('unhandledRejection', note));
  return seen;
}

describe('work that takes no signal', () => {
  it('settles as the work does when that is in time, and leaves no timer', async () => {
    await expect(settleWithin(clock, 100, Promise.resolve('done'), late)).resolves.toBe('done');
    await expect(settleWithin(clock, 100, Promise.reject(new Error('broken')), late)).rejects.toThrow('broken');
    expect(clock.armed).toBe(0);
  });

  it('is given up when the time is up, and its own failure is dropped', async () => {
    const unhandled = watchUnhandled();
    let fail: (reason: Error) => void = () => undefined;
    const work = new Promise<never>((_, reject) => {
      fail = reject;
    });
    const rejected = expect(settleWithin(clock, 100, work, late)).rejects.toThrow('too late');
    await clock.advance(100);
    await rejected;
    fail(new Error('broken later'));
    await turns();
    expect(unhandled).toEqual([]);
    expect(clock.armed).toBe(0);
  });
});

describe('work with a deadline', () => {
  it('settles as the work does when that is in time, and leaves no timer', async () => {
    await expect(withDeadline(clock, 100, async () => 'done', late)).resolves.toBe('done');
    await expect(withDeadline(clock, 100, () => Promise.reject(new Error('broken')), late)).rejects.toThrow('broken');
    const thrower = (): Promise<never> => {
      throw new Error('thrown');
    };
    await expect(withDeadline(clock, 100, thrower, late)).rejects.toThrow('thrown');
    expect(clock.armed).toBe(0);
  });

  it('rejects when the time is up, whatever the work does', async () => {
    const result = withDeadline(clock, 100, never, late);
    const rejected = expect(result).rejects.toThrow('too late');
    await clock.advance(99);
    expect(clock.armed).toBe(1);
    await clock.advance(1);
    await rejected;
    expect(clock.armed).toBe(0);
  });

  it('aborts the signal of the work with the error that it rejects with', async () => {
    let given: AbortSignal | undefined;
    const result = withDeadline(
      clock,
      100,
      (signal) => {
        given = signal;
        // What breaks because of the abort is not what is told.
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('socket closed'))));
      },
      late,
    );
    const outcome = result.catch((error: unknown) => error);
    await clock.advance(100);
    expect(given?.aborted).toBe(true);
    expect(await outcome).toBe(given?.reason);
    expect(given?.reason).toMatchObject({ message: 'too late' });
  });

  it('drops what late work comes to, its rejection too', async () => {
    const unhandled = watchUnhandled();
    let fail: (error: Error) => void = () => undefined;
    const result = withDeadline(clock, 100, () => new Promise((_, reject) => (fail = reject)), late);
    const rejected = expect(result).rejects.toThrow('too late');
    await clock.advance(100);
    await rejected;
    fail(new Error('after all'));
    await turns();
    expect(unhandled).toEqual([]);
  });

  it('ends when the caller gives up, and holds nothing on to its signal', async () => {
    const caller = new AbortController();
    const reason = new Error('not needed');
    let given: AbortSignal | undefined;
    const work = (signal: AbortSignal): Promise<never> => {
      given = signal;
      return never();
    };
    const outcome = withDeadline(clock, 100, work, late, caller.signal).catch((error: unknown) => error);
    caller.abort(reason);
    expect(await outcome).toMatchObject({ code: 'aborted', cause: reason });
    expect(given?.reason).toBe(await outcome);
    expect(clock.armed).toBe(0);

    const other = new AbortController();
    let held = 0;
    const { signal } = other;
    const watched: AbortSignal = Object.assign(signal, {
      addEventListener: (...args: Parameters<AbortSignal['addEventListener']>) => {
        held++;
        EventTarget.prototype.addEventListener.apply(signal, args);
      },
      removeEventListener: (...args: Parameters<AbortSignal['removeEventListener']>) => {
        held--;
        EventTarget.prototype.removeEventListener.apply(signal, args);
      },
    });
    await withDeadline(clock, 100, async () => 'done', late, watched);
    expect(held).toBe(0);
  });

  it('does not begin when the caller has given up already', async () => {
    let begun = false;
    const work = async (): Promise<void> => {
      begun = true;
    };
    await expect(withDeadline(clock, 100, work, late, AbortSignal.abort('gone'))).rejects.toMatchObject({
      code: 'aborted',
      cause: 'gone',
    });
    expect(begun).toBe(false);
    expect(clock.armed).toBe(0);
  });
});

describe('a promise or a signal, whichever is first', () => {
  it('settles as the promise does, or rejects with the reason of the signal', async () => {
    const unhandled = watchUnhandled();
    const controller = new AbortController();
    await expect(raceAbort(Promise.resolve(1), controller.signal)).resolves.toBe(1);
    await expect(raceAbort(Promise.reject(new Error('broken')), controller.signal)).rejects.toThrow('broken');
    const result = raceAbort(never(), controller.signal);
    controller.abort('given up');
    await expect(result).rejects.toThrow('given up');
    await expect(raceAbort(Promise.reject(new Error('later')), controller.signal)).rejects.toThrow('given up');
    await turns();
    expect(unhandled).toEqual([]);
  });
});
