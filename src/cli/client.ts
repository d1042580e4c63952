import http from 'node:http';
import { isErrorCode, LatticeError } from '../core/types/index.ts';

export interface ClientOptions {
  /** Base URL of a node, http or https. */
  readonly url: string;
  readonly token: string | undefined;
  /** For a whole request, connecting included. */
  readonly timeoutMs: number;
}

export interface ApiRequest {
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  /** JSON text, sent as it is. */
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ApiAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Uint8Array;
}

/** An HTTP client for one node: bounded in time and bytes, follows no redirects. */
export interface ApiClient {
  readonly url: string;
  /** Whether requests carry a token. */
  readonly hasToken: boolean;
  /** Any answer. LatticeError `unreachable`, `timeout`, `answer-too-large`. */
  send(method: string, path: string, request?: ApiRequest): Promise<ApiAnswer>;
  /**
   * The text of a 2xx answer; any other answer is thrown as LatticeError with the server's code, `not-supported` or
   * `http-status`.
   */
  text(method: string, path: string, request?: ApiRequest): Promise<string>;
  /**
   * The JSON of a 2xx answer; any other answer is thrown as LatticeError with the server's code, `not-supported` or
   * `http-status`.
   */
  json<T>(method: string, path: string, request?: ApiRequest): Promise<T>;
  /**
   * Opens an answer without end (server-sent events): its bytes until either side ends it. Rejects and throws as `json`
   * does.
   */
  stream(path: string, request: ApiRequest, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /** Closes kept-alive connections. */
  close(): void;
}

/** The largest page is 1,000 entries of 16 KiB in JSON; twice that is another kind of server. */
const MAX_ANSWER_BYTES = 48 * 1024 * 1024;
/** What to do about 401, here and where the original's endpoints say it otherwise. */
export const TOKEN_HINT =
  "Give the node's token with --token, DIOTEC360_API_TOKEN, --env-file, or a context that names its file (lattice context add NAME --token-file F).";
/** Nodes send a sign of life on open answers every 15 s; four of them missing is a dead connection. */
const MAX_SILENCE_MS = 60_000;
/** What a refusal may say. */
const MAX_REFUSAL_BYTES = 64 * 1024;
/** Requests in parallel: imports look keys up side by side. */
const MAX_SOCKETS = 8;

/** LatticeError `usage` when the URL is not one. */
export function createClient(options: ClientOptions): ApiClient {
  const base = URL.canParse(options.url) ? new URL(options.url) : undefined;
  if (base === undefined || (base.protocol !== 'http:' && base.protocol !== 'https:')) {
    throw new LatticeError('usage', `${JSON.stringify(options.url)} is not an http or https URL`, {
      next: 'Write it like http://127.0.0.1:8000.',
    });
  }
  if (options.token !== undefined && !/^[!-~]+$/.test(options.token)) {
    throw new LatticeError('usage', 'the API token holds blanks or characters outside ASCII', { next: TOKEN_HINT });
  }
  const url = base.href.replace(/\/+$/, '');
  let agent: http.Agent | undefined;

  /** A request that is not sent yet. */
  async function prepare(method: string, path: string, request: ApiRequest) {
    // TLS takes a tenth of a command's time to load: only where it is used.
    const transport = base?.protocol === 'https:' ? (await import('node:https')).default : http;
    agent ??= new transport.Agent({ keepAlive: true, maxSockets: MAX_SOCKETS });
    const target = new URL(url + path);
    for (const [name, value] of Object.entries(request.query ?? {})) {
      if (value !== undefined) target.searchParams.set(name, String(value));
    }
    const headers: Record<string, string | number> = { accept: 'application/json', ...request.headers };
    if (options.token !== undefined) headers['authorization'] = `Bearer ${options.token}`;
    if (request.body !== undefined) {
      headers['content-type'] = 'application/json';
      headers['content-length'] = Buffer.byteLength(request.body);
    }
    return transport.request(target, { method, headers, agent });
  }

  const late = (): LatticeError =>
    new LatticeError('timeout', `${url} did not answer within ${options.timeoutMs / 1000} s`, {
      next: 'Look at the node (is it busy or stopped?), or allow more with --timeout.',
    });

  async function send(method: string, path: string, request: ApiRequest = {}): Promise<ApiAnswer> {
    const call = await prepare(method, path, request);
    return await new Promise((resolve, reject) => {
      call.on('response', (answer) => {
        const chunks: Uint8Array[] = [];
        let size = 0;
        answer.on('data', (chunk: Uint8Array) => {
          size += chunk.length;
          if (size > MAX_ANSWER_BYTES)
            call.destroy(
              new LatticeError('answer-too-large', `${url}${path} answered more than ${MAX_ANSWER_BYTES} bytes`),
            );
          else chunks.push(chunk);
        });
        answer.on('error', fail);
        answer.on('aborted', () => fail(new Error('the connection was cut during the answer')));
        answer.on('end', () => {
          clearTimeout(timer);
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) });
        });
      });
      const timer = setTimeout(() => call.destroy(late()), options.timeoutMs);
      function fail(cause: Error): void {
        clearTimeout(timer);
        reject(cause instanceof LatticeError ? cause : unreachable(url, cause));
      }
      call.on('error', fail);
      call.end(request.body);
    });
  }

  async function stream(path: string, request: ApiRequest, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const call = await prepare('GET', path, {
      ...request,
      headers: { accept: 'text/event-stream', ...request.headers },
    });
    const answer = await new Promise<http.IncomingMessage>((resolve, reject) => {
      const timer = setTimeout(() => call.destroy(late()), options.timeoutMs);
      const stop = (): void => void call.destroy(new Error('stopped'));
      signal.addEventListener('abort', stop, { once: true });
      call.once('close', () => signal.removeEventListener('abort', stop));
      call.on('response', (response) => {
        clearTimeout(timer);
        resolve(response);
      });
      call.on('error', (cause) => {
        clearTimeout(timer);
        reject(cause instanceof LatticeError ? cause : unreachable(url, cause));
      });
      call.end();
    });
    const status = answer.statusCode ?? 0;
    if (status !== 200) {
      const chunks: Uint8Array[] = [];
      let size = 0;
      for await (const chunk of answer as AsyncIterable<Uint8Array>) {
        size += chunk.length;
        if (size > MAX_REFUSAL_BYTES) break;
        chunks.push(chunk);
      }
      throw refusal(
        `${url}${path}`,
        { status, headers: answer.headers, body: Buffer.concat(chunks) },
        Buffer.concat(chunks).toString('utf8'),
      );
    }
    if (!(answer.headers['content-type'] ?? '').startsWith('text/event-stream')) {
      call.destroy();
      throw notOurs(`${url}${path} did not answer with events`);
    }
    call.setTimeout(MAX_SILENCE_MS, () => call.destroy(late()));
    return answer as AsyncIterable<Uint8Array>;
  }

  async function text(method: string, path: string, request?: ApiRequest): Promise<string> {
    const answer = await send(method, path, request);
    const said = new TextDecoder().decode(answer.body);
    if (answer.status < 200 || answer.status > 299) throw refusal(`${url}${path}`, answer, said);
    return said;
  }

  return {
    url,
    hasToken: options.token !== undefined,
    send,
    stream,
    text,
    async json<T>(method: string, path: string, request?: ApiRequest): Promise<T> {
      const answer = await text(method, path, request);
      if (answer === '') return undefined as T;
      try {
        return JSON.parse(answer) as T;
      } catch (cause) {
        throw notOurs(`${url}${path} did not answer JSON`, cause);
      }
    },
    close: () => agent?.destroy(),
  };
}

