import type { FastifyReply, FastifyRequest } from 'fastify';
import { LatticeError } from '../../core/types/index.ts';
import { etagOf, isNotModified } from './preconditions.ts';

/** Bytes that a reader may ask for in parts, and may keep by their version. */
export interface ByteContent {
  /** A strong ETag without its quotes, which names exactly these bytes. */
  readonly version: string;
  readonly type: string;
  readonly cacheControl: string;
  /** The content coding of the bytes, as `br`. Absent when they have none. */
  readonly encoding?: string;
  readonly length: number;
  /** The bytes of [from, to). */
  read(from: number, to: number): Uint8Array;
}

/**
 * The bytes [from, to) that a Range header asks for. `none` means that the range lies outside of the content. Undefined
 * means all of the bytes: there is no header, it cannot be read, or it names several ranges or another unit, which a
 * server may ignore (RFC 9110 §14.2).
 */
export function byteRange(
  header: string | undefined,
  length: number,
): { readonly from: number; readonly to: number } | 'none' | undefined {
  const set = /^bytes=(.*)$/i.exec(header ?? '')?.[1] ?? '';
  // A list may have empty members (RFC 9110 §5.6.1.2).
  const [range = '', ...others] = set
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  const [, first = '', last = ''] = /^(\d*)-(\d*)$/.exec(range) ?? [];
  if ((first === '' && last === '') || others.length > 0 || length === 0) return undefined;
  if (first === '') return Number(last) === 0 ? 'none' : { from: Math.max(0, length - Number(last)), to: length };
  const from = Number(first);
  if (last !== '' && Number(last) < from) return undefined;
  return from < length ? { from, to: last === '' ? length : Math.min(length, Number(last) + 1) } : 'none';
}

/**
 * Answers with `content`: 200, 206 for a range, or 304. Throws LatticeError `precondition-failed`,
 * `range-not-satisfiable` or `invalid-header`, before it sets the headers of the content.
 */
export function sendBytes(request: FastifyRequest, reply: FastifyReply, content: ByteContent): FastifyReply {
  const { version, length } = content;
  const etag = etagOf(version);
  const isHeldAlready = isNotModified(request, version);
  const { range, 'if-range': ifRange } = request.headers;
  // Only a GET can ask for a range, and If-Range compares strongly (RFC 9110 §14.2, §13.1.5).
  const isAsked = request.method === 'GET' && (ifRange === undefined || ifRange === etag);
  const wanted = isAsked && !isHeldAlready ? byteRange(range, length) : undefined;
  if (wanted === 'none') {
    reply.header('content-range', `bytes */${length}`);
    throw new LatticeError('range-not-satisfiable', `there are ${length} bytes`);
  }
  reply.header('etag', etag).header('cache-control', content.cacheControl).header('accept-ranges', 'bytes');
  if (isHeldAlready) return reply.code(304).send();
  reply.header('content-type', content.type);
  if (content.encoding !== undefined) reply.header('content-encoding', content.encoding);
  const { from, to } = wanted ?? { from: 0, to: length };
  const bytes = content.read(from, to);
  if (wanted !== undefined) reply.code(206).header('content-range', `bytes ${from}-${to - 1}/${length}`);
  return reply.send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
}
