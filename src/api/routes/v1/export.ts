import type { FastifyInstance } from 'fastify';
import { type Costs, TARIFF } from '../../http/costs.ts';
import type { RouteContext } from '../../http/deps.ts';
import type { DocumentForm, Moment, StateDownloads } from '../../http/state-downloads.ts';

/**
 * GET /api/v1/export: the live entries as of one moment as NDJSON, with a line before them that names the moment and a
 * line after them that counts them (SPEC A26).
 */
export function exportRoutes({ lattice }: RouteContext, costs: Costs, downloads: StateDownloads) {
  function formOf(prefix: string): (moment: Moment) => DocumentForm {
    return ({ root, live }) => {
      const { network, now } = lattice.status();
      return {
        head: `${JSON.stringify({ export: 1, network, root, live, at: now, prefix })}\n`,
        entry: (view) => `${JSON.stringify(view)}\n`,
        tail: (written) => `${JSON.stringify({ end: true, entries: written })}\n`,
      };
    };
  }

  return async (scope: FastifyInstance): Promise<void> => {
    scope.get('/api/v1/export', { exposeHeadRoute: false }, (request, reply) => {
      const { prefix = '' } = request.query as { readonly prefix?: string };
      // What begins with a prefix is found by the list of keys; all entries are found by reading the whole store.
      if (prefix === '') costs.charge(request, TARIFF.costly.ms - TARIFF.read.ms);
      const prepare = (): void => {
        reply.header('content-type', 'application/x-ndjson; charset=utf-8').header('cache-control', 'no-store');
      };
      return downloads.send(request, reply, formOf(prefix), prepare, prefix);
    });
  };
}
