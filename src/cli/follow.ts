import { setTimeout as wait } from 'node:timers/promises';
import { LatticeError } from '../core/types/index.ts';
import type { ApiClient } from './client.ts';

/** One server-sent event (HTML standard, §9.2). */
export interface ServerEvent {
  readonly id?: string;
  readonly event: string;
  readonly data: string;
}

/** An event holds one change or log line; more without its end is another kind of stream. */
const MAX_EVENT_CHARS = 1024 * 1024;
const FIRST_PAUSE_MS = 250;
const MAX_PAUSE_MS = 5000;
/** A node that restarts is back within this; a script must learn that it is not. */
const MAX_AWAY_MS = 120_000;

export interface FollowOptions {
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  /** The id to go on after. */
  readonly after?: string | undefined;
  readonly signal: AbortSignal;
  /** False ends it. */
  readonly take: (event: ServerEvent) => boolean;
  /** The connection was lost and is tried again. */
  readonly lost: (cause: LatticeError) => void;
}

/**
 * Follows a stream of server-sent events until `take` or `signal` ends it. A lost connection goes on after the last id
 * seen. Rejects when the node refuses, when nothing could be reached from the start, or when it stays away for two
 * minutes.
 */
export async function follow(client: ApiClient, options: FollowOptions): Promise<void> {
  let after = options.after;
  let pause = FIRST_PAUSE_MS;
  let lastHeard: number | undefined;
  const done = new AbortController();
  const signal = AbortSignal.any([options.signal, done.signal]);
  while (!signal.aborted) {
    try {
      const chunks = await client.stream(options.path, { query: { ...options.query, after } }, signal);
      lastHeard = performance.now();
      for await (const event of eventsOf(chunks)) {
        pause = FIRST_PAUSE_MS;
        if (event.id !== undefined) after = event.id;
        if (!options.take(event)) {
          done.abort();
          return;
        }
      }
      lastHeard = performance.now();
    } catch (error) {
      if (signal.aborted) return;
      const cause =
        error instanceof LatticeError
          ? error
          : new LatticeError('unreachable', `the stream of ${client.url} was cut`, { cause: error });
      const temporary =
        cause.code === 'unreachable' ||
        cause.code === 'timeout' ||
        cause.code === 'overloaded' ||
        cause.code === 'stopping';
      if (!temporary || lastHeard === undefined || performance.now() - lastHeard > MAX_AWAY_MS) throw cause;
      options.lost(cause);
    }
    await wait(pause, undefined, { signal }).catch(() => undefined);
    pause = Math.min(pause * 2, MAX_PAUSE_MS);
  }
}

/** LatticeError `not-a-lattice-node` when an event has no end. */
export async function* eventsOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of chunks) {
    text += decoder.decode(chunk, { stream: true });
    const blocks = text.split(/\r?\n\r?\n/);
    text = blocks.pop() ?? '';
    if (text.length > MAX_EVENT_CHARS)
      throw new LatticeError('not-a-lattice-node', 'an event without an end came over the stream');
    for (const block of blocks) {
      let id: string | undefined;
      let event = 'message';
      const data: string[] = [];
      for (const line of block.split(/\r?\n/)) {
        const colon = line.indexOf(':');
        const field = colon < 0 ? line : line.slice(0, colon);
        const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
        if (field === 'id') id = value;
        else if (field === 'event') event = value;
        else if (field === 'data') data.push(value);
      }
      if (data.length > 0) yield { ...(id === undefined ? {} : { id }), event, data: data.join('\n') };
    }
  }
}
