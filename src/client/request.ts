import { problemOf } from './problem.ts';

export interface ClientOptions {
  /** Base URL of the node's API, as http://127.0.0.1:8000. */
  readonly url: string;
  /** For writes and operator calls: the node's DIOTEC360_API_TOKEN. */
  readonly token?: string;
  /** Default: the global one. */
  readonly fetch?: typeof fetch;
  /** Longest wait for an answer. Default 35,000: the node itself gives up after 30 s. Streams are not bounded by it. */
  readonly timeoutMs?: number;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface Ask extends CallOptions {
  readonly method?: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** Sent as JSON; undefined: no body. */
  readonly json?: unknown;
  /** Statuses besides 2xx that are answers, not errors. */
  readonly also?: readonly number[];
  /** The body goes on without end. */
  readonly stream?: boolean;
}

const DEFAULT_TIMEOUT_MS = 35_000;

export interface Requests {
  /** Rejects with LatticeProblem for an error answer; with what fetch rejects with where there is none. */
  send(path: string, ask?: Ask): Promise<Response>;
  json<T>(path: string, ask?: Ask): Promise<T>;
}

const defined = <T>(values: Readonly<Record<string, T | undefined>>): [string, T][] =>
  Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as [string, T]]));

export function createRequests({ url, token, fetch: given, timeoutMs = DEFAULT_TIMEOUT_MS }: ClientOptions): Requests {
  const base = url.replace(/\/+$/, '');
  const run = given ?? fetch;

  async function send(path: string, ask: Ask = {}): Promise<Response> {
    const { method = 'GET', query = {}, headers = {}, json, also = [], stream = false, signal } = ask;
    const search = new URLSearchParams(
      defined(query).map(([name, value]): [string, string] => [name, String(value)]),
    ).toString();
    const signals = [...(signal === undefined ? [] : [signal]), ...(stream ? [] : [AbortSignal.timeout(timeoutMs)])];
    const response = await run(`${base}${path}${search === '' ? '' : `?${search}`}`, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        ...Object.fromEntries(defined(headers)),
      },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
      ...(signals.length === 0 ? {} : { signal: AbortSignal.any(signals) }),
      redirect: 'error',
    });
    if (response.ok || also.includes(response.status)) return response;
    throw await problemOf(response);
  }

  return {
    send,
    async json<T>(path: string, ask?: Ask): Promise<T> {
      return (await (await send(path, ask)).json()) as T;
    },
  };
}
