import { Type } from 'typebox';
import { json, type RouteContract, word } from './describe.ts';
import {
  anyJson,
  Certificate,
  Committed,
  Conflict,
  Cut,
  cursor,
  Entry,
  EntryPage,
  Evidence,
  ExportBegin,
  ExportEnd,
  History,
  hex64,
  limit,
  Operation,
  Proof,
  WrittenEntry,
} from './entities.ts';
import { Floor } from './floor-entities.ts';
import { wantedEnd } from './wanted-end.ts';

const { Array: List, Integer, Object: Shape, Optional: Maybe, String: Text } = Type;

const key = Text({ minLength: 1, description: 'The key.' });
const keyInPath = Shape({
  key: Text({ description: 'The key, percent-encoded. Keys that paths cannot carry go into the query.' }),
});
const etag = { etag: Text({ description: 'The version in quotes.' }) };

const readConditions = {
  'if-match': Maybe(Text({ description: 'Versions that the reader wants: 412 when none is current.' })),
  'if-none-match': Maybe(Text({ description: 'Versions that the reader has: 304 when one is current.' })),
};
const writeConditions = {
  'if-match': Maybe(Text({ description: 'Versions, or `*`: writes only where one is current.' })),
  'if-none-match': Maybe(
    Text({ description: '`*`: writes only where the key has no value. Versions: only where none is current.' }),
  ),
};
const idempotency = {
  'idempotency-key': Maybe(
    Text({
      minLength: 1,
      maxLength: 128,
      pattern: '^[!-~]+$',
      description: 'The same request under the same key is done once and answered alike for 24 hours.',
    }),
  ),
};
/** What a write may wait for after it is durable on the node. */
const receipt = {
  replicas: Maybe(
    Integer({
      minimum: 1,
      maximum: 255,
      description: 'Other writers that are to have signed that it is durable there.',
    }),
  ),
  certified: Maybe(word(['true', 'false'], 'Wait for a certified cut that holds it.')),
  complete: Maybe(word(['true', 'false'], 'Wait for a complete cut that holds it: then it is final.')),
  timeout: Maybe(
    Text({
      pattern: '^(?:[1-9][0-9]{0,4}ms|[1-9]s|[1-5][0-9]s|60s)$',
      description: 'How long it waits at most: `500ms`, `5s`, up to `60s`. Default: 5s, or 30s for cuts.',
    }),
  ),
};
const late = 'Durable on this node; not all that was asked for has come in time. `receipt` says what has.';
const replayed = {
  'idempotent-replayed': Text({ description: '`true` when an earlier request under this key wrote it.' }),
};
const writeErrors = [400, 401, 409, 412, 413, 415, 421, 422, 429, 503, 504, 507] as const;
const written = { ...etag, ...replayed };

const putAnswers = {
  200: json('Replaced.', WrittenEntry.ref, written),
  201: json('Created.', WrittenEntry.ref, { ...written, location: Text() }),
  202: json(late, WrittenEntry.ref, written),
};
const deleteAnswers = {
  200: json('Deleted, and all that was asked for has come.', Committed.ref, replayed),
  202: json(late, Committed.ref, replayed),
  204: { description: 'Deleted.', headers: replayed },
};
const getAnswers = { 200: json('The entry.', Entry.ref, etag), 304: { description: 'The reader has it.' } };
const at = Maybe(word(['cut'], '`cut`: at the newest certified cut, with its certificate.'));
const from = Maybe(hex64('Hash of the roster that the verifier keeps. Default: from the configured list.'));

