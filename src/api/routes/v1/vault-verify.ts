import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { LatticeError } from '../../../core/types/index.ts';
import type { VaultService } from '../../../runtime/facade/index.ts';
import { type TokenCheck, tokenHook } from '../../http/access.ts';
import { type Costs, TARIFF } from '../../http/costs.ts';
import type { RouteContext } from '../../http/deps.ts';
import { type StreamSlots, untilClosed } from '../../http/stream-slots.ts';
import { known } from './vault-objects.ts';

const MIB = 1024 * 1024;

/**
 * POST /api/v1/vault/verify: a line of JSON for each object as soon as its bytes have been read, then the outcome. The
 * lines between, which tell how far the reading of a large object is, keep the connection open.
 */
export function vaultVerifyRoutes(
  { inTime, log }: RouteContext,
  vault: VaultService,
  deps: { readonly checkToken: TokenCheck; readonly costs: Costs; readonly checks: StreamSlots },
) {
  const { checkToken, costs, checks } = deps;

  async function* lines(request: FastifyRequest, hash: string | undefined): AsyncGenerator<string> {
    const sum = { objects: 0, bytes: 0, faults: 0 };
    let error: string | undefined;
    try {
      let charged = 0;
      const charge = (read: number): void => {
        costs.charge(request, ((read - charged) / MIB) * TARIFF.content.msPerMiB);
        charged = read;
      };
      for await (const line of vault.verify(hash)) {
        if ('reading' in line) charge(line.read);
        else {
          charge(line.size);
          charged = 0;
          sum.objects++;
          sum.bytes += line.size;
          if (line.fault !== undefined) sum.faults++;
        }
        yield `${JSON.stringify(line)}\n`;
      }
    } catch (cause) {
      // The status has gone out already, so that the last line tells it.
      error = cause instanceof LatticeError ? cause.message : 'the check failed; the log of the node says why';
      log.error({ err: cause, request: request.id }, 'a check of the vault failed');
    }
    yield `${JSON.stringify({ done: true, ...sum, error })}\n`;
  }

  return async (scope: FastifyInstance): Promise<void> => {
    scope.post('/api/v1/vault/verify', tokenHook(checkToken), async (request, reply) => {
      const { hash } = request.query as { readonly hash?: string };
      if (hash !== undefined) await inTime(known(vault, hash));
      untilClosed(reply, checks.take(request));
      return reply
        .header('cache-control', 'no-store')
        .header('x-accel-buffering', 'no')
        .type('application/x-ndjson')
        .send(Readable.from(lines(request, hash), { objectMode: false }));
    });
  };
}
