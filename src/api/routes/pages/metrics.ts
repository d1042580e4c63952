import type { FastifyInstance } from 'fastify';
import type { Lattice } from '../../../runtime/facade/index.ts';
import type { ApiLog, RouteContext } from '../../http/deps.ts';
import { queryOf } from '../../http/requests.ts';
import type { MetricsSource, ResourceSource } from '../../http/sources.ts';
import { gaugesOf } from './gauges.ts';

/** Writes the page of metrics as of the present. Figures of the machine that cannot be read are left out. */
export async function metricsText(deps: {
  readonly lattice: Pick<Lattice, 'status' | 'peers'>;
  readonly metrics: Pick<MetricsSource, 'render'>;
  readonly resources: ResourceSource | undefined;
  readonly log: Pick<ApiLog, 'warn'>;
}): Promise<string> {
  const { lattice, metrics, resources, log } = deps;
  const machine = await resources?.().catch((error: unknown) => {
    log.warn({ error: String(error) }, 'machine figures are missing from the metrics');
    return undefined;
  });
  return await metrics.render(gaugesOf(lattice.status(), lattice.peers(), machine));
}

/** GET /metrics for Prometheus. Scrapes at the same time share one page, so that many cost as much as one. */
export function metricsRoutes(
  { lattice, log, inTime }: RouteContext,
  metrics: MetricsSource,
  resources: ResourceSource | undefined,
) {
  let page: Promise<string> | undefined;

  return async (scope: FastifyInstance): Promise<void> => {
    scope.get('/metrics', async (request, reply) => {
      queryOf(request, []);
      page ??= metricsText({ lattice, metrics, resources, log }).finally(() => {
        page = undefined;
      });
      const text = await inTime(page);
      return reply.header('content-type', metrics.contentType).header('cache-control', 'no-store').send(text);
    });
  };
}
