/** The levels of log lines, the least severe first. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The least level of the lines that a node writes. Whoever may change it while the node runs holds this object. */
export interface LeastLevel {
  get(): LogLevel;
  /** Sets it for the lines to come, of every component. */
  set(level: LogLevel): void;
  /** Whether a line of `level` is written. */
  writes(level: LogLevel): boolean;
}

export function createLeastLevel(initial: LogLevel): LeastLevel {
  let least = initial;
  return {
    get: () => least,
    set: (level) => void (least = level),
    writes: (level) => LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(least),
  };
}
