import type { FastifyInstance } from 'fastify';
import type { RouteContext } from '../../http/deps.ts';
import { queryOf } from '../../http/requests.ts';
import type { ResourceSource } from '../../http/sources.ts';

/** GET /api/v1/resources: disk, memory, event loop and CPU of the node's process. */
export function resourceRoutes({ inTime }: RouteContext, resources: ResourceSource) {
  return async (scope: FastifyInstance): Promise<void> => {
    scope.get('/api/v1/resources', async (request, reply) => {
      queryOf(request, []);
      return reply.header('cache-control', 'no-store').send(await inTime(resources()));
    });
  };
}