function notOurs(message: string, cause?: unknown): LatticeError {
  return new LatticeError('not-a-lattice-node', message, {
    next: 'Check that the URL is a Lattice node and not a proxy or another service.',
    cause,
  });
}

function unreachable(url: string, cause: Error): LatticeError {
  const code = (cause as NodeJS.ErrnoException).code;
  const reasons: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'connection refused',
    ENOTFOUND: 'no such host',
    EAI_AGAIN: 'the name could not be looked up',
    ECONNRESET: 'the connection was reset',
    EHOSTUNREACH: 'no route to the host',
    ENETUNREACH: 'no route to the network',
  };
  return new LatticeError(
    'unreachable',
    `cannot reach ${url}: ${reasons[code ?? ''] ?? (cause.message || code || 'unknown cause')}`,
    {
      next: 'Start the node (lattice start --env-file F, or lattice up), or name another one with --url.',
      cause,
    },
  );
}

/** The answer of a server that said no, as problem+json or in the original's forms. */
function refusal(where: string, answer: ApiAnswer, text: string): LatticeError {
  const problem = parseObject(text);
  const field = (name: string): string | undefined => {
    const value = problem[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const { status } = answer;
  const said = field('detail') ?? field('message') ?? field('title') ?? `${where} answered status ${status}`;
  const code = field('code');
  if (isMissingRoute(status, code, problem)) {
    return new LatticeError('not-supported', `this node's version has no ${where}`, {
      next: 'Update the node (lattice status shows its version), or name a newer one with --url.',
      details: { status },
    });
  }
  // The node speaks of headers there; who types commands needs options.
  const next = status === 401 ? TOKEN_HINT : (field('next') ?? hintOf(status));
  if (isErrorCode(code)) return new LatticeError(code, said, { next, details: { status } });
  // What a node of another version calls by a code that this one does not know is told with it.
  const shown = code === undefined ? said : `${said} (${code})`;
  return new LatticeError(status === 401 ? 'unauthorized' : 'http-status', shown, { next, details: { status } });
}

/**
 * A path or method that the node does not know, as opposed to a key or peer that does not exist. The original's form
 * has no code.
 */
function isMissingRoute(status: number, code: string | undefined, problem: object): boolean {
  return status === 405 || (status === 404 && (code === undefined ? 'detail' in problem : code === 'no-route'));
}

function hintOf(status: number): string {
  if (status === 404) return 'Check the spelling (lattice state ls lists the keys) and the URL.';
  if (status < 400) return 'Give the URL of the node itself: redirects are not followed.';
  return status < 500 ? 'Correct what the message names, then try again.' : "Try again; the node's log says more.";
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
