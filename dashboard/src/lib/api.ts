import { forgetToken, token } from './auth.ts';

/** A refusal in the node's words (RFC 9457), or the network's silence (`status` 0). */
export class ApiProblem extends Error {
  readonly status: number;
  readonly code: string;
  readonly next: string | undefined;
  constructor(status: number, code: string, message: string, next: string | undefined) {
    super(message);
    this.name = 'ApiProblem';
    this.status = status;
    this.code = code;
    this.next = next;
  }
}

/** A node that answers needs milliseconds; this is one that doesn't. */
const TIMEOUT_MS = 8000;
/** Repairs and comparisons that the node itself bounds at 30 s. */
const LONG_TIMEOUT_MS = 35_000;

const API = new URL('../api/v1/', document.baseURI);

export interface Ask {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Send the token of this tab, which must be there. */
  readonly withToken?: boolean;
  readonly long?: boolean;
  readonly signal?: AbortSignal;
}

export const apiUrl = (path: string): URL => new URL(path, API);

async function toProblem(response: Response): Promise<ApiProblem> {
  const text = await response.text().catch(() => '');
  let fields: { code?: unknown; detail?: unknown; next?: unknown } = {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null) fields = parsed;
  } catch {
    // A proxy answered in its own words.
  }
  const { code, detail, next } = fields;
  return new ApiProblem(
    response.status,
    typeof code === 'string' ? code : `http-${response.status}`,
    typeof detail === 'string' ? detail : `the node answered ${response.status}`,
    typeof next === 'string' ? next : undefined,
  );
}

/** The response, which is good; an open one (`signal` given) has no time limit. Rejects with ApiProblem. */
export async function send(path: string, ask: Ask = {}): Promise<Response> {
  const { method = 'GET', body, headers = {}, withToken = false, long = false, signal } = ask;
  const bearer = withToken ? token.peek() : undefined;
  let response: Response;
  try {
    response = await fetch(apiUrl(path), {
      method,
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'error',
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: signal ?? AbortSignal.timeout(long ? LONG_TIMEOUT_MS : TIMEOUT_MS),
    });
  } catch (cause) {
    if (signal?.aborted === true) throw cause;
    throw new ApiProblem(0, 'unreachable', 'the node does not answer', undefined);
  }
  if (response.ok) return response;
  const problem = await toProblem(response);
  if (problem.status === 401 && withToken) forgetToken();
  throw problem;
}

/** The JSON that the node answers with. */
export async function getJson<T>(path: string, ask?: Ask): Promise<T> {
  const response = await send(path, ask);
  try {
    return (await response.json()) as T;
  } catch {
    throw new ApiProblem(response.status, 'invalid-answer', 'the answer is not JSON', undefined);
  }
}

/** Any failure as a problem that can be shown. */
export function asProblem(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error;
  return new ApiProblem(0, 'internal', error instanceof Error ? error.message : String(error), undefined);
}

export const query = (path: string, parameters: Readonly<Record<string, string | number | undefined>>): string => {
  const given = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  return given.length === 0 ? path : `${path}?${given.join('&')}`;
};
