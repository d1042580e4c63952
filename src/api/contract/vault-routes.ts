import { Type } from 'typebox';
import { type Answer, json, type RouteContract, word } from './describe.ts';
import { cursor, hex64 } from './entities.ts';
import { VaultCheck, VaultCollection, VaultHolder, VaultObject, VaultPage, VaultState } from './vault-entities.ts';

const { Array: List, Integer, Object: Shape, Optional: Maybe, String: Text } = Type;

/** The longest text of a parameter that is no key: a file name of 255 bytes has at most as many characters. */
const MAX_NAME = 255;

const hash = hex64('SHA-256 of the content.');
const inPath = Shape({ hash });
/** The content `"hello"`, as the example of the upload puts it. */
const example = { params: { hash: '5aa762ae383fbb727af3c7a36d4940a5b8c40a989452d2304fc958ff3f354e7a' } };

const putQuery = Shape({
  name: Maybe(Text({ maxLength: MAX_NAME, description: 'A file name, without a directory.' })),
  pin: Maybe(word(['true', 'false'], 'Whether every node of the policy `pinned` keeps it too. Default: false.')),
});
const digest = Maybe(
  Text({ description: '`sha-256=:<base64>:` (RFC 9530): other content is refused and nothing is kept.' }),
);
const putHeaders = Shape({
  'content-type': Maybe(Text({ description: 'Kept with the object.' })),
  'content-digest': digest,
  'repr-digest': digest,
});
const objectHeaders = {
  etag: Text({ description: 'The hash in quotes.' }),
  'repr-digest': Text({ description: 'The hash after RFC 9530.' }),
};
const putAnswers = {
  200: json('It was in the vault already.', VaultObject.ref, objectHeaders),
  201: json('It is in the vault.', VaultObject.ref, { ...objectHeaders, location: Text() }),
};
const put = {
  method: 'PUT',
  tag: 'vault',
  token: true,
  access: 'write',
  cost: 'content',
  query: putQuery,
  headers: putHeaders,
  // JSON Schema has no type for bytes.
  body: Type.Unsafe<unknown>({ description: 'The content, as it is, of any length.' }),
  bodyType: '*/*',
  answers: putAnswers,
  errors: [400, 401, 408, 413, 421, 429, 503, 504, 507],
} as const;

const content: Answer = {
  description: 'The content. Each block of it was verified on this read.',
  type: '*/*',
  schema: Type.Unsafe<unknown>({ description: 'Bytes.' }),
  headers: {
    ...objectHeaders,
    'accept-ranges': Text({ description: '`bytes`' }),
    'content-disposition': Text({ description: '`attachment`, or what was asked for, with the file name.' }),
  },
};

