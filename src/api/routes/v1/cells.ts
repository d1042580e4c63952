import type { FastifyInstance, FastifyRequest } from 'fastify';
import { LatticeError } from '../../../core/types/index.ts';
import type { RouteContext } from '../../http/deps.ts';

const PATH = '/api/v1/sync/cells/:root';
/** A year: of one root the cells never change. */
const IMMUTABLE = 'max-age=31536000, immutable';

/**
 * The bytes that a Range header asks for: [from, to); undefined for all of them, `none` where there are none. One range
 * only: several, and what cannot be read, are answered in whole (RFC 9110, §14.2).
 */
export function byteRange(
  header: string | undefined,
  length: number,
): { readonly from: number; readonly to: number } | 'none' | undefined {
  const [, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '') ?? [];
  if (first === '' && last === '') return undefined;
  if (first === '') return Number(last) === 0 ? 'none' : { from: Math.max(0, length - Number(last)), to: length };
  const from = Number(first);
  const to = last === '' ? length : Math.min(length, Number(last) + 1);
  if (last !== '' && Number(last) < from) return undefined;
  return from < length ? { from, to } : 'none';
}

/**
 * GET /api/v1/sync/cells/<root>: the coded symbols of a certified cut, 21 bytes a cell from cell 0, with ETag and
 * Range. For anyone where `isPublic`, else for members: a signed envelope in the Authorization header, whose message is
 * the path.
 */
export function cellRoutes({ lattice, inTime }: RouteContext, isPublic: boolean) {
  async function checkMember(request: FastifyRequest, path: string): Promise<void> {
    if (isPublic) return;
    const envelope = /^Lattice ([0-9A-Za-z_-]+)$/.exec(request.headers.authorization ?? '')?.[1];
    if (envelope === undefined)
      throw new LatticeError('sync-unauthorized', 'the cells need a signed envelope in the Authorization header');
    const message = await inTime(lattice.sync.admit(new Uint8Array(Buffer.from(envelope, 'base64url'))));
    if (new TextDecoder().decode(message) !== path)
      throw new LatticeError('sync-unauthorized', 'the envelope is for another path');
  }

  return async (scope: FastifyInstance): Promise<void> => {
    scope.get(PATH, async (request, reply) => {
      const { root } = request.params as { readonly root: string };
      if (!/^[0-9a-f]{64}$/.test(root)) throw new LatticeError('invalid-path', 'a root is 64 hex digits');
      await checkMember(request, PATH.replace(':root', root));
      const cut = lattice.cutCells(root);
      if (cut === undefined)
        throw new LatticeError('not-found', 'that is not the root of one of the newest certified cuts');
      const etag = `"${root}"`;
      reply
        .header('etag', etag)
        .header('cache-control', `${isPublic ? 'public' : 'private'}, ${IMMUTABLE}`)
        .header('accept-ranges', 'bytes')
        .header('lattice-entries', cut.entries)
        .header('lattice-cells', cut.cells);
      const known = (request.headers['if-none-match'] ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
      if (known.includes(etag) || known.includes('*')) return reply.code(304).send();
      reply.header('content-type', 'application/octet-stream');
      const { range, 'if-range': ifRange } = request.headers;
      const wanted = ifRange === undefined || ifRange === etag ? byteRange(range, cut.length) : undefined;
      if (wanted === 'none') {
        reply.header('content-range', `bytes */${cut.length}`);
        throw new LatticeError('range-not-satisfiable', `there are ${cut.length} bytes`);
      }
      const { from, to } = wanted ?? { from: 0, to: cut.length };
      const bytes = cut.read(from, to);
      if (wanted !== undefined) reply.code(206).header('content-range', `bytes ${from}-${to - 1}/${cut.length}`);
      return reply.send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
    });
  };
}
