import type { Clock } from '../ports/index.ts';

/** The part of a clock that waiting needs: timers in ms. */
export type Timers = Pick<Clock, 'after'>;

/** Timers beside the clock that they run by, whose time only goes forward: `monotonic` is in ms. */
export type MonotonicTimers = Pick<Clock, 'after' | 'monotonic'>;
