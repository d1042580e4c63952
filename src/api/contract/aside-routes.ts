import { Type } from 'typebox';
import { json, type RouteContract } from './describe.ts';
import { cursor } from './entities.ts';
import { Aside, Recovered } from './floor-entities.ts';

const { Array: List, Boolean: Bool, Integer, Literal, Object: Shape, Optional: Maybe, String: Text } = Type;

/** To sort what is set aside by keys where there is the most of it, in ms of the event loop. */
const SORT_MS = 20;
/** To look at 256 keys, and to sign and merge what is written of them anew. */
const RECOVER_MS = 40;

/** The routes of what was taken out of the state because it came too late for the floor. */
export const ASIDE_ROUTES: readonly RouteContract[] = [
  {
    method: 'GET',
    path: '/api/v1/floor/aside',
    id: 'listAside',
    tag: 'proofs and cuts',
    summary: 'What was set aside',
    description:
      'Operations that came too late for a cut that all writers had attested, or that other writers refuse as below the ' +
      'floor. Readers of the state see nothing of them. At most 16,384 are kept.',
    cost: 'read',
    extraMs: SORT_MS,
    query: Shape({
      limit: Maybe(Integer({ minimum: 1, maximum: 1000, default: 100, description: 'Items on a page.' })),
      cursor: Maybe(cursor),
    }),
    answers: {
      200: json('By key, and of one key the newest first.', Shape({ items: List(Aside.ref), cursor: Maybe(cursor) })),
    },
    errors: [400, 421, 429, 504],
    example: {},
  },
  {
    method: 'POST',
    path: '/api/v1/floor/recover',
    id: 'recoverAside',
    tag: 'operator',
    summary: 'Write what was set aside anew, or forget it',
    description:
      'Writes the newest of what is set aside under each key as commits of this node, where that is of use: what the ' +
      'key was written to later stays as it is, unless `overwrite` says otherwise. Then it is set aside no more.',
    token: true,
    cost: 'write',
    extraMs: RECOVER_MS,
    body: Shape(
      {
        keys: Maybe(
          List(Text({ minLength: 1, description: 'A key.' }), { minItems: 1, maxItems: 256, description: 'Of these.' }),
        ),
        all: Maybe(Literal(true, { description: 'Of all keys, 256 at a time. Either this or `keys`.' })),
        cursor: Maybe(cursor),
        overwrite: Maybe(Bool({ description: 'Also where the key was written later.' })),
        forget: Maybe(Bool({ description: 'Only forget it, for good. With `all`, everything at once.' })),
      },
      { additionalProperties: false },
    ),
    answers: { 200: json('What became of it.', Recovered.ref) },
    errors: [400, 401, 403, 404, 409, 412, 413, 415, 421, 429, 503, 504, 507],
    example: { body: { all: true } },
  },
];