/** The routes of entries, commits, histories, conflicts, proofs and cuts. */
export const STATE_ROUTES: readonly RouteContract[] = [
  {
    method: 'GET',
    path: '/api/v1/state/:key',
    id: 'getEntry',
    tag: 'state',
    summary: 'Read an entry',
    cost: 'read',
    params: keyInPath,
    headers: Shape(readConditions),
    answers: getAnswers,
    errors: [400, 404, 412, 421, 429, 504],
    example: { params: { key: 'greeting' } },
  },
  {
    method: 'PUT',
    path: '/api/v1/state/:key',
    id: 'putEntry',
    tag: 'state',
    summary: 'Write an entry',
    description: 'Durable on this node when it is answered, and elsewhere where the query asks for that.',
    token: true,
    access: 'write',
    cost: 'write',
    params: keyInPath,
    query: Shape({ ...wantedEnd, ...receipt }),
    headers: Shape({ ...writeConditions, ...idempotency }),
    body: anyJson,
    answers: putAnswers,
    errors: writeErrors,
    example: { params: { key: 'greeting' }, body: { text: 'hello' } },
  },
  {
    method: 'DELETE',
    path: '/api/v1/state/:key',
    id: 'deleteEntry',
    tag: 'state',
    summary: 'Delete an entry',
    token: true,
    access: 'write',
    cost: 'write',
    params: keyInPath,
    query: Shape(receipt),
    headers: Shape({ ...writeConditions, ...idempotency }),
    answers: deleteAnswers,
    errors: [...writeErrors, 404],
    example: { params: { key: 'greeting' } },
  },
  {
    method: 'GET',
    path: '/api/v1/state',
    id: 'listEntries',
    tag: 'state',
    summary: 'List entries by prefix, or read one by ?key=',
    description:
      'With `key` it answers as GET /api/v1/state/{key} does. While there is a cursor there may be more, also after a ' +
      'page without entries: whole pages of keys may have been deleted.',
    cost: 'read',
    query: Shape({
      key: Maybe(key),
      prefix: Maybe(Text({ description: 'What the keys begin with.' })),
      limit,
      cursor: Maybe(cursor),
    }),
    headers: Shape(readConditions),
    answers: {
      200: json('A page of entries, or the entry of `key`.', Type.Union([EntryPage.ref, Entry.ref])),
      304: { description: 'The reader has it.' },
    },
    errors: [400, 404, 412, 421, 429, 504],
    example: { query: { prefix: 'gree', limit: 10 } },
  },
  {
    method: 'GET',
    path: '/api/v1/export',
    id: 'exportState',
    tag: 'state',
    summary: 'All entries as of one moment',
    description:
      'Streamed as NDJSON: a line that names the moment, a line for each entry in no order, and a line that counts ' +
      'them. Without that last line it is not whole.',
    cost: 'read',
    query: Shape({ prefix: Maybe(Text({ description: 'What the keys begin with.' })) }),
    answers: {
      200: {
        description: 'The lines.',
        type: 'application/x-ndjson',
        schema: Type.Union([ExportBegin.ref, Entry.ref, ExportEnd.ref]),
      },
    },
    errors: [400, 421, 429, 503, 504],
    example: { query: { prefix: 'gree' } },
  },
  {
    method: 'PUT',
    path: '/api/v1/state',
    id: 'putEntryByQuery',
    tag: 'state',
    summary: 'Write an entry whose key paths cannot carry',
    token: true,
    access: 'write',
    cost: 'write',
    query: Shape({ key, ...wantedEnd, ...receipt }),
    headers: Shape({ ...writeConditions, ...idempotency }),
    body: anyJson,
    answers: putAnswers,
    errors: writeErrors,
    example: { query: { key: 'a/../b' }, body: 1 },
  },
  {
    method: 'DELETE',
    path: '/api/v1/state',
    id: 'deleteEntryByQuery',
    tag: 'state',
    summary: 'Delete an entry whose key paths cannot carry',
    token: true,
    access: 'write',
    cost: 'write',
    query: Shape({ key, ...receipt }),
    headers: Shape({ ...writeConditions, ...idempotency }),
    answers: deleteAnswers,
    errors: [...writeErrors, 404],
    example: { query: { key: 'greeting' } },
  },
  {
    method: 'POST',
    path: '/api/v1/commits',
    id: 'commit',
    tag: 'state',
    summary: 'Write several entries at once: all or none',
    token: true,
    access: 'write',
    cost: 'write',
    query: Shape(receipt),
    headers: Shape(idempotency),
    body: Shape(
      { operations: List(Operation.ref, { minItems: 1, maxItems: 256, description: 'Each key once; 64 KiB in all.' }) },
      { additionalProperties: false },
    ),
    answers: { 201: json('Durable.', Committed.ref, replayed), 202: json(late, Committed.ref, replayed) },
    errors: [...writeErrors, 404],
    example: { body: { operations: [{ op: 'put', key: 'greeting', value: 'hello' }] } },
  },
  {
    method: 'GET',
    path: '/api/v1/history/:key',
    id: 'getHistory',
    tag: 'state',
    summary: 'What was shown under a key',
    cost: 'costly',
    params: keyInPath,
    query: Shape({ limit, cursor: Maybe(cursor) }),
    answers: { 200: json('A page of it.', History.ref) },
    errors: [400, 421, 429, 503, 504],
    example: { params: { key: 'greeting' }, query: { limit: 10 } },
  },
  {
    method: 'GET',
    path: '/api/v1/history',
    id: 'getHistoryByQuery',
    tag: 'state',
    summary: 'What was shown under a key that paths cannot carry',
    cost: 'costly',
    query: Shape({ key, limit, cursor: Maybe(cursor) }),
    answers: { 200: json('A page of it.', History.ref) },
    errors: [400, 421, 429, 503, 504],
    example: { query: { key: 'greeting' } },
  },
  {
    method: 'GET',
    path: '/api/v1/conflicts',
    id: 'listConflicts',
    tag: 'state',
    summary: 'Keys with concurrent writes',
    cost: 'read',
    query: Shape({ limit, cursor: Maybe(cursor) }),
    answers: { 200: json('A page of them.', Shape({ conflicts: List(Conflict.ref), cursor: Maybe(cursor) })) },
    errors: [400, 421, 429, 504],
    example: { query: { limit: 10 } },
  },
  {
    method: 'GET',
    path: '/api/v1/proof/:key',
    id: 'getProof',
    tag: 'proofs and cuts',
    summary: 'Prove an entry, or its absence',
    description: 'Checked offline with `lattice proof verify`. A proof at a cut costs more and has a limit of its own.',
    cost: 'read',
    extraMs: 1,
    params: keyInPath,
    query: Shape({ at, from }),
    answers: { 200: json('The proof.', Proof.ref) },
    errors: [400, 404, 409, 421, 429, 503, 504],
    example: { params: { key: 'greeting' } },
  },
  {
    method: 'GET',
    path: '/api/v1/proof',
    id: 'getProofByQuery',
    tag: 'proofs and cuts',
    summary: 'Prove an entry whose key paths cannot carry',
    cost: 'read',
    extraMs: 1,
    query: Shape({ key, at, from }),
    answers: { 200: json('The proof.', Proof.ref) },
    errors: [400, 404, 409, 421, 429, 503, 504],
    example: { query: { key: 'greeting' } },
  },
  {
    method: 'GET',
    path: '/api/v1/evidence',
    id: 'listEvidence',
    tag: 'proofs and cuts',
    summary: 'What keys signed twice',
    description: 'Checked offline with `lattice evidence verify`.',
    cost: 'read',
    answers: { 200: json('At most 8 of an author.', Shape({ items: List(Evidence.ref) })) },
    errors: [421, 429],
    example: {},
  },
  {
    method: 'GET',
    path: '/api/v1/cuts',
    id: 'listCuts',
    tag: 'proofs and cuts',
    summary: 'The newest cuts',
    cost: 'read',
    answers: { 200: json('Newest first, at most 64.', Shape({ items: List(Cut.ref) })) },
    errors: [421, 429],
    example: {},
  },
  {
    method: 'GET',
    path: '/api/v1/floor',
    id: 'getFloor',
    tag: 'proofs and cuts',
    summary: 'Where the floor stands, who holds it, and how far what is dead has left the state',
    description: 'The floor is the newest cut that all writers attested alike.',
    cost: 'read',
    answers: { 200: json('The floor.', Floor.ref) },
    errors: [421, 429],
    example: {},
  },
  {
    method: 'GET',
    path: '/api/v1/cuts/certificate',
    id: 'getCertificate',
    tag: 'proofs and cuts',
    summary: 'The quorum certificate of a cut',
    cost: 'read',
    query: Shape({
      at: Maybe(Integer({ minimum: 0, description: 'Unix ms of the cut. Default: the newest certified one.' })),
      from,
    }),
    answers: { 200: json('The certificate.', Certificate.ref) },
    errors: [400, 404, 421, 429],
    example: {},
  },
];
