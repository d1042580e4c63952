import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { LatticeError } from '../../../core/types/index.ts';
import { sendBytes } from '../../http/byte-answers.ts';
import type { RouteContext } from '../../http/deps.ts';
import type { SyncSenders } from '../../http/sync-senders.ts';
import { headerEnvelope } from './sync.ts';

const PATH = '/api/v1/sync/cells/:root';
/** Caches may keep the cells for a year, because those of one root never change. */
const IMMUTABLE = 'max-age=31536000, immutable';

/**
 * GET /api/v1/sync/cells/<root>: the coded symbols of a certified cut, 21 bytes a cell from cell 0, with ETag and
 * Range. Anyone may read them where `isPublic`. Elsewhere only members may: they send a signed envelope in the
 * Authorization header, whose message is the path.
 */
export function cellRoutes({ lattice, inTime }: RouteContext, senders: SyncSenders, isPublic: boolean) {
  async function checkMember(request: FastifyRequest, reply: FastifyReply, path: string): Promise<void> {
    if (isPublic) return;
    const envelope = headerEnvelope(request);
    if (envelope === undefined)
      throw new LatticeError('sync-unauthorized', 'the cells need a signed envelope in the Authorization header');
    senders.screen(request, reply, envelope);
    const message = await inTime(lattice.sync.admit(envelope));
    senders.proved(request);
    if (new TextDecoder().decode(message) !== path)
      throw new LatticeError('sync-unauthorized', 'the envelope is for another path');
  }

  return async (scope: FastifyInstance): Promise<void> => {
    scope.get(PATH, async (request, reply) => {
      const { root } = request.params as { readonly root: string };
      if (!/^[0-9a-f]{64}$/.test(root)) throw new LatticeError('invalid-path', 'a root is 64 hex digits');
      await checkMember(request, reply, PATH.replace(':root', root));
      const cut = lattice.cutCells(root);
      if (cut === undefined)
        throw new LatticeError('not-found', 'that is not the root of one of the newest certified cuts');
      reply.header('lattice-entries', cut.entries).header('lattice-cells', cut.cells);
      return sendBytes(request, reply, {
        version: root,
        type: 'application/octet-stream',
        cacheControl: `${isPublic ? 'public' : 'private'}, ${IMMUTABLE}`,
        length: cut.length,
        read: (from, to) => cut.read(from, to),
      });
    });
  };
}
