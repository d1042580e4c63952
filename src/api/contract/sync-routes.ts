import { Type } from 'typebox';
import type { RouteContract } from './describe.ts';

const { Object: Shape, Optional: Maybe, String: Text } = Type;

const cbor = { type: 'application/cbor', schema: Text({ description: 'Canonical CBOR; SPEC section X.' }) };

const pieceAnswers = {
  200: { description: 'Immutable.', ...cbor },
  206: { description: 'The range asked for.', ...cbor },
  304: { description: 'The reader has it.' },
};

/** The endpoints of the HTTP lung, by which nodes ask each other. */
export const SYNC_ROUTES: readonly RouteContract[] = [
  {
    method: 'GET',
    path: '/api/v1/sync/identity',
    id: 'syncIdentity',
    tag: 'sync protocol',
    summary: 'Who answers at a URL, proven by a signature',
    access: 'open',
    cost: 'read',
    query: Shape({
      nonce: Text({ pattern: '^[0-9a-fA-F]{32}$', description: '16 random bytes.' }),
      url: Text({ minLength: 1, maxLength: 2048, description: 'The URL asked at.' }),
    }),
    answers: { 200: { description: 'The signed identity.', ...cbor } },
    errors: [400, 421, 429],
    example: { query: { nonce: '000102030405060708090a0b0c0d0e0f', url: 'http://127.0.0.1:8000' } },
  },
  {
    method: 'POST',
    path: '/api/v1/sync',
    id: 'syncRequest',
    tag: 'sync protocol',
    summary: 'One signed request of a member, one signed answer',
    access: 'open',
    cost: 'free',
    // JSON Schema has no type for bytes.
    body: Type.Unsafe<Uint8Array>({ description: 'Canonical CBOR; SPEC section X.' }),
    bodyType: cbor.type,
    answers: { 200: { description: 'The signed answer.', ...cbor } },
    errors: [400, 401, 403, 413, 415, 421, 429, 504],
    example: {},
  },
  {
    method: 'GET',
    path: '/api/v1/sync/stream',
    id: 'syncStream',
    tag: 'sync protocol',
    summary: 'Push stream to a member',
    description: '`Authorization: Lattice <envelope>`. Frames of u32 length and that many bytes.',
    access: 'open',
    cost: 'free',
    answers: { 200: { description: 'A stream without end.', type: 'application/octet-stream', schema: Text() } },
    errors: [400, 401, 403, 421, 429, 504],
    example: {},
  },
  {
    method: 'GET',
    path: '/api/v1/sync/cells/:root',
    id: 'syncCells',
    tag: 'sync protocol',
    summary: 'Coded symbols of a certified cut',
    access: 'open',
    cost: 'bulk',
    params: Shape({ root: Text({ description: '64 hex digits.' }) }),
    answers: {
      200: { description: '21 bytes a cell, immutable.', type: 'application/octet-stream', schema: Text() },
      206: { description: 'The range asked for.', type: 'application/octet-stream', schema: Text() },
      304: { description: 'The reader has it.' },
    },
    errors: [400, 401, 403, 404, 412, 416, 421, 429],
    example: { params: { root: '00'.repeat(32) } },
  },
  {
    method: 'GET',
    path: '/api/v1/sync/cuts/:root/manifest',
    id: 'syncManifest',
    tag: 'sync protocol',
    summary: 'Manifest of a snapshot of a certified cut',
    description: 'Only where DIOTEC360_PUBLIC_SYNC is true; members ask by POST /api/v1/sync.',
    access: 'open',
    cost: 'bulk',
    params: Shape({ root: Text({ description: '64 hex digits.' }) }),
    answers: pieceAnswers,
    errors: [400, 404, 412, 416, 421, 429, 504],
    example: { params: { root: '00'.repeat(32) } },
  },
  {
    method: 'GET',
    path: '/api/v1/sync/cuts/:root/chunks/:index',
    id: 'syncChunk',
    tag: 'sync protocol',
    summary: 'One chunk of that snapshot',
    description: 'Only where DIOTEC360_PUBLIC_SYNC is true; members ask by POST /api/v1/sync.',
    access: 'open',
    cost: 'bulk',
    params: Shape({
      root: Text({ description: '64 hex digits.' }),
      index: Text({ description: 'Number of the chunk.' }),
    }),
    query: Shape({
      after: Maybe(Text({ pattern: '^[0-9a-f]{64}$', description: 'Key hash that the part before ended with.' })),
    }),
    answers: pieceAnswers,
    errors: [400, 404, 412, 416, 421, 429, 504],
    example: { params: { root: '00'.repeat(32), index: '0' } },
  },
];
