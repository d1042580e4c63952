import { createHash } from 'node:crypto';

/** Lines kept for a failure's report. */
const KEPT = 400;

/** Everything that happened, in order: the hash stands for the whole run, the last lines explain a failure. */
export interface Trace {
  add(time: number, who: string, kind: string, detail: string): void;
  last(count: number): readonly string[];
  /** SHA-256 over all lines, hex. Ends the trace. */
  hash(): string;
  readonly events: number;
}

export function createTrace(verbose: ((line: string) => void) | undefined): Trace {
  const digest = createHash('sha256');
  const kept: string[] = [];
  let buffer: string[] = [];
  let events = 0;
  return {
    add(time, who, kind, detail) {
      const line = `${time.toFixed(3)} ${who} ${kind} ${detail}`;
      events++;
      kept.push(line);
      if (kept.length > 2 * KEPT) kept.splice(0, KEPT);
      buffer.push(line);
      if (buffer.length >= 512) {
        digest.update(buffer.join('\n'));
        buffer = [];
      }
      verbose?.(line);
    },
    last: (count) => kept.slice(-count),
    hash() {
      digest.update(buffer.join('\n'));
      return digest.digest('hex');
    },
    get events() {
      return events;
    },
  };
}

/** Eight hex digits that stand for `bytes` in a trace. */
export function shortHash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 8);
}
