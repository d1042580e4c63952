import { LatticeError } from '../core/types/errors.ts';
import { parseUrl } from '../core/types/url.ts';
import { cutShort, late, notOurs, refusal, tooLarge, unreachable } from './errors.ts';
import { jsonText } from './json-text.ts';
import { platformFetch } from './platform-fetch.ts';
import { type BodyReader, type Fetch, type FetchAnswer, readBody } from './transport.ts';

/** How a client reaches its node. */
export interface ClientOptions {
  /** The http or https base URL of the node's API, for example http://127.0.0.1:8000. */
  readonly url: string;
  /** The node's DIOTEC360_API_TOKEN, for writes and operator calls, or a function that gives it for each request. */
  readonly token?: string | undefined | (() => string | undefined);
  /** The function that exchanges HTTP. Default: the global `fetch`. */
  readonly fetch?: Fetch;
  /**
   * The longest wait in ms for a whole answer, connecting included, or for the beginning of a stream. Default: 35,000,
   * because the node itself gives up after 30 s.
   */
  readonly timeoutMs?: number;
}

/** How long one call may take, and what ends it before. */
export interface CallOptions {
  /** Ends the call, which then rejects with the reason of the signal. */
  readonly signal?: AbortSignal | undefined;
  /** The longest wait in ms. Default: that of the client. */
  readonly timeoutMs?: number | undefined;
}

/** One request. */
export interface RequestOptions extends CallOptions {
  /** Default: GET. */
  readonly method?: string;
  /** Parameters that are undefined are left out. */
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  /** Headers that are undefined are left out. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** A value that is sent as JSON. */
  readonly json?: unknown;
  /** A body that is sent as it is, for example text that is JSON already. `headers` name its content type. */
  readonly body?: string | Uint8Array<ArrayBuffer> | Blob | ReadableStream<Uint8Array>;
  /** Statuses besides 2xx that are no errors. */
  readonly also?: readonly number[];
}

/** An answer with its whole body. */
export interface Answer {
  /** The HTTP status. */
  readonly status: number;
  /**
   * Gives a header by its name, in upper or lower case; null when the answer does not have it.
   *
   * @throws nothing
   * @example
   * console.log(answer.header('etag'));
   */
  header(name: string): string | null;
  /** The body, at most 48 MiB. */
  readonly bytes: Uint8Array;
  /**
   * Gives the body as UTF-8.
   *
   * @throws nothing
   * @example
   * console.log(answer.text().length);
   */
  text(): string;
  /**
   * Gives the body as JSON.
   *
   * @throws `not-a-lattice-node` when it is none
   * @example
   * console.log(answer.json());
   */
  json(): unknown;
}

/** A request whose body or answer takes as long as it gets on. */
export interface TransferOptions extends RequestOptions {
  /** Bytes of a stream, where that is known beforehand. */
  readonly length?: number;
  /** Is called with the bytes of a Blob that have been sent so far, where that is known. */
  readonly onSent?: (bytes: number) => void;
  /** Gets a function that says that the transfer gets on, so that the time of the request begins anew. */
  readonly onTouch?: (touch: () => void) => void;
}

/** A request that is answered with an object. */
export interface JsonOptions extends RequestOptions {
  /** A field that every such answer has: without it another service has answered. */
  readonly has?: string;
}

/** The beginning of an answer, and what reads the rest. */
export interface OpenAnswer {
  readonly status: number;
  /** Gives a header by its name; null when the answer does not have it. */
  header(name: string): string | null;
  readonly reader: BodyReader;
}

