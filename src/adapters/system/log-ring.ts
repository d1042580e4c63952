import type { LogDestination } from './log.ts';
import { LOG_LEVELS, type LogLevel } from './log-level.ts';

/** Lines kept: enough for an operator to read back what led to a failure. */
const MAX_LINES = 1000;
/** Bytes of all lines that are kept. Without it a thousand lines of stack traces would take many megabytes. */
const MAX_BYTES = 1024 * 1024;
/** Bytes of one line. A longer one is replaced by a short line that says so. */
const MAX_LINE_BYTES = 16 * 1024;

/** One line of the log as readers get it: `time`, `level`, `component`, the fields and `msg`. */
export interface RingLine {
  /** `<run>-<number>`: the numbers of one run have no gaps. */
  readonly id: string;
  readonly level: LogLevel;
  readonly [field: string]: unknown;
}

export interface RingPage {
  /** The lines, oldest first. */
  readonly lines: readonly RingLine[];
  /** How many lines after the place that was asked for are gone. */
  readonly dropped: number;
  /** True when the place that was asked for is in another run of the node, whose lines are gone. */
  readonly restarted: boolean;
  /** The id after which to go on, even when no line of the level was found. */
  readonly next: string;
}

export interface LogRing extends LogDestination {
  /**
   * Answers at most `limit` lines of at least `level` that come after the id `after`. Without `after`, or with an id of
   * another run, it begins with the oldest line that is kept.
   */
  read(options: { readonly after?: string | undefined; readonly level: LogLevel; readonly limit: number }): RingPage;
  /** The id after which the newest `count` lines of at least `level` come. */
  tail(count: number, level: LogLevel): string;
  /** Calls `onLine` after each new line, until the returned function is called. */
  follow(onLine: () => void): () => void;
}

interface Held {
  readonly line: string;
  readonly bytes: number;
  readonly level: LogLevel;
}

/** Keeps the newest lines of the log in memory. `run` names this run of the node: 1 to 32 characters, no hyphen. */
export function createLogRing(run: string): LogRing {
  /** The lines that are kept. The first of them has the number `first`. */
  const held: Held[] = [];
  let first = 1;
  let bytes = 0;
  const followers = new Set<() => void>();

  function fits(line: string): Held {
    const size = Buffer.byteLength(line);
    const level = levelOf(line);
    if (size <= MAX_LINE_BYTES) return { line, bytes: size, level };
    const { time, component, msg } = JSON.parse(line) as Record<string, unknown>;
    const short = JSON.stringify({ time, level, component, msg: String(msg).slice(0, 256), truncatedBytes: size });
    return { line: short, bytes: Buffer.byteLength(short), level };
  }

  /** The number after which to read, and how many lines between it and the oldest kept line are gone. */
  function placeOf(after: string | undefined): {
    readonly number: number;
    readonly dropped: number;
    readonly restarted: boolean;
  } {
    const [, ofRun, digits] = /^([^-]*)-(\d{1,15})$/.exec(after ?? '') ?? [];
    if (after === undefined) return { number: first - 1, dropped: 0, restarted: false };
    // For an id of another run, only the lines that this run has dropped can be counted.
    if (ofRun !== run) return { number: first - 1, dropped: first - 1, restarted: true };
    const number = Math.min(Number(digits), first + held.length - 1);
    return { number: Math.max(number, first - 1), dropped: Math.max(0, first - 1 - number), restarted: false };
  }

  return {
    write(text) {
      const next = fits(text.trimEnd());
      held.push(next);
      bytes += next.bytes;
      while (held.length > MAX_LINES || bytes > MAX_BYTES) {
        bytes -= held.shift()?.bytes ?? 0;
        first++;
      }
      for (const onLine of followers) onLine();
    },
    read({ after, level, limit }) {
      const { number, dropped, restarted } = placeOf(after);
      const least = LOG_LEVELS.indexOf(level);
      const lines: RingLine[] = [];
      let at = number;
      for (const { line, level: has } of held.slice(number + 1 - first)) {
        if (lines.length >= limit) break;
        at++;
        if (LOG_LEVELS.indexOf(has) < least) continue;
        lines.push({ ...(JSON.parse(line) as Record<string, unknown>), id: `${run}-${at}`, level: has });
      }
      return { lines, dropped, restarted, next: `${run}-${at}` };
    },
    tail(count, level) {
      const least = LOG_LEVELS.indexOf(level);
      let found = 0;
      let i = held.length;
      while (i > 0 && found < count) if (LOG_LEVELS.indexOf((held[--i] as Held).level) >= least) found++;
      return `${run}-${first - 1 + i}`;
    },
    follow(onLine) {
      followers.add(onLine);
      return () => void followers.delete(onLine);
    },
  };
}

/** Reads the level, which is the first field that the logger writes. */
function levelOf(line: string): LogLevel {
  const level = /^\{"level":"(\w+)"/.exec(line)?.[1];
  return LOG_LEVELS.find((known) => known === level) ?? 'info';
}
