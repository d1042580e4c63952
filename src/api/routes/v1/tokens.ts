import type { FastifyInstance } from 'fastify';
import type { AccessTokens, TokenWish } from '../../../runtime/facade/index.ts';
import { type TokenCheck, tokenHook } from '../../http/access.ts';
import type { RouteContext } from '../../http/deps.ts';
import { acceptJson, jsonOf } from '../../http/requests.ts';

const PATH = '/api/v1/tokens';

/** The tokens that an operator makes and withdraws (SPEC TK2): /api/v1/tokens. */
export function tokenRoutes({ inTime }: RouteContext, tokens: AccessTokens, checkToken: TokenCheck) {
  const withToken = tokenHook(checkToken);

  return async (scope: FastifyInstance): Promise<void> => {
    acceptJson(scope);

    scope.get(PATH, withToken, async (_request, reply) => {
      reply.header('cache-control', 'no-store');
      return { items: tokens.list() };
    });

    scope.post(PATH, withToken, async (request, reply) => {
      const made = await inTime(tokens.create(jsonOf(request) as unknown as TokenWish));
      return reply.code(201).header('cache-control', 'no-store').send(made);
    });

    scope.delete(`${PATH}/:id`, withToken, async (request, reply) => {
      await inTime(tokens.remove((request.params as { readonly id: string }).id));
      return reply.code(204).send();
    });
  };
}
