import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyRequest } from 'fastify';
import { LatticeError } from '../../core/types/index.ts';
import type { Timers } from '../../timing/index.ts';
import { problem } from './errors.ts';

/**
 * Bytes of a request line with its headers. Browsers send the cookies of every program on a host to each of them, and
 * on localhost there may be many, so that this is a multiple of what a client of the API needs.
 */
export const MAX_HEADER_BYTES = 32 * 1024;
/**
 * Headers of a request. Clients and a few proxies send some thirty. The HTTP server itself must not bound their number,
 * because it drops what is beyond its own bound and hands over the rest as if it were the whole request.
 */
const MAX_HEADERS = 64;
/** How long a client that was refused may take to read why. */
const LINGER_MS = 1000;

/** Headers of which Node.js keeps the first one only. A second one would be dropped unseen. */
const SINGLE: ReadonlySet<string> = new Set(['authorization', 'content-type', 'host']);

/** The members of a list header in lower case. Members may be empty (RFC 9110 §5.6.1.2). */
function listOf(header: string | undefined): readonly string[] {
  if (header === undefined) return [];
  const members = header.split(',').map((member) => member.trim().toLowerCase());
  return members.filter((member) => member !== '');
}

/**
 * Refuses what the HTTP server would otherwise hide from the routes: more headers than MAX_HEADERS, a second header of
 * a kind that counts once, and encoded bodies. Throws LatticeError `headers-too-large`, `invalid-header` or
 * `unsupported-media-type`.
 */
export function checkHeaders({ raw: { rawHeaders }, headers }: FastifyRequest): void {
  if (rawHeaders.length > 2 * MAX_HEADERS) {
    throw new LatticeError('headers-too-large', `the request has more than ${MAX_HEADERS} headers`, {
      next: 'send fewer headers',
    });
  }
  const seen = new Set<string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase();
    if (!SINGLE.has(name)) continue;
    if (seen.has(name)) throw new LatticeError('invalid-header', `the header ${name} stands twice`);
    seen.add(name);
  }
  // Codings are compared without regard to case, and `identity` means none (RFC 9110 §8.4.1).
  if (!listOf(headers['content-encoding']).every((coding) => coding === 'identity')) {
    throw new LatticeError('unsupported-media-type', 'compressed bodies are not taken', {
      next: 'send the body without Content-Encoding',
    });
  }
  if (!listOf(headers['transfer-encoding']).every((coding) => coding === 'chunked')) {
    throw new LatticeError('unsupported-media-type', 'the only transfer coding that is taken is chunked', {
      next: 'send the body without Transfer-Encoding',
    });
  }
}

/**
 * The target of a request in origin form. A target in absolute form, as for a proxy, names its host itself, and that
 * counts in place of the Host header (RFC 9112 §3.2.2), which is overwritten.
 */
export function toOriginForm(request: IncomingMessage): string {
  const { url = '/' } = request;
  const [, host, target] = /^https?:\/\/([^/?#]*)(.*)$/is.exec(url) ?? [];
  if (host === undefined || target === undefined) return url;
  request.headers.host = host;
  return target.startsWith('/') ? target : `/${target}`;
}

/** What is wrong with bytes that do not become a request, and the status with which they are answered. */
function refusalOf(code: string | undefined): readonly [status: number, error: LatticeError] {
  if (code === 'HPE_HEADER_OVERFLOW') {
    const detail = `the headers of the request have more than ${MAX_HEADER_BYTES} bytes`;
    const next =
      'send fewer headers; in a browser, delete the cookies of this host name, which every program on it adds to, or ' +
      'open the node under another name, as 127.0.0.1 in place of localhost';
    return [431, new LatticeError('headers-too-large', detail, { next })];
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return [408, new LatticeError('invalid-request', 'the request did not arrive in time')];
  return [400, new LatticeError('invalid-request', 'this is not an HTTP request that the node can read')];
}

/**
 * Makes what answers bytes that the HTTP parser refuses, with a problem document, and closes their connection. The
 * connection is cut a moment after the answer and not with it, because a reset would discard an answer that the client
 * has not read yet.
 */
export function answerUnreadable(
  clock: Timers,
  headers: () => Readonly<Record<string, string>>,
): (error: Error & { readonly code?: string }, socket: Socket) => void {
  return (error, socket) => {
    if (error.code === 'ECONNRESET' || socket.destroyed) return;
    // Bytes after those that were refused lead here again.
    if (!socket.writable) return;
    const [status, refusal] = refusalOf(error.code);
    const body = Buffer.from(JSON.stringify(problem(refusal, status)));
    const all = {
      ...headers(),
      'content-type': 'application/problem+json',
      'content-length': body.length,
      connection: 'close',
    };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    const head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n`;
    socket.end(Buffer.concat([Buffer.from(head), body]));
    const cut = clock.after(LINGER_MS, () => socket.destroy());
    socket.once('close', () => cut.cancel());
  };
}
