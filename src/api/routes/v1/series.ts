import type { FastifyInstance } from 'fastify';
import type { RouteContext } from '../../http/deps.ts';
import { integerOf, queryOf } from '../../http/requests.ts';

/** GET /api/v1/series: the last hour in steps, for plots. With `?since=` (Unix ms) only later steps are answered. */
export function seriesRoutes({ lattice }: RouteContext) {
  return async (scope: FastifyInstance): Promise<void> => {
    scope.get('/api/v1/series', async (request, reply) => {
      const query = queryOf(request, ['since']);
      const since = integerOf(query, 'since', { min: 0, max: 999_999_999_999_999, default: 0 });
      return reply.header('cache-control', 'no-store').send(lattice.series(since));
    });
  };
}
