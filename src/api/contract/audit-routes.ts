import { Type } from 'typebox';
import { AuditRecord, AuditView, auditKind } from './audit-entities.ts';
import { json, type RouteContract } from './describe.ts';
import { cursor } from './entities.ts';

const { Array: List, Integer, Object: Shape, Optional: Maybe } = Type;

/** The routes of executions and attacks. */
export const AUDIT_ROUTES: readonly RouteContract[] = [
  {
    method: 'POST',
    path: '/api/v1/audit/records',
    id: 'addAuditRecords',
    tag: 'node',
    summary: 'Add executions and attacks',
    description: 'All or none of them are added. They belong to this node: other nodes are not told of them.',
    token: true,
    access: 'write',
    cost: 'write',
    body: Shape({ records: List(AuditRecord.ref, { minItems: 1, maxItems: 256 }) }, { additionalProperties: false }),
    answers: {
      200: json(
        'Durable on this node.',
        Shape({
          added: Integer(),
          known: Integer({ description: 'How many were there already, with the same rows.' }),
        }),
      ),
    },
    errors: [400, 401, 409, 413, 415, 421, 429, 503, 504, 507],
    example: {
      body: {
        records: [
          {
            kind: 'execution',
            id: 'tx-1',
            row: {
              tx_id: 'tx-1',
              intent_name: 'transfer',
              status: 'PROVED',
              timestamp: 1_770_585_433.05,
              elapsed_ms: 45.2,
            },
          },
        ],
      },
    },
  },
  {
    method: 'GET',
    path: '/api/v1/audit/records',
    id: 'listAuditRecords',
    tag: 'node',
    summary: 'List executions or attacks, newest first',
    cost: 'read',
    query: Shape({
      kind: auditKind,
      limit: Maybe(Integer({ minimum: 1, maximum: 1000, default: 100, description: 'Items on a page.' })),
      cursor: Maybe(cursor),
    }),
    answers: {
      200: json('A page.', Shape({ records: List(AuditView.ref), cursor: Maybe(cursor) })),
    },
    errors: [400, 421, 429, 503, 504],
    example: { query: { kind: 'execution', limit: 10 } },
  },
];
