import { LatticeError } from '../core/types/errors.ts';
import { cutShort } from './errors.ts';
import type { Requests } from './request.ts';
import { createBackoff, isTemporary, pause } from './retry.ts';
import { type ServerSent, serverSentEvents } from './server-sent.ts';

/** Nodes send a heartbeat every 15 s: after three of them missed the connection is dead, whatever the socket says. */
const SILENCE_MS = 45_000;
/** A connection that lasted as long as the longest pause was no failed attempt. */
const SETTLED_MS = 10_000;

export interface FollowOptions {
  /** Ends the stream, without an error. */
  readonly signal?: AbortSignal | undefined;
  /** Longest wait in ms for each connection to begin, in place of the client's. */
  readonly timeoutMs?: number | undefined;
  /** Id of the last event seen: what came since is sent first. */
  readonly after?: string | undefined;
  /** Called each time that the stream is open. */
  readonly onOpen?: (() => void) | undefined;
  /** Called when the connection was lost or refused for now, before it is tried again in `retryMs`. */
  readonly onLost?: ((error: LatticeError, retryMs: number) => void) | undefined;
  /** Gives up with the last error after so many ms without a connection. Default: never. */
  readonly maxAwayMs?: number | undefined;
  /** False: an error of the first connection ends it, whatever it is. Default true. */
  readonly retryFirst?: boolean | undefined;
}

export interface StreamOptions extends FollowOptions {
  /** Undefined ones are left out; `after` is the stream's own. */
  readonly query?: Readonly<Record<string, string | number | undefined>>;
}

/**
 * Follows an event stream for as long as the consumer reads. A connection that is lost, cut or silent, and an answer of
 * a moment (408, 429, 500, 502, 503, 504, from the node or a proxy), is a pause: the stream is opened again after the
 * last event seen, by `?after=`, which means the same as Last-Event-ID and needs no preflight in browsers. Where the
 * node could not go on without a gap its first event says so (`reset` of events, `gap` of logs).
 *
 * Ends when `signal` is aborted. Rejects with a LatticeError that another try will not mend. What is not read yet waits
 * in the connection.
 */
export async function* follow(
  { url, open }: Pick<Requests, 'url' | 'open'>,
  path: string,
  options: StreamOptions = {},
): AsyncGenerator<ServerSent> {
  const { query, signal, timeoutMs, onOpen, onLost, maxAwayMs = Number.POSITIVE_INFINITY, retryFirst = true } = options;
  const backoff = createBackoff();
  let last = options.after;
  let opened = false;
  let heardAt = performance.now();
  const ended = (): boolean => signal?.aborted === true;
  while (!ended()) {
    const connection = new AbortController();
    const cut = (): void => connection.abort(signal?.reason);
    signal?.addEventListener('abort', cut, { once: true });
    let silence: ReturnType<typeof setTimeout> | undefined;
    const heard = (): void => {
      clearTimeout(silence);
      heardAt = performance.now();
      silence = setTimeout(() => connection.abort(silent(url)), SILENCE_MS);
    };
    let lost: LatticeError;
    let openedAt: number | undefined;
    try {
      const reader = await open(path, { query: { ...query, after: last }, signal: connection.signal, timeoutMs });
      opened = true;
      openedAt = performance.now();
      heard();
      onOpen?.();
      for await (const event of serverSentEvents(reader, url, heard)) {
        // A consumer that takes its time is not a silent stream.
        clearTimeout(silence);
        backoff.reset();
        if (event.id !== undefined) last = event.id === '' ? undefined : event.id;
        yield event;
        heard();
      }
      lost = cutShort(url, 'the stream ended');
    } catch (error) {
      if (ended()) return;
      // Our own reason for ending the connection says more than what its reader makes of it.
      const cause: unknown = connection.signal.aborted ? connection.signal.reason : error;
      if (!(cause instanceof LatticeError) || !isTemporary(cause) || !(opened || retryFirst)) throw cause;
      lost = cause;
    } finally {
      clearTimeout(silence);
      signal?.removeEventListener('abort', cut);
      connection.abort(new Error('no longer read'));
    }
    if (ended()) return;
    const now = performance.now();
    if (now - heardAt > maxAwayMs) throw lost;
    if (openedAt !== undefined && now - openedAt > SETTLED_MS) backoff.reset();
    const retryMs = backoff.next(lost);
    onLost?.(lost, retryMs);
    await pause(retryMs, signal);
  }
}

const silent = (url: string): LatticeError =>
  new LatticeError('timeout', `${url} sent nothing for ${SILENCE_MS / 1000} s`, {
    next: 'Look at the node, and at the network between.',
  });
