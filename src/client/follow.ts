import { LatticeProblem } from './problem.ts';
import type { CallOptions, Requests } from './request.ts';
import { type ServerSent, serverSentEvents } from './server-sent.ts';

/** Nodes send a heartbeat every 15 s: after three of them missed the connection is dead, whatever the socket says. */
const SILENCE_MS = 45_000;
const BACKOFF_MIN_MS = 500;
const BACKOFF_MAX_MS = 10_000;

export interface FollowOptions extends CallOptions {
  /** Id of the last event seen: what came since is sent first. */
  readonly after?: string;
  /** Called when the connection was lost, before it is tried again in `retryMs`. */
  readonly onLost?: (error: unknown, retryMs: number) => void;
}

/** Errors that another try will not mend. */
const isFinal = (error: unknown): boolean =>
  error instanceof LatticeProblem &&
  error.status >= 400 &&
  error.status < 500 &&
  error.status !== 408 &&
  error.status !== 429;

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    }
    signal?.addEventListener('abort', done, { once: true });
  });
}

/**
 * Follows an event stream for as long as the consumer reads: a lost connection is opened again after the last event
 * seen. Ends when `signal` is aborted; throws LatticeProblem where the node will not have it. What is not read yet
 * waits in the connection.
 */
export async function* follow(
  requests: Requests,
  path: string,
  query: Readonly<Record<string, string | number | undefined>>,
  { after, signal, onLost }: FollowOptions,
): AsyncGenerator<ServerSent> {
  let last = after;
  let failures = 0;
  const ended = (): boolean => signal?.aborted === true;
  while (!ended()) {
    const connection = new AbortController();
    const cut = (): void => connection.abort(signal?.reason);
    signal?.addEventListener('abort', cut, { once: true });
    let silence: ReturnType<typeof setTimeout> | undefined;
    const heard = (): void => {
      clearTimeout(silence);
      silence = setTimeout(() => connection.abort(new Error('the stream fell silent')), SILENCE_MS);
    };
    let lost: unknown = new Error('the stream ended');
    try {
      heard();
      const { body } = await requests.send(path, {
        query: { ...query, after: last },
        stream: true,
        signal: connection.signal,
      });
      if (body === null) throw new Error('the answer has no body');
      for await (const event of serverSentEvents(body, heard)) {
        // A consumer that takes its time is not a silent stream.
        clearTimeout(silence);
        failures = 0;
        last = event.id ?? last;
        yield event;
        heard();
      }
    } catch (error) {
      if (isFinal(error)) throw error;
      lost = error;
    } finally {
      clearTimeout(silence);
      signal?.removeEventListener('abort', cut);
      connection.abort(new Error('no longer read'));
    }
    if (ended()) return;
    const asked = lost instanceof LatticeProblem ? (lost.retryAfterMs ?? 0) : 0;
    const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(failures++, 10));
    const retryMs = Math.max(asked, (ceiling / 2) * (1 + Math.random()));
    onLost?.(lost, retryMs);
    await pause(retryMs, signal);
  }
}
