import type { FastifyInstance } from 'fastify';
import { LatticeError } from '../../../core/types/index.ts';
import type { AsideView, Recovered, RecoverWish } from '../../../runtime/facade/index.ts';
import { type TokenCheck, tokenHook } from '../../http/access.ts';
import type { RouteContext } from '../../http/deps.ts';
import { createPageText } from '../../http/pages.ts';
import { acceptJson, jsonOf } from '../../http/requests.ts';

/** What was set aside, and what operators do with it: /api/v1/floor/aside and /api/v1/floor/recover. */
export function asideRoutes({ lattice: { setAside }, inTime }: RouteContext, checkToken: TokenCheck) {
  const withToken = tokenHook(checkToken);

  return async (scope: FastifyInstance): Promise<void> => {
    acceptJson(scope);

    scope.get('/api/v1/floor/aside', async (request, reply) => {
      const { limit, cursor } = request.query as { readonly limit: number; readonly cursor?: string };
      const text = createPageText<AsideView>();
      const page = await inTime(setAside.list({ limit, fits: text.fits, ...(cursor === undefined ? {} : { cursor }) }));
      return reply
        .header('cache-control', 'no-cache')
        .type('application/json; charset=utf-8')
        .send(text.finish('items', page.cursor));
    });

    scope.post('/api/v1/floor/recover', withToken, async (request, reply) => {
      const { forget = false, ...wish } = jsonOf(request) as RecoverWish & { readonly forget?: boolean };
      reply.header('cache-control', 'no-store');
      if (!forget) return await inTime(setAside.recover(wish));
      if (wish.overwrite !== undefined || wish.cursor !== undefined)
        throw new LatticeError('invalid-body', 'what is forgotten is not written: leave out overwrite and cursor');
      const { forgotten } = await inTime(setAside.forget(wish));
      return { written: [], passedOver: [], forgotten } satisfies Recovered;
    });
  };
}
