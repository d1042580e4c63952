import type { FastifyInstance } from 'fastify';
import type { VaultService } from '../../../runtime/facade/index.ts';
import type { Access } from '../../http/access.ts';
import type { BodyDeadlines } from '../../http/body-deadlines.ts';
import type { Clients } from '../../http/clients.ts';
import type { Costs } from '../../http/costs.ts';
import type { RouteContext } from '../../http/deps.ts';
import { createStreamSlots, VAULT_CHECKS, VAULT_DOWNLOADS, VAULT_UPLOADS } from '../../http/stream-slots.ts';
import { vaultContentRoutes } from './vault-content.ts';
import { vaultObjectRoutes } from './vault-objects.ts';
import { vaultVerifyRoutes } from './vault-verify.ts';

/** Everything under /api/v1/vault. A node without a vault does not have it. */
export function vaultRoutes(
  context: RouteContext,
  vault: VaultService | undefined,
  deps: {
    readonly clients: Clients;
    readonly access: Access;
    readonly costs: Costs;
    readonly deadlines: BodyDeadlines;
  },
) {
  const { clients, access, ...rest } = deps;
  return async (scope: FastifyInstance): Promise<void> => {
    if (vault === undefined) return;
    const uploads = createStreamSlots(clients, VAULT_UPLOADS);
    const downloads = createStreamSlots(clients, VAULT_DOWNLOADS);
    const checks = createStreamSlots(clients, VAULT_CHECKS);
    await scope.register(
      vaultContentRoutes(context, vault, { ...rest, checkToken: access.writeAll, uploads, downloads }),
    );
    await scope.register(vaultObjectRoutes(context, vault, access));
    await scope.register(vaultVerifyRoutes(context, vault, { ...rest, checkToken: access.operate, checks }));
  };
}