/** Requests to one node. */
export interface Requests {
  /** The base URL without a slash at its end. */
  readonly url: string;
  /**
   * Makes a request. Rejects with a LatticeProblem when the answer is an error, with LatticeError `unreachable`,
   * `timeout` or `answer-too-large`, or with the reason of an aborted signal.
   */
  request(path: string, options?: TransferOptions): Promise<Answer>;
  /**
   * Makes a request and resolves to the object that a node answers. Rejects as `request` does, and with LatticeError
   * `not-a-lattice-node` when the answer is no object in JSON, or lacks the field that it has in every case.
   */
  json<T>(path: string, options?: JsonOptions): Promise<T>;
  /**
   * Resolves to the reader of the answer's body once it has begun, which `signal` ends. Rejects as `request` does.
   */
  transfer(path: string, options?: RequestOptions & { readonly accept?: string }): Promise<OpenAnswer>;
  /**
   * Opens a stream and resolves to its reader once the answer has begun. Rejects as `request` does, and with
   * LatticeError `not-a-lattice-node` when the answer is not of the media type, which is that of events by default.
   */
  open(path: string, options?: RequestOptions, type?: string): Promise<BodyReader>;
}

export const DEFAULT_TIMEOUT_MS = 35_000;
/** The longest delay of a timer; with a longer one it would fire at once. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;
/** The largest page is 1,000 entries of 16 KiB in JSON. What answers far more than that is no node. */
const MAX_ANSWER_BYTES = 48 * 1024 * 1024;
/** What is read of an error answer; those of nodes are far smaller. */
const MAX_REFUSAL_BYTES = 64 * 1024;

const defined = <T>(values: Readonly<Record<string, T | undefined>>): [string, T][] =>
  Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as [string, T]]));

/** A parameter as it is: half of a surrogate pair has no UTF-8, and would be sent as another character. */
function wellFormed(name: string, text: string): string {
  if (!/\p{Cs}/u.test(text)) return text;
  throw new LatticeError(
    name === 'key' ? 'invalid-key' : 'invalid-query',
    `the parameter ${name} has a lone surrogate, which has no UTF-8 form`,
    { next: 'Give text that is well-formed Unicode.' },
  );
}

/**
 * Throws LatticeError `usage` when the URL is no http or https URL or more than a base, or when a header cannot carry
 * the token.
 */