/** The routes of the vault: content by its SHA-256. */
export const VAULT_ROUTES: readonly RouteContract[] = [
  {
    ...put,
    path: '/api/v1/vault',
    id: 'vaultPut',
    summary: 'Put content into the vault',
    description:
      'Streams in. When it is answered, the bytes are durable on this node and the entry is written. What is cut short leaves nothing.',
    example: { query: { name: 'greeting.json', pin: 'false' }, body: 'hello' },
  },
  {
    ...put,
    path: '/api/v1/vault/:hash',
    id: 'vaultPutByHash',
    summary: 'Put content of this hash into the vault',
    params: inPath,
    example: { ...example, query: { name: 'greeting.json' }, body: 'hello' },
  },
  {
    method: 'GET',
    path: '/api/v1/vault',
    id: 'vaultList',
    tag: 'vault',
    summary: 'List the objects of the vault',
    cost: 'read',
    query: Shape({
      limit: Maybe(Integer({ minimum: 1, maximum: 1000, default: 100, description: 'Objects on a page.' })),
      cursor: Maybe(cursor),
    }),
    answers: { 200: json('A page of them.', VaultPage.ref) },
    errors: [400, 421, 429, 503, 504],
    example: { query: { limit: 10 } },
  },
  {
    method: 'GET',
    path: '/api/v1/vault/status',
    id: 'vaultStatus',
    tag: 'vault',
    summary: 'What is in the vault, and what of it is here',
    cost: 'read',
    answers: { 200: json('The vault.', VaultState.ref) },
    errors: [421, 429],
    example: {},
  },
  {
    method: 'GET',
    path: '/api/v1/vault/:hash',
    id: 'vaultGet',
    tag: 'vault',
    summary: 'Read the content of an object, or a range of it',
    description: 'Browsers save it; no script in it can run in the origin of the node. It may be cached for good.',
    cost: 'content',
    params: inPath,
    query: Shape({ disposition: Maybe(word(['attachment', 'inline'], 'Default: attachment.')) }),
    headers: Shape({
      range: Maybe(Text({ description: 'One range of bytes.' })),
      'if-range': Maybe(Text({ description: 'The hash in quotes: the range holds for that content.' })),
      'if-none-match': Maybe(Text({ description: 'Hashes that the reader has: 304.' })),
    }),
    answers: {
      200: content,
      206: { ...content, description: 'The range.' },
      304: { description: 'The reader has it.' },
    },
    errors: [400, 404, 412, 416, 421, 429, 500, 503, 504],
    example,
  },
  {
    method: 'GET',
    path: '/api/v1/vault/:hash/about',
    id: 'vaultStat',
    tag: 'vault',
    summary: 'What is known of an object',
    cost: 'read',
    params: inPath,
    answers: { 200: json('The object.', VaultObject.ref) },
    errors: [400, 404, 421, 429, 503, 504],
    example,
  },
  {
    method: 'GET',
    path: '/api/v1/vault/:hash/holders',
    id: 'vaultHolders',
    tag: 'vault',
    summary: 'Which members have the bytes, asked now',
    cost: 'costly',
    params: inPath,
    answers: { 200: json('Those that answered.', Shape({ holders: List(VaultHolder.ref) })) },
    errors: [400, 404, 421, 429, 503, 504],
    example,
  },
  {
    method: 'GET',
    path: '/api/v1/vault/:hash/leaves',
    id: 'vaultLeaves',
    tag: 'vault',
    summary: 'The leaf hashes of the block tree, with which ranges are verified',
    cost: 'bulk',
    params: inPath,
    answers: {
      200: {
        description: '32 bytes for each block of 64 KiB, in order. They lead to `root` of the object.',
        type: 'application/octet-stream',
        schema: Text({ description: 'Bytes.' }),
      },
      206: {
        description: 'The range asked for.',
        type: 'application/octet-stream',
        schema: Text({ description: 'Bytes.' }),
      },
      304: { description: 'The reader has them.' },
    },
    errors: [400, 404, 412, 416, 421, 429, 503, 504],
    example,
  },
  {
    method: 'POST',
    path: '/api/v1/vault/:hash/pin',
    id: 'vaultPin',
    tag: 'vault',
    summary: 'Pin an object: nodes of the policy `pinned` keep it too',
    token: true,
    access: 'write',
    cost: 'write',
    params: inPath,
    answers: { 200: json('The object.', VaultObject.ref) },
    errors: [400, 401, 404, 421, 429, 503, 504, 507],
    example,
  },
  {
    method: 'POST',
    path: '/api/v1/vault/:hash/unpin',
    id: 'vaultUnpin',
    tag: 'vault',
    summary: 'Take the pin of an object away',
    token: true,
    access: 'write',
    cost: 'write',
    params: inPath,
    answers: { 200: json('The object.', VaultObject.ref) },
    errors: [400, 401, 404, 421, 429, 503, 504, 507],
    example,
  },
  {
    method: 'POST',
    path: '/api/v1/vault/:hash/fetch',
    id: 'vaultFetch',
    tag: 'vault',
    summary: 'Fetch the bytes of an object from other members, whatever the policy is',
    description: 'Answers when they are here, or after 20 s while the fetch goes on; ask again to wait for more.',
    token: true,
    cost: 'costly',
    params: inPath,
    answers: { 200: json('Here whole.', VaultObject.ref), 202: json('Under way.', VaultObject.ref) },
    errors: [400, 401, 404, 421, 429, 503, 504, 507],
    example,
  },
  {
    method: 'POST',
    path: '/api/v1/vault/verify',
    id: 'vaultVerify',
    tag: 'vault',
    summary: 'Read and check the bytes that are here',
    description:
      'Answers a line of JSON for each object as it is checked, and a last one with `done`. After each 16 MiB of a large object a line tells how far its reading is. It ends when the client leaves.',
    token: true,
    cost: 'costly',
    query: Shape({ hash: Maybe(hash) }),
    answers: { 200: { description: 'Lines.', type: 'application/x-ndjson', schema: VaultCheck.ref } },
    errors: [400, 401, 404, 421, 429, 503],
    example: { query: example.params },
  },
  {
    method: 'POST',
    path: '/api/v1/vault/gc',
    id: 'vaultGc',
    tag: 'vault',
    summary: 'Remove the bytes that nothing names any more',
    description: 'Bytes stay for a day after the last name, and while a value names them as `{"$vault": "<hash>"}`.',
    token: true,
    cost: 'costly',
    query: Shape({ dryRun: Maybe(word(['true', 'false'], '`true`: only says what it would do.')) }),
    answers: { 200: json('What it did.', VaultCollection.ref) },
    errors: [400, 401, 421, 429, 503, 504],
    example: { query: { dryRun: 'true' } },
  },
  {
    method: 'DELETE',
    path: '/api/v1/vault/:hash',
    id: 'vaultRemove',
    tag: 'vault',
    summary: 'Delete the entry of an object, so that no node keeps its bytes beyond the grace',
    token: true,
    access: 'write',
    cost: 'write',
    params: inPath,
    answers: { 204: { description: 'Deleted.' } },
    errors: [400, 401, 404, 421, 429, 503, 504, 507],
    example,
  },
];
