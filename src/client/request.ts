import { LatticeError } from '../core/types/errors.ts';
import { cutShort, late, notOurs, refusal, tooLarge, unreachable } from './errors.ts';
import { type BodyReader, type Fetch, type FetchAnswer, readBody } from './transport.ts';

export interface ClientOptions {
  /** Base URL of the node's API, http or https, as http://127.0.0.1:8000. */
  readonly url: string;
  /** For writes and operator calls: the node's DIOTEC360_API_TOKEN, or what gives it for each request. */
  readonly token?: string | undefined | (() => string | undefined);
  /** What exchanges HTTP. Default: the global fetch. */
  readonly fetch?: Fetch;
  /**
   * Longest wait in ms for a whole answer, connecting included; of a stream, for its beginning. Default 35,000: the
   * node itself gives up after 30 s.
   */
  readonly timeoutMs?: number;
}

export interface CallOptions {
  /** Ends the call: it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** In place of the client's, in ms. */
  readonly timeoutMs?: number | undefined;
}

export interface RequestOptions extends CallOptions {
  /** Default: GET. */
  readonly method?: string;
  /** Undefined ones are left out. */
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  /** Undefined ones are left out. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is, with the content type that `headers` name: text that is JSON already, or bytes. */
  readonly body?: string | Uint8Array<ArrayBuffer>;
  /** Statuses besides 2xx that are answers, not errors. */
  readonly also?: readonly number[];
}

/** A whole answer. */
export interface Answer {
  readonly status: number;
  /** A header by its name in any case, as `etag` or `retry-after`; null where there is none. */
  header(name: string): string | null;
  /** At most 48 MiB. */
  readonly bytes: Uint8Array;
  /** The body as UTF-8. */
  text(): string;
  /** The body as JSON. LatticeError `not-a-lattice-node` where it is none. */
  json(): unknown;
}

export interface Requests {
  /** The base URL, without a slash at its end. */
  readonly url: string;
  /**
   * Any request of the API. LatticeProblem for an error answer; LatticeErrors `unreachable`, `timeout`,
   * `answer-too-large`.
   */
  request(path: string, options?: RequestOptions): Promise<Answer>;
  /**
   * Opens an event stream: resolves with its reader once the answer has begun. Errors are those of `request`, and
   * LatticeError `not-a-lattice-node` where the answer is no event stream.
   */
  open(path: string, options?: RequestOptions): Promise<BodyReader>;
}

const DEFAULT_TIMEOUT_MS = 35_000;
/** Timers go no further: more fires at once. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;
/** The largest page is 1,000 entries of 16 KiB in JSON; twice that is another kind of server. */
const MAX_ANSWER_BYTES = 48 * 1024 * 1024;
/** What a refusal may say. */
const MAX_REFUSAL_BYTES = 64 * 1024;

const defined = <T>(values: Readonly<Record<string, T | undefined>>): [string, T][] =>
  Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as [string, T]]));

/** LatticeError `usage` where the URL is no http or https URL, or the token nothing that a header can carry. */
export function createRequests(options: ClientOptions): Requests {
  const base = URL.canParse(options.url) ? new URL(options.url) : undefined;
  if (base === undefined || (base.protocol !== 'http:' && base.protocol !== 'https:')) {
    throw new LatticeError('usage', `${JSON.stringify(options.url)} is not an http or https URL`, {
      next: 'Write it like http://127.0.0.1:8000.',
    });
  }
  const url = base.href.replace(/\/+$/, '');
  const run: Fetch = options.fetch ?? ((target, init) => fetch(target, init));
  if (typeof options.token === 'string') checkToken(options.token);

  function authorization(): Record<string, string> {
    const token = typeof options.token === 'function' ? options.token() : options.token;
    if (token === undefined) return {};
    checkToken(token);
    return { authorization: `Bearer ${token}` };
  }

  /** Asks, and hands the answer's beginning to `take`, which may go on after `begun` as long as it likes. */
  async function exchange<T>(
    path: string,
    asked: RequestOptions,
    accept: string,
    take: (answer: FetchAnswer, begun: () => void) => Promise<T>,
  ): Promise<T> {
    const { method = 'GET', query = {}, headers = {}, json, signal } = asked;
    const body = json === undefined ? asked.body : JSON.stringify(json);
    const target = new URL(url + path);
    for (const [name, value] of defined(query)) target.searchParams.set(name, String(value));
    const timeoutMs = asked.timeoutMs ?? options.timeoutMs ?? DEFAULT_TIMEOUT_MS;

    const ending = new AbortController();
    const onAbort = (): void => ending.abort(signal?.reason);
    if (signal?.aborted === true) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    const timer = setTimeout(() => ending.abort(late(url, timeoutMs)), Math.min(timeoutMs, MAX_TIMEOUT_MS));
    let answering = false;
    let open = false;
    try {
      const answer = await run(target.href, {
        method,
        headers: {
          accept,
          ...authorization(),
          ...(json === undefined ? {} : { 'content-type': 'application/json' }),
          ...Object.fromEntries(defined(headers)),
        },
        ...(body === undefined ? {} : { body }),
        signal: ending.signal,
        redirect: 'manual',
        cache: 'no-store',
        credentials: 'omit',
      });
      answering = true;
      return await take(answer, () => {
        open = true;
      });
    } catch (cause) {
      if (ending.signal.aborted) throw ending.signal.reason;
      if (cause instanceof LatticeError) throw cause;
      throw answering ? cutShort(url, 'the connection was cut during the answer', cause) : unreachable(url, cause);
    } finally {
      clearTimeout(timer);
      // What stays open goes on to listen: its reader ends with the signal.
      if (!open) signal?.removeEventListener('abort', onAbort);
    }
  }

  async function refuse(path: string, answer: FetchAnswer): Promise<never> {
    const { bytes } = await readBody(answer, MAX_REFUSAL_BYTES);
    const { status, headers } = answer;
    throw refusal(url + path, { status, headers, text: new TextDecoder().decode(bytes) });
  }

  const isGood = (status: number): boolean => status >= 200 && status < 300;

  return {
    url,
    request(path, asked = {}) {
      const where = url + path;
      return exchange(path, asked, 'application/json', async (answer): Promise<Answer> => {
        const { status, headers } = answer;
        if (!isGood(status) && asked.also?.includes(status) !== true) return refuse(path, answer);
        const { bytes, whole } = await readBody(answer, MAX_ANSWER_BYTES);
        if (!whole) throw tooLarge(`${where} answered more than ${MAX_ANSWER_BYTES} bytes`);
        const text = (): string => new TextDecoder().decode(bytes);
        return {
          status,
          header: (name) => headers.get(name),
          bytes,
          text,
          json() {
            try {
              return JSON.parse(text()) as unknown;
            } catch (cause) {
              throw notOurs(`${where} did not answer JSON`, cause);
            }
          },
        };
      });
    },
    open(path, asked = {}) {
      return exchange(path, asked, 'text/event-stream', async (answer, begun): Promise<BodyReader> => {
        if (!isGood(answer.status)) return refuse(path, answer);
        const reader = answer.body?.getReader();
        if (reader === undefined || !(answer.headers.get('content-type') ?? '').startsWith('text/event-stream')) {
          await reader?.cancel().catch(() => undefined);
          throw notOurs(`${url}${path} did not answer with events`);
        }
        begun();
        return reader;
      });
    },
  };
}

function checkToken(token: string): void {
  if (!/^[!-~]+$/.test(token))
    throw new LatticeError('usage', 'the API token holds blanks or characters outside ASCII', {
      next: "Give the node's DIOTEC360_API_TOKEN as it is.",
    });
}
