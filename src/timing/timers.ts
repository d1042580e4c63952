import type { Clock } from '../ports/index.ts';

/** The part of a clock that waiting needs: timers in ms. */
export type Timers = Pick<Clock, 'after'>;
