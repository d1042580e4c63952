import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { LatticeError } from '../../../core/types/index.ts';
import { sendBytes } from '../../http/byte-answers.ts';
import type { RouteContext } from '../../http/deps.ts';
import { queryOf } from '../../http/requests.ts';

/** A year: what a root and a number name is proven by the root, whoever serves it. */
const CACHE_CONTROL = 'public, max-age=31536000, immutable';

/**
 * GET /api/v1/sync/cuts/<root>/manifest and …/chunks/<i>?after=<key hash>: a certified cut as a snapshot, each the
 * bytes of the sync message that answers the same question. Registered only where cuts are public; members ask by POST
 * /api/v1/sync.
 */
export function snapshotRoutes({ lattice, inTime }: RouteContext) {
  function send(request: FastifyRequest, reply: FastifyReply, bytes: Uint8Array) {
    return sendBytes(request, reply, {
      // Of its bytes: another node, or this one later, may leave other keys to repair.
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
      const missing =
        error instanceof LatticeError && ['gone', 'no-snapshot', 'snapshot-soon', 'unverified'].includes(error.code);
      if (!missing) throw error;
    }
    throw new LatticeError('not-found', 'no snapshot of that root is held', {
      next: 'GET /api/v1/cuts names the certified cuts',
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
