import type { FastifyInstance } from 'fastify';
import { LatticeError } from '../../../core/types/index.ts';
import { type TokenCheck, tokenHook } from '../../http/access.ts';
import type { RouteContext } from '../../http/deps.ts';
import { integerOf, queryOf } from '../../http/requests.ts';

const MAX_KEYS = 1000;
const DEFAULT_KEYS = 100;
/** Longer than any peer id or author key. */
const MAX_PEER_ID = 128;

/**
 * GET /api/v1/peers/<peerId>/differences: which keys differ. It needs the token, because each call makes the peer take
 * part in a search.
 */
export function differenceRoutes({ lattice, inTime }: RouteContext, checkToken: TokenCheck) {
  return async (scope: FastifyInstance): Promise<void> => {
    const withToken = tokenHook(checkToken);
    scope.get('/api/v1/peers/:peerId/differences', withToken, async (request, reply) => {
      const { peerId } = request.params as { readonly peerId: string };
      if (peerId === '' || peerId.length > MAX_PEER_ID)
        throw new LatticeError('not-found', 'this node knows no peer of that id');
      const query = queryOf(request, ['limit']);
      const limit = integerOf(query, 'limit', { min: 1, max: MAX_KEYS, default: DEFAULT_KEYS });
      const found = await inTime(lattice.differences(peerId, { limit }));
      return reply.header('cache-control', 'no-store').send(found);
    });
  };
}
