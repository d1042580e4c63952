import { type Static, Type } from 'typebox';
import { entity, word } from './describe.ts';
import { time } from './entities.ts';

const { Object: Shape, Optional: Maybe, String: Text } = Type;

const fields = {
  id: Text({ description: '16 hex digits, which stand in the token too.' }),
  name: Text(),
  right: word(['read', 'write', 'operate'], 'Each includes those before it.'),
  prefix: Maybe(
    Text({ description: 'Of a token for writing: the beginning of the keys that it may write; empty for all.' }),
  ),
  created: time('When it was made.'),
  expires: Maybe(time('When it ends; absent where it has no end.')),
  lastUsed: Maybe(time('When it was last used, since the node started.')),
};

export const AccessToken = entity('AccessToken', 'A token that this node made, without its secret.', Shape(fields));
export type AccessToken = Static<typeof AccessToken.ref>;

export const NewAccessToken = entity(
  'NewAccessToken',
  'A token that was just made. Nobody is told its text again.',
  Shape({ ...fields, token: Text({ description: 'To be sent as `Authorization: Bearer <token>`.' }) }),
);
export type NewAccessToken = Static<typeof NewAccessToken.ref>;