export function createRequests(options: ClientOptions): Requests {
  const base = parseUrl(options.url);
  if (base === undefined || (base.protocol !== 'http:' && base.protocol !== 'https:')) {
    throw new LatticeError('usage', `${JSON.stringify(options.url)} is not an http or https URL`, {
      next: 'Write it like http://127.0.0.1:8000.',
    });
  }
  if (base.search !== '' || base.hash !== '' || base.username !== '' || base.password !== '')
    throw new LatticeError('usage', 'the base URL of a node has no query, no fragment and no password', {
      next: 'Write it like http://127.0.0.1:8000, and give the token by itself.',
    });
  const url = base.href.replace(/[?#]*$/, '').replace(/\/+$/, '');
  const run: Fetch = options.fetch ?? platformFetch;
  if (typeof options.token === 'string') checkToken(options.token);

  function authorization(): Record<string, string> {
    const token = typeof options.token === 'function' ? options.token() : options.token;
    if (token === undefined) return {};
    checkToken(token);
    return { authorization: `Bearer ${token}` };
  }

  /**
   * Makes a request and hands the beginning of the answer to `take`. Once `take` has called `begun`, the request stays
   * open for as long as its reader likes, until the function that `begun` answers is called.
   */
  async function exchange<T>(
    path: string,
    asked: TransferOptions,
    accept: string,
    take: (answer: FetchAnswer, begun: () => () => void) => Promise<T>,
  ): Promise<T> {
    const { method = 'GET', query = {}, headers = {}, json, signal } = asked;
    const body = json === undefined ? asked.body : jsonText(json);
    const target = new URL(url + path);
    for (const [name, value] of defined(query)) target.searchParams.set(name, wellFormed(name, String(value)));
    const timeoutMs = asked.timeoutMs ?? options.timeoutMs ?? DEFAULT_TIMEOUT_MS;

    let answering = false;
    let open = false;
    const ending = new AbortController();
    const onAbort = (): void => ending.abort(signal?.reason);
    if (signal?.aborted === true) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    const begin = () => setTimeout(() => ending.abort(late(url, timeoutMs)), Math.min(timeoutMs, MAX_TIMEOUT_MS));
    let timer = begin();
    const touch = (): void => {
      // What is still sent while the node answers gives the answer no more time.
      if (answering) return;
      clearTimeout(timer);
      timer = begin();
    };
    asked.onTouch?.(touch);
    const onSent =
      asked.onSent === undefined
        ? {}
        : {
            onSent(bytes: number): void {
              touch();
              asked.onSent?.(bytes);
            },
          };
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
        ...(typeof body === 'object' && 'getReader' in body ? { duplex: 'half' as const } : {}),
        ...(asked.length === undefined ? {} : { length: asked.length }),
        ...onSent,
        signal: ending.signal,
        redirect: 'manual',
        cache: 'no-store',
        credentials: 'omit',
      });
      answering = true;
      return await take(answer, () => {
        open = true;
        return () => signal?.removeEventListener('abort', onAbort);
      });
    } catch (cause) {
      if (ending.signal.aborted) throw ending.signal.reason;
      if (cause instanceof LatticeError) throw cause;
      throw answering ? cutShort(url, 'the connection was cut during the answer', cause) : unreachable(url, cause);
    } finally {
      clearTimeout(timer);
      // A stream stays bound to the signal, which ends its reader.
      if (!open) signal?.removeEventListener('abort', onAbort);
    }
  }

  async function refuse(path: string, answer: FetchAnswer): Promise<never> {
    const { bytes } = await readBody(answer, MAX_REFUSAL_BYTES);
    const { status, headers } = answer;
    throw refusal(url + path, { status, headers, text: new TextDecoder().decode(bytes) });
  }

  const isGood = (status: number): boolean => status >= 200 && status < 300;

  function request(path: string, asked: TransferOptions = {}): Promise<Answer> {
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
  }

  return {
    url,
    request,
    json: async <T>(path: string, { has, ...asked }: JsonOptions = {}): Promise<T> =>
      objectOf((await request(path, asked)).json(), url + path, has) as T,
    transfer(path, { accept = '*/*', ...asked } = {}) {
      return exchange(path, asked, accept, async (answer, begun): Promise<OpenAnswer> => {
        const { status, headers } = answer;
        if (!isGood(status) && asked.also?.includes(status) !== true) return refuse(path, answer);
        const release = begun();
        const body = answer.body?.getReader();
        const reader: BodyReader = {
          async read() {
            try {
              const read = (await body?.read()) ?? { done: true };
              if (read.value === undefined) release();
              return read;
            } catch (error) {
              release();
              throw error;
            }
          },
          async cancel() {
            release();
            await body?.cancel();
          },
        };
        return { status, header: (name) => headers.get(name), reader };
      });
    },
    open(path, asked = {}, type = 'text/event-stream') {
      return exchange(path, asked, type, async (answer, begun): Promise<BodyReader> => {
        if (!isGood(answer.status)) return refuse(path, answer);
        const reader = answer.body?.getReader();
        if (reader === undefined || !(answer.headers.get('content-type') ?? '').startsWith(type)) {
          await reader?.cancel().catch(() => undefined);
          throw notOurs(`${url}${path} did not answer with ${type}`);
        }
        begun();
        return reader;
      });
    },
  };
}

/** A value, when it is an object that has the field. Throws LatticeError `not-a-lattice-node` otherwise. */
export function objectOf(value: unknown, where: string, has?: string): object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && (has === undefined || has in value))
    return value;
  throw notOurs(`${where} answered JSON that no node answers`);
}

function checkToken(token: string): void {
  if (!/^[!-~]+$/.test(token))
    throw new LatticeError('usage', 'the API token holds blanks or characters outside ASCII', {
      next: "Give the node's DIOTEC360_API_TOKEN as it is.",
    });
}
