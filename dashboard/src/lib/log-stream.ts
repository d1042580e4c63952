import { signal } from '@preact/signals';
import { ApiProblem, asProblem, query, send } from './api.ts';
import { createStreamParser } from './sse.ts';
import type { LogLine } from './types.ts';

/** Lines kept: as many as the node keeps. Older ones go. */
export const MAX_LINES = 1000;
/** Between the end of a stream and the next attempt, doubled up to the second. */
const RETRY_MS = 1000;
const MAX_RETRY_MS = 10_000;
const SHOW_EVERY_MS = 400;

/** A line, or the place where some are missing. */
export type LogItem =
  | { readonly kind: 'line'; readonly n: number; readonly line: LogLine }
  | { readonly kind: 'gap'; readonly n: number; readonly dropped: number | undefined };

export type LogState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'open' }
  | { readonly kind: 'retrying'; readonly problem: ApiProblem }
  | { readonly kind: 'missing' }
  | { readonly kind: 'refused' };

/** Follows the node's log from what it still has on, and comes back where it was when the stream ends. */
export function followLog(level: string) {
  const items = signal<readonly LogItem[]>([]);
  const state = signal<LogState>({ kind: 'connecting' });
  /** Lines that arrived while paused, shown on resume. */
  const waiting = signal(0);
  let paused = false;
  let held: LogItem[] = [];
  /** Lines that went by before they were shown. */
  let missed = 0;
  let flushing: number | undefined;
  let n = 0;
  let after: string | undefined;
  let retryMs = RETRY_MS;
  let timer: number | undefined;
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
   * The screen changes a few times a second, however fast lines come: more than that nobody reads, and each costs a
   * frame.
   */
  const add = (item: LogItem): void => {
    held.push(item);
    // One less than are kept, so that the mark for what went by unseen stays before them.
    if (held.length >= MAX_LINES) {
      const gone = held.shift();
      missed += gone?.kind === 'gap' ? (gone.dropped ?? 0) : 1;
    }
    if (paused) waiting.value = held.length + missed;
    else flushing ??= window.setTimeout(flush, items.peek().length === 0 ? 0 : SHOW_EVERY_MS);
  };
  const parse = (): ((chunk: string) => void) =>
    createStreamParser(({ event, id, data }) => {
      if (event === 'line') {
        const line = JSON.parse(data) as LogLine;
        after = id ?? line.id;
        add({ kind: 'line', n: n++, line });
      } else if (event === 'gap') {
        const { dropped } = JSON.parse(data) as { dropped?: number };
        add({ kind: 'gap', n: n++, dropped });
      }
    });

  async function follow(): Promise<void> {
    try {
      const response = await send(query('logs', { level, after }), {
        withToken: true,
        signal: leave.signal,
        headers: { accept: 'text/event-stream' },
      });
      state.value = { kind: 'open' };
      retryMs = RETRY_MS;
      const reader = response.body?.getReader();
      if (reader === undefined) throw new ApiProblem(0, 'invalid-answer', 'the node sent no stream', undefined);
      const decoder = new TextDecoder();
      const take = parse();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        take(decoder.decode(value, { stream: true }));
      }
      throw new ApiProblem(0, 'ended', 'the stream ended', undefined);
    } catch (error) {
      if (leave.signal.aborted) return;
      const problem = asProblem(error);
      if (problem.status === 404 || problem.status === 501) state.value = { kind: 'missing' };
      else if (problem.status === 401) state.value = { kind: 'refused' };
      else {
        state.value = { kind: 'retrying', problem };
        timer = window.setTimeout(() => void follow(), retryMs);
        retryMs = Math.min(2 * retryMs, MAX_RETRY_MS);
      }
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
      clearTimeout(timer);
      clearTimeout(flushing);
    },
  };
}

export type LogFollower = ReturnType<typeof followLog>;
