import type { FastifyInstance } from 'fastify';
import type { AuditKind, AuditRecord, AuditView } from '../../../runtime/facade/index.ts';
import { type TokenCheck, tokenHook } from '../../http/access.ts';
import type { Costs } from '../../http/costs.ts';
import type { RouteContext } from '../../http/deps.ts';
import { createPageText } from '../../http/pages.ts';
import { acceptJson, jsonOf } from '../../http/requests.ts';

const PATH = '/api/v1/audit/records';
/** What each record costs, in ms of the event loop: it is checked, encoded, hashed and counted. */
const RECORD_MS = 0.1;

interface ListQuery {
  readonly kind: AuditKind;
  readonly limit: number;
  readonly cursor?: string;
}

/** Executions and attacks of this node (SPEC Q1): /api/v1/audit/records. */
export function auditRoutes({ lattice, inTime }: RouteContext, checkToken: TokenCheck, costs: Costs) {
  const withToken = tokenHook(checkToken);

  return async (scope: FastifyInstance): Promise<void> => {
    acceptJson(scope);

    scope.post(PATH, withToken, async (request) => {
      const { records } = jsonOf(request) as unknown as { records: AuditRecord[] };
      costs.charge(request, records.length * RECORD_MS);
      return inTime(lattice.audit.add(records));
    });

    scope.get(PATH, async (request, reply) => {
      const { kind, limit, cursor } = request.query as ListQuery;
      const text = createPageText<AuditView>();
      const page = await inTime(
        lattice.audit.list({ kind, limit, ...(cursor === undefined ? {} : { cursor }), fits: text.fits }),
      );
      return reply.type('application/json; charset=utf-8').send(text.finish('records', page.cursor));
    });
  };
}
