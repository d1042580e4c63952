import type { FastifyInstance } from 'fastify';
import { LatticeError } from '../../../core/types/index.ts';
import type { RouteContext } from '../../http/deps.ts';
import { integerOf, queryOf } from '../../http/requests.ts';

/** What writers attested at the newest cuts, the certificates of cuts, the floor, and what anybody signed twice. */
export function cutRoutes({ lattice }: RouteContext) {
  return async (scope: FastifyInstance): Promise<void> => {
    scope.get('/api/v1/cuts', async (request, reply) => {
      queryOf(request, []);
      return reply.header('cache-control', 'no-cache').send({ items: lattice.cuts() });
    });

    scope.get('/api/v1/floor', async (request, reply) => {
      queryOf(request, []);
      return reply.header('cache-control', 'no-cache').send(lattice.floor());
    });

    scope.get('/api/v1/evidence', async (request, reply) => {
      queryOf(request, []);
      return reply.header('cache-control', 'no-cache').send({ items: lattice.evidence() });
    });

    scope.get('/api/v1/cuts/certificate', async (request, reply) => {
      const query = queryOf(request, ['at', 'from']);
      const at = query.has('at')
        ? integerOf(query, 'at', { min: 0, max: Number.MAX_SAFE_INTEGER, default: 0 })
        : undefined;
      const from = query.get('from') ?? undefined;
      const found = lattice.certificate(at, from === undefined ? {} : { from });
      if (found === undefined) {
        throw new LatticeError(
          'not-found',
          at === undefined ? 'no cut has a certificate yet' : `no certificate of a cut at ${at} is known`,
          {
            next: 'see with lattice cuts which of the last minutes are certified',
          },
        );
      }
      return reply.header('cache-control', 'no-cache').send(found);
    });
  };
}
