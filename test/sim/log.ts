import type { Log, Metrics } from '../../src/ports/index.ts';
import type { Life } from './clock.ts';

export const SILENT_METRICS: Metrics = { count: () => undefined, gauge: () => undefined, observe: () => undefined };

/** A node's log, printed only where somebody asked for it. */
export function createSimLog(life: Life, print: ((line: string) => void) | undefined): Log {
  const line =
    (level: string) =>
    (fields: object, message: string): void =>
      print?.(`        ${life.name} ${level} ${message} ${JSON.stringify(fields)}`);
  const log: Log = {
    debug: line('debug'),
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
    child: () => log,
  };
  return log;
}

/** An error with the top of its stack, on one line. */
export function describeError(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message).split('\n').slice(0, 6).join(' | ') : String(error);
}
