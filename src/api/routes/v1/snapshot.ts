import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type ErrorCode, LatticeError } from '../../../core/types/index.ts';
import { sendBytes } from '../../http/byte-answers.ts';
import type { RouteContext } from '../../http/deps.ts';
import { queryOf } from '../../http/requests.ts';

/** The codes of errors that say why a node has no snapshot of a root at present. They are answered as 404. */
const NOT_HERE: ReadonlySet<ErrorCode> = new Set(['gone', 'no-snapshot', 'snapshot-soon', 'unverified']);
/** Caches may keep the answers for a year, because the root proves what they contain, whoever serves them. */
const CACHE_CONTROL = 'public, max-age=31536000, immutable';

/**
 * GET /api/v1/sync/cuts/<root>/manifest and …/chunks/<i>?after=<key hash>: the parts of a snapshot. Each answer has the
 * bytes of the sync message with which POST /api/v1/sync answers members. These routes are registered only where cuts
 * are public.
 */
export function snapshotRoutes({ lattice, inTime }: RouteContext) {
  function send(request: FastifyRequest, reply: FastifyReply, bytes: Uint8Array) {
    return sendBytes(request, reply, {
      // The ETag is that of the bytes, because another node, or this one later, may answer the same part with other
      // keys left to repair.
      version: createHash('sha256').update(bytes).digest('hex').slice(0, 32),
      type: 'application/cbor',
      cacheControl: CACHE_CONTROL,
      length: bytes.length,
      read: (from, to) => bytes.subarray(from, to),
    });
  }

  async function found(read: Promise<Uint8Array> | undefined): Promise<Uint8Array> {
    try {
      if (read !== undefined) return await inTime(read);
    } catch (error) {
      if (!(error instanceof LatticeError) || !NOT_HERE.has(error.code)) throw error;
    }
    throw new LatticeError('not-found', 'no snapshot of that root is held', {
      next: 'see the certified cuts with lattice cuts',
    });
  }

  const hexOf = (text: string): string => {
    if (!/^[0-9a-f]{64}$/.test(text)) throw new LatticeError('invalid-path', 'a hash is 64 hex digits');
    return text;
  };

  return async (scope: FastifyInstance): Promise<void> => {
    scope.get('/api/v1/sync/cuts/:root/manifest', async (request, reply) => {
      queryOf(request, []);
      const { root } = request.params as { readonly root: string };
      return send(request, reply, await found(lattice.snapshots?.manifest(hexOf(root))));
    });

    scope.get('/api/v1/sync/cuts/:root/chunks/:index', async (request, reply) => {
      const query = queryOf(request, ['after']);
      const { root, index } = request.params as { readonly root: string; readonly index: string };
      if (!/^\d{1,5}$/.test(index)) throw new LatticeError('invalid-path', 'a chunk is named by its number');
      const after = query.has('after') ? hexOf(query.get('after') ?? '') : undefined;
      return send(request, reply, await found(lattice.snapshots?.chunk(hexOf(root), Number(index), after)));
    });
  };
}
