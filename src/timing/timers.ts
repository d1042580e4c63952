import type { Clock } from '../ports/index.ts';

/** All that is needed of a clock to wait: timers in ms. */
export type Timers = Pick<Clock, 'after'>;
