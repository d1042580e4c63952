import { signal } from '@preact/signals';
import type { LatticeError, LogLevel } from '../../../src/client/index.ts';
import { api, asProblem, isMissing } from './api.ts';
import type { LogLine } from './types.ts';

/** Lines that the page keeps, as many as the node. Older ones are dropped. */
export const MAX_LINES = 1000;
const SHOW_EVERY_MS = 400;

/** A line, or a place where lines are missing. `n` numbers the items. */
export type LogItem =
  | { readonly kind: 'line'; readonly n: number; readonly line: LogLine }
  | { readonly kind: 'gap'; readonly n: number; readonly dropped: number };

export type LogState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'open' }
  | { readonly kind: 'retrying'; readonly problem: LatticeError }
  | { readonly kind: 'missing' }
  | { readonly kind: 'refused' }
  | { readonly kind: 'failed'; readonly problem: LatticeError };

/**
 * Follows the node's log from the oldest line that the node still has. When the stream ends, it goes on after the last
 * line that came.
 */
export function followLog(level: LogLevel) {
  const items = signal<readonly LogItem[]>([]);
  const state = signal<LogState>({ kind: 'connecting' });
  /** Number of lines that have come while paused. They are shown on resume. */
  const waiting = signal(0);
  let paused = false;
  let held: LogItem[] = [];
  /** Lines that were dropped before they were shown. */
  let missed = 0;
  let flushing: number | undefined;
  let n = 0;
  const leave = new AbortController();

  const flush = (): void => {
    flushing = undefined;
    if (paused || held.length === 0) return;
    const gap: readonly LogItem[] = missed === 0 ? [] : [{ kind: 'gap', n: n++, dropped: missed }];
    items.value = [...items.peek(), ...gap, ...held].slice(-MAX_LINES);
    held = [];
    missed = 0;
    waiting.value = 0;
  };
  /**
   * Takes one item. The screen changes only a few times a second however fast lines come, because nobody reads faster
   * and each change costs a frame.
   */
  const add = (item: LogItem): void => {
    held.push(item);
    // One place is left for the item that tells how many lines were dropped.
    if (held.length >= MAX_LINES) {
      const gone = held.shift();
      missed += gone?.kind === 'gap' ? gone.dropped : 1;
    }
    if (paused) waiting.value = held.length + missed;
    else flushing ??= window.setTimeout(flush, items.peek().length === 0 ? 0 : SHOW_EVERY_MS);
  };

  async function follow(): Promise<void> {
    const stream = api.logs({
      level,
      signal: leave.signal,
      onOpen() {
        state.value = { kind: 'open' };
      },
      onLost(problem) {
        state.value = { kind: 'retrying', problem };
      },
    });
    try {
      for await (const said of stream) {
        if (said.type === 'line') add({ kind: 'line', n: n++, line: said.line });
        else add({ kind: 'gap', n: n++, dropped: said.dropped });
      }
    } catch (error) {
      if (leave.signal.aborted) return;
      const problem = asProblem(error);
      if (isMissing(problem)) state.value = { kind: 'missing' };
      else if (problem.code === 'unauthorized' || problem.code === 'token-not-set') state.value = { kind: 'refused' };
      else state.value = { kind: 'failed', problem };
    }
  }
  void follow();

  return {
    items,
    state,
    waiting,
    pause(on: boolean): void {
      paused = on;
      if (!on) flush();
    },
    clear(): void {
      items.value = [];
    },
    close(): void {
      leave.abort();
      clearTimeout(flushing);
    },
  };
}

export type LogFollower = ReturnType<typeof followLog>;
