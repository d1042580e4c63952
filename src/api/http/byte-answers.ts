import type { FastifyReply, FastifyRequest } from 'fastify';
import { LatticeError } from '../../core/types/index.ts';
import { etagOf, isNotModified } from './preconditions.ts';

/** What a reader is told of bytes that it may ask for in parts, and may keep by their version. */
export interface BytesAbout {
  /** A strong ETag without its quotes, which names exactly these bytes. */
  readonly version: string;
  readonly type: string;
  readonly cacheControl: string;
  /** The content coding of the bytes, as `br`. Absent when they have none. */
  readonly encoding?: string;
  readonly length: number;
}

/** Bytes that are in memory. */
export interface ByteContent extends BytesAbout {
  /** The bytes of [from, to). */
  read(from: number, to: number): Uint8Array;
}

/** What a request asks for: nothing, because its reader has it, or the bytes [from, to), all of them or a part. */
export type Wanted = 'held' | { readonly from: number; readonly to: number; readonly isPart: boolean };

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
 * What a request asks for by its conditions and its range. Throws LatticeError `precondition-failed`,
 * `range-not-satisfiable` or `invalid-header`.
 */
export function wantedBytes(request: FastifyRequest, reply: FastifyReply, about: BytesAbout): Wanted {
  const { version, length } = about;
  if (isNotModified(request, version)) return 'held';
  const { range, 'if-range': ifRange } = request.headers;
  // Only a GET can ask for a range, and If-Range compares strongly (RFC 9110 §14.2, §13.1.5).
  const isAsked = request.method === 'GET' && (ifRange === undefined || ifRange === etagOf(version));
  const wanted = isAsked ? byteRange(range, length) : undefined;
  if (wanted === 'none') {
    reply.header('content-range', `bytes */${length}`);
    throw new LatticeError('range-not-satisfiable', `there are ${length} bytes`);
  }
  return wanted === undefined ? { from: 0, to: length, isPart: false } : { ...wanted, isPart: true };
}

/** Sets status and headers of the answer to what was asked for: 200, 206 or 304. */
export function answerBytes(reply: FastifyReply, about: BytesAbout, wanted: Wanted): FastifyReply {
  reply
    .header('etag', etagOf(about.version))
    .header('cache-control', about.cacheControl)
    .header('accept-ranges', 'bytes');
  if (wanted === 'held') return reply.code(304);
  reply.header('content-type', about.type);
  if (about.encoding !== undefined) reply.header('content-encoding', about.encoding);
  const { from, to, isPart } = wanted;
  if (isPart) reply.code(206).header('content-range', `bytes ${from}-${to - 1}/${about.length}`);
  return reply;
}

/**
 * Answers with `content`: 200, 206 for a range, or 304. Throws as `wantedBytes` does, before it sets the headers of the
 * content.
 */
export function sendBytes(request: FastifyRequest, reply: FastifyReply, content: ByteContent): FastifyReply {
  const wanted = wantedBytes(request, reply, content);
  answerBytes(reply, content, wanted);
  if (wanted === 'held') return reply.send();
  const bytes = content.read(wanted.from, wanted.to);
  return reply.send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
}
