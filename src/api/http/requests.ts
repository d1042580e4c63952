import type { FastifyInstance, FastifyRequest } from 'fastify';
import { checkKey, parseJson } from '../../core/cbor/index.ts';
import { type JsonValue, LatticeError, MAX_DEPTH } from '../../core/types/index.ts';

/** RELIABILITY: larger than a commit of MAX_COMMIT_BYTES in the worst JSON escapes people write. */
export const MAX_BODY_BYTES = 256 * 1024;
/** A commit's body wraps its values in an object, an array and an object; the write itself bounds the values. */
const MAX_BODY_DEPTH = MAX_DEPTH + 3;

function percentDecode(text: string, what: 'key' | 'query'): string {
  try {
    return decodeURIComponent(text);
  } catch {
    const message = `the ${what} is not valid percent-encoded UTF-8`;
    throw new LatticeError(what === 'key' ? 'invalid-key' : 'invalid-query', message);
  }
}

/** The query's parameters. Only the names in `known` may occur, each once. LatticeError `invalid-query`. */
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

/** A decimal integer parameter within bounds. LatticeError `invalid-query`. */
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

/** Key of `/…/:key`, read from the raw path: the router's own decoding is lenient. LatticeError `invalid-key`. */
export function pathKeyOf(request: FastifyRequest): string {
  const path = (request.raw.url ?? '').split('?', 1)[0] ?? '';
  return checkKey(percentDecode(path.slice(path.lastIndexOf('/') + 1), 'key'));
}

/**
 * JSON bodies through the strict parser, which sees what JSON.parse hides. Anything but application/json is refused
 * with 415.
 */
export function acceptJson(scope: FastifyInstance): void {
  scope.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer', bodyLimit: MAX_BODY_BYTES },
    async (_request: FastifyRequest, body: Buffer) => {
      // Many clients name a type on every request, with or without a body.
      if (body.length === 0) return undefined;
      let text: string;
      try {
        text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
      } catch {
        throw new LatticeError('invalid-json', 'the body is not valid UTF-8');
      }
      return parseJson(text, MAX_BODY_DEPTH);
    },
  );
}

/** The client's address; empty once it has left. */
export const addressOf = (request: FastifyRequest): string => request.ip || '';

/** The request's JSON body. LatticeError `invalid-json` when there is none. */
export function jsonOf(request: FastifyRequest): JsonValue {
  // null is a value, no body is none.
  if (request.body !== undefined) return request.body as JsonValue;
  throw new LatticeError('invalid-json', 'the body is missing: send JSON with content-type application/json');
}

/** Canonical CBOR bodies as raw bytes. */
export function acceptCbor(scope: FastifyInstance, maxBytes: number): void {
  scope.addContentTypeParser(
    'application/cbor',
    { parseAs: 'buffer', bodyLimit: maxBytes },
    async (_request: FastifyRequest, body: Buffer) => body,
  );
}
