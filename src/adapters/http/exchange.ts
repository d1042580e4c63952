import type { Dispatcher } from 'undici';
import { type Bytes, CONNECTION_FAILURES, giveBack, LatticeError, roomyBytes } from '../../core/types/index.ts';

/** One HTTP request of the lung. */
export interface Exchange {
  readonly method: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Bytes;
  readonly signal: AbortSignal;
}

/** At most this much of an error answer is read. A problem document is far shorter. */
const MAX_ERROR_BYTES = 16 * 1024;

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value.slice(0, 512) : undefined);

/** The fields of a peer's problem document (RFC 9457) that could be read; each is absent otherwise. */
interface PeerProblem {
  readonly code?: string;
  readonly detail?: string;
}

function parseProblem(bytes: Bytes): PeerProblem {
  try {
    const parsed: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (parsed === null || typeof parsed !== 'object') return {};
    const code = 'code' in parsed ? text(parsed.code) : undefined;
    const detail = 'detail' in parsed ? text(parsed.detail) : undefined;
    return { ...(code === undefined ? {} : { code }), ...(detail === undefined ? {} : { detail }) };
  } catch {
    return {};
  }
}

/** Makes a LatticeError of a network failure. A LatticeError is returned as it is. */
function networkError(url: string, cause: unknown): LatticeError {
  if (cause instanceof LatticeError) return cause;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (code === 'UND_ERR_HEADERS_OVERFLOW')
    return new LatticeError('oversize', `${url} answered with too many headers`, { cause });
  if (/^(?:UND_ERR_(?:CONNECT|HEADERS|BODY)_TIMEOUT|ETIMEDOUT)$/.test(code)) {
    return new LatticeError('timeout', `${url} did not answer in time`, { cause });
  }
  if (cause instanceof Error && cause.name === 'HTTPParserError')
    return new LatticeError('not-a-lattice-node', `${url} does not speak HTTP`, { cause });
  const words = Object.hasOwn(CONNECTION_FAILURES, code) ? `${CONNECTION_FAILURES[code]} (${code})` : undefined;
  const reason = words ?? (cause instanceof Error ? cause.message || code : String(cause));
  return new LatticeError('peer-unreachable', `${url} cannot be reached: ${reason}`, {
    next: 'check that the node runs, and its address in DIOTEC360_LATTICE_NODES',
    cause,
  });
}

/**
 * Yields the chunks of a body; throws network failures as LatticeErrors. Leaving the loop early cuts the connection.
 */
export async function* chunksOf(url: string, body: AsyncIterable<unknown>): AsyncGenerator<Bytes> {
  try {
    for await (const chunk of body) if (chunk instanceof Uint8Array) yield chunk;
  } catch (cause) {
    throw networkError(url, cause);
  }
}

/**
 * Reads a body of at most `limit` bytes into roomy bytes. A longer one has its connection cut and throws LatticeError
 * `oversize`. `told` is the length that the headers tell, from which one buffer is made.
 */
export async function readBody(
  url: string,
  body: AsyncIterable<unknown>,
  limit: number,
  told?: string | string[],
): Promise<Bytes> {
  let bytes = roomyBytes(Math.max(0, Math.min(limit, Math.floor(Number(told)) || 0)));
  let length = 0;
  try {
    for await (const chunk of chunksOf(url, body)) {
      const end = length + chunk.length;
      if (end > limit) throw new LatticeError('oversize', `${url} answered with more than ${limit} bytes`);
      if (end > bytes.length) {
        const larger = roomyBytes(Math.min(limit, Math.max(2 * bytes.length, end)));
        larger.set(bytes.subarray(0, length));
        giveBack(bytes);
        bytes = larger;
      }
      bytes.set(chunk, length);
      length = end;
    }
  } catch (error) {
    giveBack(bytes);
    throw error;
  }
  return bytes.subarray(0, length);
}

/**
 * Sends one request and resolves with a 200 answer of the wanted content type, whose body is still to be read.
 * Redirects are not followed, because only the operator says where a peer is. LatticeErrors: `http-status` (details:
 * status, peerCode), `not-a-lattice-node`, `oversize` (headers), `timeout`, `peer-unreachable`.
 */
export async function send(
  agent: Dispatcher,
  url: string,
  exchange: Exchange,
  contentType: string,
): Promise<Dispatcher.ResponseData> {
  const { method, headers, body, signal } = exchange;
  // The query is left out: its nonce would make every error message different.
  const where = url.split('?', 1)[0] ?? url;
  let response: Dispatcher.ResponseData;
  try {
    const { origin, pathname, search } = new URL(url);
    response = await agent.request({
      origin,
      path: pathname + search,
      method,
      signal,
      headers: { accept: contentType, ...headers },
      ...(body === undefined ? {} : { body }),
    });
  } catch (cause) {
    throw networkError(where, cause);
  }
  const { statusCode } = response;
  if (statusCode === 200) {
    const type = String(response.headers['content-type'] ?? '')
      .split(';', 1)[0]
      ?.trim();
    if (type === contentType) return response;
    discard(response);
    throw new LatticeError('not-a-lattice-node', `${where} answers, but not as a Lattice node does`, {
      next: 'check the address in DIOTEC360_LATTICE_NODES',
    });
  }
  const problem = await readBody(where, response.body, MAX_ERROR_BYTES).then(parseProblem, (): PeerProblem => ({}));
  if (statusCode === 404 && problem.code === undefined) {
    throw new LatticeError('not-a-lattice-node', `${where} does not exist there`, { details: { status: 404 } });
  }
  const says = problem.detail === undefined ? '' : `: ${problem.detail}`;
  throw new LatticeError('http-status', `${where} answered with status ${statusCode}${says}`, {
    details: { status: statusCode, ...(problem.code === undefined ? {} : { peerCode: problem.code }) },
  });
}

/** Cuts the connection of an answer whose body is not read. */
function discard(response: Dispatcher.ResponseData): void {
  response.body.on('error', () => undefined);
  response.body.destroy();
}
