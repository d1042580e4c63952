import { systemClock } from '../adapters/system/clock.ts';

/** The time that commands wait by. */
export const clock = systemClock({ keepsAlive: true });
