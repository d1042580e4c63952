import { LatticeError } from '../core/types/errors.ts';
import { cutShort } from './errors.ts';
import type { Requests } from './request.ts';
import { createBackoff, isInPlaceOfNode, isTemporary, pause } from './retry.ts';
import { type ServerSent, serverSentEvents } from './server-sent.ts';

/**
 * Nodes send a heartbeat every 15 s. When three of them are missing the connection is dead, whatever the socket says.
 */
const SILENCE_MS = 45_000;
/** A connection that lasted longer than this, which is the longest pause, does not count as a failed attempt. */
const SETTLED_MS = 10_000;

/** Where a stream begins, and what happens when its connection is lost. */
export interface FollowOptions {
  /** Ends the stream without an error. */
  readonly signal?: AbortSignal | undefined;
  /** The longest wait in ms for the beginning of each connection. Default: that of the client. */
  readonly timeoutMs?: number | undefined;
  /** The id of the last event seen. What came since is sent first. */
  readonly after?: string | undefined;
  /** Is called each time that the stream has opened. */
  readonly onOpen?: (() => void) | undefined;
  /** Is called when the connection was lost, or was refused for the moment. The next try comes after `retryMs`. */
  readonly onLost?: ((error: LatticeError, retryMs: number) => void) | undefined;
  /** Milliseconds without a connection after which the stream rejects with the last error. Default: never. */
  readonly maxAwayMs?: number | undefined;
  /** With false, any error before the first connection ends the stream. Default: true. */
  readonly retryFirst?: boolean | undefined;
}

/** How to follow any event stream: the FollowOptions, and the query of its request. */
export interface StreamOptions extends FollowOptions {
  /** Parameters that are undefined are left out. `after` is set by the stream itself. */
  readonly query?: Readonly<Record<string, string | number | undefined>>;
}

/**
 * Follows an event stream for as long as the consumer reads. When a connection is lost, cut or silent, or when a
 * request is answered with a temporary error (408, 429, 500, 502, 503 or 504, from the node or a proxy), the stream is
 * opened again after a pause. So is a stream that was open before, when something else than a node answers in its
 * place, such as a page of a proxy. It resumes after the last event seen, by `?after=`, which means the same as
 * Last-Event-ID and needs no preflight in browsers. When the node cannot resume without a gap, its first event says so
 * (`reset` of events, `gap` of logs).
 *
 * The stream ends when `signal` is aborted, and rejects with a LatticeError that another try would not mend. What the
 * consumer has not read yet waits in the connection.
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
        // A consumer that takes its time does not make the stream a silent one.
        clearTimeout(silence);
        backoff.reset();
        if (event.id !== undefined) last = event.id === '' ? undefined : event.id;
        yield event;
        heard();
      }
      lost = cutShort(url, 'the stream ended');
    } catch (error) {
      if (ended()) return;
      // The reason for which this function ended the connection says more than the reader's error.
      const cause: unknown = connection.signal.aborted ? connection.signal.reason : error;
      if (!(cause instanceof LatticeError)) throw cause;
      // The URL once led to a node. What answers there now may be a proxy that waits for it.
      const mends = isTemporary(cause) ? opened || retryFirst : opened && isInPlaceOfNode(cause);
      if (!mends) throw cause;
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
