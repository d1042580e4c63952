import type { Clock } from '../../src/ports/index.ts';

/** 1 January 2026: where hand-driven wall clocks start. */
export const EPOCH_MS = 1_767_225_600_000;

/** Lets everything go on that waits for neither a thread nor a timer. */
export async function turns(count = 5): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

export interface HandClock extends Clock {
  /** Lets time pass: timers run when they are due, in order, each with what it sets off. */
  advance(ms: number): Promise<void>;
  /** Lets time pass in which this process does not run: what was due runs late, with the next `advance`. */
  stall(ms: number): void;
  /** Sets the wall clock forward or back, and leaves the monotonic one as it is. */
  step(ms: number): void;
  /** Timers that are armed. */
  readonly armed: number;
}

/** A clock that stands still until it is advanced. `startMs`: the wall time at which it begins, Unix ms. */
export function createHandClock(startMs = EPOCH_MS): HandClock {
  const timers = new Map<number, { readonly at: number; readonly run: () => void }>();
  let monotonic = 0;
  let stepped = 0;
  let ids = 0;
  return {
    now: () => startMs + monotonic + stepped,
    monotonic: () => monotonic,
    after(ms, run) {
      const id = ids++;
      timers.set(id, { at: monotonic + ms, run });
      return { cancel: () => void timers.delete(id) };
    },
    async advance(ms) {
      const end = monotonic + ms;
      for (;;) {
        await turns();
        const [first] = [...timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at);
        if (first === undefined) break;
        const [id, { at, run }] = first;
        timers.delete(id);
        monotonic = Math.max(monotonic, at);
        run();
      }
      monotonic = end;
    },
    stall(ms) {
      monotonic += ms;
    },
    step(ms) {
      stepped += ms;
    },
    get armed() {
      return timers.size;
    },
  };
}
