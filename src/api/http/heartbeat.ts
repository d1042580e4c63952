import type { FastifyInstance } from 'fastify';
import { every } from '../../timing/index.ts';
import type { RouteContext } from './deps.ts';

/** Calls `beat` every `ms` until the server closes, because proxies and readers take a silent stream for a dead one. */
export function keepAlive(
  scope: FastifyInstance,
  { clock, log }: Pick<RouteContext, 'clock' | 'log'>,
  ms: number,
  beat: () => void,
): void {
  const beats = every(clock, ms, beat, { onError: (err) => log.error({ err }, 'a heartbeat of open streams failed') });
  scope.addHook('onClose', async () => beats.stop());
}
