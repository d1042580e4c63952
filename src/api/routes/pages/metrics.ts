import type { FastifyInstance } from 'fastify';
import type { RouteContext } from '../../http/deps.ts';
import { queryOf } from '../../http/requests.ts';
import type { MetricsSource, ResourceSource } from '../../http/sources.ts';
import { gaugesOf } from './gauges.ts';

/** GET /metrics for Prometheus. Scrapes at the same time share one page, so that many cost as much as one. */
export function metricsRoutes(
  { lattice, log, inTime }: RouteContext,
  metrics: MetricsSource,
  resources: ResourceSource | undefined,
) {
  let page: Promise<string> | undefined;

  async function write(): Promise<string> {
    const machine = await resources?.().catch((error: unknown) => {
      log.warn({ error: String(error) }, 'machine figures are missing from the metrics');
      return undefined;
    });
    return await metrics.render(gaugesOf(lattice.status(), lattice.peers(), machine));
  }

  return async (scope: FastifyInstance): Promise<void> => {
    scope.get('/metrics', async (request, reply) => {
      queryOf(request, []);
      page ??= write().finally(() => {
        page = undefined;
      });
      const text = await inTime(page);
      return reply.header('content-type', metrics.contentType).header('cache-control', 'no-store').send(text);
    });
  };
}
