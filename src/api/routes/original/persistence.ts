import type { FastifyInstance } from 'fastify';
import type { Lattice } from '../../../runtime/facade/index.ts';
import type { Timers } from '../../../timing/index.ts';
import type { RouteContext } from '../../http/deps.ts';
import { auditStatsText } from './audit.ts';
import { ownKeyCount } from './own-keys.ts';
import type { OriginalVault } from './vault.ts';

/**
 * Runs one check of the whole store at a time, and answers everyone who asks meanwhile with its outcome. The outcome is
 * kept for as long as the check took, so that checks, which read the whole store, take at most half of the node's time.
 */
function createIntegrityCheck(lattice: Lattice, clock: Timers): () => ReturnType<Lattice['verifyIntegrity']> {
  let current: ReturnType<Lattice['verifyIntegrity']> | undefined;
  return () => {
    if (current !== undefined) return current;
    const from = performance.now();
    const check = lattice.verifyIntegrity().finally(() => {
      clock.after(performance.now() - from, () => {
        current = undefined;
      });
    });
    current = check;
    return check;
  };
}

/**
 * What the original keeps beside the state, without its vault, its executions and its attacks.
 */
export function persistenceRoutes({ lattice, clock, log, inTime }: RouteContext, vault: OriginalVault) {
  const checkIntegrity = createIntegrityCheck(lattice, clock);

  return async (scope: FastifyInstance): Promise<void> => {
    scope.get('/api/persistence/merkle-root', async () => {
      const { root, live } = lattice.root();
      const total = ownKeyCount(lattice, live);
      return { success: true, merkle_root: root, total_accounts: total, message: 'Current Merkle root of the state' };
    });

    scope.get('/api/persistence/integrity', async () => {
      try {
        const { valid, root, recomputed, fault } = await inTime(checkIntegrity());
        return {
          success: true,
          is_valid: valid,
          status: valid ? 'VALID' : 'CORRUPTED',
          merkle_root: root,
          message: valid
            ? 'The root recomputed from the store is the current root, and every value leads to it'
            : (fault ?? `The store gives another root: ${recomputed}`),
        };
      } catch (cause) {
        log.error({ err: cause }, 'integrity check failed');
        return {
          success: false,
          is_valid: false,
          status: 'ERROR',
          merkle_root: lattice.root().root,
          message: 'The store could not be checked; the log of the node says why',
        };
      }
    });

    scope.get('/api/persistence/stats', async (_request, reply) => {
      const [stats, { rows }] = await inTime(Promise.all([lattice.audit.stats(), vault.look()]));
      const { root } = lattice.root();
      return reply
        .header('content-type', 'application/json; charset=utf-8')
        .send(`{"success":true,${auditStatsText(stats)},"merkle_root":"${root}","total_bundles":${rows.size}}`);
    });
  };
}
