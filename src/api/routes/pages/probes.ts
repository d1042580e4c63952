import type { FastifyInstance } from 'fastify';
import type { Lattice } from '../../../runtime/facade/index.ts';
import type { NotReady, Ready } from '../../contract/node-entities.ts';

/** The routes of the probes, and what makes them say that the node stops. */
export interface Probes {
  readonly routes: (scope: FastifyInstance) => Promise<void>;
  /** Makes /readyz answer 503 from this call on. */
  stopping(): void;
}

type Reason = NotReady['reasons'][number];

/**
 * The reasons for which the node should get no requests. Empty when it is ready. The check of what is stored is none:
 * every entry is held against the tree before it is shown or built on, and the root of that tree was compared with the
 * stored one before anything was served (SPEC N2, N12). Nor is that the node is a mirror, which is there for readers.
 */
function reasonsAgainst(lattice: Lattice): Reason[] {
  const { readOnlyReasons, writesWait, bootstrap } = lattice.status();
  const reasons: Reason[] = readOnlyReasons.filter(({ code }) => code !== 'mirror');
  if (writesWait === true) {
    reasons.push({
      code: 'opening',
      text: "writes wait, for some seconds after the start, until own history and clock are compared with the others'",
    });
  }
  if (bootstrap !== undefined && (bootstrap.phase === 'manifest' || bootstrap.phase === 'chunks')) {
    reasons.push({ code: 'bootstrap', text: 'the state is being fetched from peers' });
  }
  return reasons;
}

/** What does not keep a node from being ready, and should be seen where somebody looks at its readiness. */
function notesOn(lattice: Lattice): Ready['notes'] {
  const { p2p, readOnlyReasons } = lattice.status();
  const { enabled, state, error = '' } = p2p;
  const notes: NonNullable<Ready['notes']> = [];
  if (readOnlyReasons.some(({ code }) => code === 'mirror'))
    notes.push({ code: 'mirror', text: 'this node is a mirror, and takes no writes' });
  if (enabled && state === 'failed') notes.push({ code: 'p2p', text: `P2P does not run, HTTP carries on: ${error}` });
  return notes.length === 0 ? undefined : notes;
}

const STOPPING: Reason = { code: 'stopping', text: 'the node is stopping' };

/** /livez and /readyz, for load balancers and supervisors (SPEC A16). */
export function probeRoutes(lattice: Lattice): Probes {
  let stopping = false;
  return {
    stopping() {
      stopping = true;
    },
    async routes(scope) {
      scope.get('/livez', async (_request, reply) => reply.header('cache-control', 'no-store').send({ status: 'ok' }));
      scope.get('/readyz', async (_request, reply) => {
        const reasons = stopping ? [STOPPING] : reasonsAgainst(lattice);
        reply.header('cache-control', 'no-store');
        if (reasons.length === 0) {
          const notes = notesOn(lattice);
          return { status: 'ready', ...(notes === undefined ? {} : { notes }) };
        }
        return reply.code(503).send({ status: 'not-ready', reasons });
      });
    },
  };
}
