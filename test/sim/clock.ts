import type { Clock } from '../../src/ports/index.ts';
import type { Scheduler } from './scheduler.ts';

/** 1 January 2026: where simulated wall clocks start. */
const EPOCH_MS = 1_767_225_600_000;

/** One run of a node between a start and a crash. What a dead life asked for never completes. */
export interface Life {
  alive: boolean;
  /** In traces: n0, n1 … */
  readonly name: string;
}

/** A machine's wall clock: it outlives the node's process. */
export interface WallClock {
  /** ms ahead of simulated time. */
  skewMs: number;
  /** ms gained per ms. */
  readonly drift: number;
}

/** The true time in Unix ms at simulated time `now`. */
export function trueTime(now: number): number {
  return Math.floor(EPOCH_MS + now);
}

/** Wall time in ms of a machine at simulated time `now`. */
export function wallTime(wall: WallClock, now: number): number {
  return Math.floor(EPOCH_MS + now * (1 + wall.drift) + wall.skewMs);
}

export function createSimClock(scheduler: Scheduler, wall: WallClock, life: Life): Clock {
  return {
    now: () => wallTime(wall, scheduler.now()),
    monotonic: () => scheduler.now(),
    after: (ms, run) =>
      scheduler.after(ms, life.name, 'timer', () => {
        if (life.alive) run();
      }),
  };
}
