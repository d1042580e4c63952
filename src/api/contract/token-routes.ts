import { Type } from 'typebox';
import { json, type RouteContract, word } from './describe.ts';
import { AccessToken, NewAccessToken } from './token-entities.ts';

const { Array: List, Integer, Object: Shape, Optional: Maybe, String: Text } = Type;

/** The routes of the tokens that an operator makes and withdraws. */
export const TOKEN_ROUTES: readonly RouteContract[] = [
  {
    method: 'GET',
    path: '/api/v1/tokens',
    id: 'listTokens',
    tag: 'operator',
    summary: 'The tokens that this node made, without their secrets',
    token: true,
    cost: 'read',
    answers: { 200: json('Oldest first.', Shape({ items: List(AccessToken.ref) })) },
    errors: [401, 403, 421, 429],
    example: {},
  },
  {
    method: 'POST',
    path: '/api/v1/tokens',
    id: 'createToken',
    tag: 'operator',
    summary: 'Make a token for reading, writing under a prefix, or operating',
    description: 'The answer alone has the text of the token: the node keeps its hash.',
    token: true,
    cost: 'write',
    body: Shape(
      {
        name: Text({ minLength: 1, maxLength: 64, description: 'Whom or what it is for.' }),
        right: word(['read', 'write', 'operate'], 'Each includes those before it.'),
        prefix: Maybe(
          Text({ maxLength: 1024, description: 'For `write`: the beginning of the keys. Default: all keys.' }),
        ),
        ttlMs: Maybe(
          Integer({ minimum: 1000, maximum: 316_224_000_000, description: 'How long it is valid. Default: for ever.' }),
        ),
      },
      { additionalProperties: false },
    ),
    answers: { 201: json('The token.', NewAccessToken.ref) },
    errors: [400, 401, 403, 409, 415, 421, 429, 503, 504],
    example: { body: { name: 'grafana', right: 'read', ttlMs: 86_400_000 } },
  },
  {
    method: 'DELETE',
    path: '/api/v1/tokens/:id',
    id: 'removeToken',
    tag: 'operator',
    summary: 'Withdraw a token, which counts no more at once',
    token: true,
    cost: 'write',
    params: Shape({ id: Text({ pattern: '^[0-9a-f]{16}$', description: 'The id of the token.' }) }),
    answers: { 204: { description: 'It is withdrawn.' } },
    errors: [400, 401, 403, 404, 421, 429, 503, 504],
    example: { params: { id: '0123456789abcdef' } },
  },
];
