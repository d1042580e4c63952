import type { FastifyInstance, FastifyRequest } from 'fastify';
import { checkKey, parseJson } from '../../core/cbor/index.ts';
import { type JsonValue, LatticeError, MAX_DEPTH } from '../../core/types/index.ts';

/** Bytes of a body: a commit of MAX_COMMIT_BYTES as JSON, with room for its escapes and blanks, fits. */
export const MAX_BODY_BYTES = 256 * 1024;
/** The body of a commit wraps its values in an object, an array and an object. The write itself bounds each value. */
const MAX_BODY_DEPTH = MAX_DEPTH + 3;

function percentDecode(text: string, what: 'key' | 'query'): string {
  try {
    return decodeURIComponent(text);
  } catch {
    const message = `the ${what} is not valid percent-encoded UTF-8`;
    throw new LatticeError(what === 'key' ? 'invalid-key' : 'invalid-query', message);
  }
}

/** The query's parameters. Only the names in `known` may occur, each once. Throws LatticeError `invalid-query`. */
export function queryOf(request: FastifyRequest, known: readonly string[]): ReadonlyMap<string, string> {
  const url = request.raw.url ?? '';
  const at = url.indexOf('?');
  const query = new Map<string, string>();
  if (at < 0) return query;
  for (const part of url.slice(at + 1).split('&')) {
    if (part === '') continue;
    const [name = '', ...rest] = part.replaceAll('+', ' ').split('=');
    const key = percentDecode(name, 'query');
    if (!known.includes(key))
      throw new LatticeError('invalid-query', `unknown parameter '${key}'; known here: ${known.join(', ') || 'none'}`);
    if (query.has(key)) throw new LatticeError('invalid-query', `the parameter '${key}' stands twice`);
    query.set(key, percentDecode(rest.join('='), 'query'));
  }
  return query;
}

/** A decimal integer parameter within bounds, or its default. Throws LatticeError `invalid-query`. */
export function integerOf(
  query: ReadonlyMap<string, string>,
  name: string,
  bounds: { min: number; max: number; default: number },
): number {
  const text = query.get(name);
  if (text === undefined) return bounds.default;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= bounds.min && value <= bounds.max)) {
    throw new LatticeError('invalid-query', `'${name}' must be an integer from ${bounds.min} to ${bounds.max}`);
  }
  return value;
}

/**
 * The key of `/…/:key`, read from the raw path, because the router decodes leniently. Throws LatticeError
 * `invalid-key`.
 */
export function pathKeyOf(request: FastifyRequest): string {
  const path = (request.raw.url ?? '').split('?', 1)[0] ?? '';
  return checkKey(percentDecode(path.slice(path.lastIndexOf('/') + 1), 'key'));
}

/**
 * Makes the routes of `scope` read JSON bodies by the strict parser, which refuses what JSON.parse hides: repeated
 * names and integers beyond ±(2^53−1) among others. A body of another media type is refused with 415.
 */
export function acceptJson(scope: FastifyInstance): void {
  scope.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer', bodyLimit: MAX_BODY_BYTES },
    async (_request: FastifyRequest, body: Buffer) => {
      // Many clients name a content type on every request, even without a body.
      if (body.length === 0) return undefined;
      let text: string;
      try {
        text = new TextDecoder('utf-8', { fatal: true }).decode(body);
      } catch {
        throw new LatticeError('invalid-json', 'the body is not valid UTF-8');
      }
      return parseJson(text, MAX_BODY_DEPTH);
    },
  );
}

/** The client's address, or an empty text when the client has left. */
export const addressOf = (request: FastifyRequest): string => request.ip || '';

/** The request's JSON body. Throws LatticeError `invalid-json` when there is none. */
export function jsonOf(request: FastifyRequest): JsonValue {
  // A body of null is a value; only a missing body is undefined.
  if (request.body !== undefined) return request.body as JsonValue;
  throw new LatticeError('invalid-json', 'the body is missing: send JSON with content-type application/json');
}
