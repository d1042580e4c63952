import { systemClock } from '../adapters/system/clock.ts';

/** The clock of commands. Its timers keep the process alive while a command waits. */
export const clock = systemClock({ keepsAlive: true });
