import type { FastifyInstance, FastifyRequest } from 'fastify';
import { checkKey } from '../../../core/cbor/index.ts';
import type { RouteContext } from '../../http/deps.ts';
import { pathKeyOf } from '../../http/requests.ts';

interface HistoryQuery {
  readonly key?: string;
  readonly limit: number;
  readonly cursor?: string;
}

/** /api/v1/history: what was shown under a key (SPEC A23). */
export function historyRoutes({ lattice, inTime }: RouteContext) {
  function history(key: string, request: FastifyRequest) {
    const { limit, cursor } = request.query as HistoryQuery;
    return inTime(lattice.history(key, { limit, ...(cursor === undefined ? {} : { cursor }) }));
  }

  return async (scope: FastifyInstance): Promise<void> => {
    scope.get('/api/v1/history/:key', (request) => history(pathKeyOf(request), request));
    scope.get('/api/v1/history', (request) => history(checkKey((request.query as HistoryQuery).key), request));
  };
}
