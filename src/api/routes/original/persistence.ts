import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Lattice } from '../../../runtime/facade/index.ts';
import type { Timers } from '../../../timing/index.ts';
import type { RouteContext } from '../../http/deps.ts';
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

/** The original's error form when `limit` is no integer; undefined when it is one, or absent. */
function limitProblem(request: FastifyRequest): object | undefined {
  const url = request.raw.url ?? '';
  const limit = new URLSearchParams(url.includes('?') ? url.slice(url.indexOf('?')) : '').get('limit');
  if (limit === null || /^[+-]?\d{1,18}$/.test(limit)) return undefined;
  return { detail: [{ loc: ['query', 'limit'], msg: 'limit must be an integer', type: 'int_parsing' }] };
}

/**
 * What the original keeps beside the state, its vault excepted. The lists of executions and attacks are empty, because
 * the judge that records them in the original is no part of this node.
 */
export function persistenceRoutes({ lattice, clock, log, inTime }: RouteContext, vault: OriginalVault) {
  const checkIntegrity = createIntegrityCheck(lattice, clock);

  return async (scope: FastifyInstance): Promise<void> => {
    scope.get('/api/persistence/merkle-root', async () => {
      const { root, live } = lattice.root();
      return { success: true, merkle_root: root, total_accounts: live, message: 'Current Merkle root of the state' };
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

    scope.get('/api/persistence/stats', async () => ({
      success: true,
      executions: { total_executions: 0, status_breakdown: {}, avg_execution_time_ms: 0 },
      attacks: { total_attacks_blocked: 0, attack_type_breakdown: {}, layer_breakdown: {} },
      merkle_root: lattice.root().root,
      total_bundles: (await inTime(vault.look())).rows.size,
    }));

    for (const what of ['executions', 'attacks']) {
      scope.get(`/api/persistence/${what}`, async (request, reply) => {
        const problem = limitProblem(request);
        return problem === undefined ? { success: true, [what]: [], count: 0 } : reply.code(422).send(problem);
      });
    }
  };
}
