import type { FastifyInstance } from 'fastify';
import type { ConflictView } from '../../../runtime/facade/index.ts';
import { type TokenCheck, tokenHook } from '../../http/access.ts';
import type { RouteContext } from '../../http/deps.ts';
import { createPageText } from '../../http/pages.ts';
import { acceptJson } from '../../http/requests.ts';

/** What the node tells about itself: status, peers, health and conflicts. Also a repair on demand. */
export function nodeRoutes({ lattice, inTime }: RouteContext, checkToken: TokenCheck) {
  return async (scope: FastifyInstance): Promise<void> => {
    acceptJson(scope);

    scope.get('/api/v1/status', async () => lattice.status());
    scope.get('/api/v1/peers', async () => ({ peers: lattice.peers() }));

    scope.get('/api/v1/health', async () => {
      const status = lattice.status();
      return {
        status: status.writable ? 'ready' : 'read-only',
        verdict: { kind: status.verdict.kind, since: status.verdict.since, sentence: status.verdict.sentence },
        health: status.health,
        mode: status.mode,
        writable: status.writable,
        readOnlyReasons: status.readOnlyReasons,
        root: status.root,
        entries: status.entries,
        sequence: status.sequence,
        converged: status.converged,
      };
    });

    scope.get('/api/v1/conflicts', async (request, reply) => {
      const { limit, cursor } = request.query as { limit: number; cursor?: string };
      const text = createPageText<ConflictView>();
      const page = await inTime(
        lattice.conflicts({ limit, ...(cursor === undefined ? {} : { cursor }), fits: text.fits }),
      );
      return reply.type('application/json; charset=utf-8').send(text.finish('conflicts', page.cursor));
    });

    const withToken = tokenHook(checkToken);
    scope.post('/api/v1/store/verify', withToken, async () => lattice.verifyStore());
    scope.post('/api/v1/sync/now', withToken, async () => {
      await inTime(lattice.syncNow());
      const { converged, verdict } = lattice.status();
      return { converged, verdict, peers: lattice.peers() };
    });
  };
}
