import type { FastifyInstance } from 'fastify';
import { LatticeError } from '../../../core/types/index.ts';
import type { PeerAddress, SyncMode } from '../../../runtime/facade/index.ts';
import { type TokenCheck, tokenHook } from '../../http/access.ts';
import type { ReloadReport, RouteContext } from '../../http/deps.ts';
import { acceptJson, jsonOf } from '../../http/requests.ts';

/** The address of a peer. The schema of the route has made sure that exactly one of the two is there. */
function addressOf(given: { readonly url?: string; readonly multiaddr?: string }): PeerAddress {
  if (given.url !== undefined) return { url: given.url };
  if (given.multiaddr !== undefined) return { multiaddr: given.multiaddr };
  throw new LatticeError('invalid-peer', 'name the peer by url or by multiaddr');
}

/** What operators do with a running node: they add, remove and try peers, set the mode, and read and reload the configuration. */
export function operatorRoutes(
  { lattice, config, inTime }: RouteContext,
  checkToken: TokenCheck,
  reload: () => Promise<ReloadReport>,
) {
  const withToken = tokenHook(checkToken);

  return async (scope: FastifyInstance): Promise<void> => {
    acceptJson(scope);

    scope.get('/api/v1/config', withToken, async (_request, reply) => {
      reply.header('cache-control', 'no-store');
      return { items: config.settings ?? [] };
    });

    scope.post('/api/v1/config/reload', withToken, async () => inTime(reload()));

    scope.post('/api/v1/peers', withToken, async (request, reply) => {
      const peer = addressOf(jsonOf(request) as { url?: string; multiaddr?: string });
      const added = await inTime(lattice.addPeer(peer));
      return reply.code(201).send({ ...peer, added });
    });

    scope.delete('/api/v1/peers', withToken, async (request, reply) => {
      await inTime(lattice.removePeer(addressOf(request.query as { url?: string; multiaddr?: string })));
      return reply.code(204).send();
    });

    scope.post('/api/v1/peers/ping', withToken, async (request) => {
      const { peer } = jsonOf(request) as { peer: string };
      return inTime(lattice.pingPeer(peer));
    });

    scope.post('/api/v1/sync/mode', withToken, async (request) => {
      const { mode, reason } = jsonOf(request) as { mode: SyncMode; reason?: string };
      return lattice.setMode(
        mode,
        reason === undefined ? 'switched over the HTTP API' : `switched over the HTTP API: ${reason}`,
      );
    });
  };
}
