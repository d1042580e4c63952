import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { LatticeError } from '../../../core/types/index.ts';
import type { ProofDocument } from '../../../runtime/facade/index.ts';
import type { Costs } from '../../http/costs.ts';
import type { RouteContext } from '../../http/deps.ts';
import { ownKeyCount } from './own-keys.ts';

/** What each proof costs, in ms of the event loop, as a proof by itself does. */
const PROOF_MS = 1;
/** Bytes of proofs at which an answer ends. */
const MAX_PROOF_BYTES = 1024 * 1024;

/** Sends the whole state, as `/api/lattice/state` does. */
export type SendState = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>;

function badPath(loc: string, msg: string): object {
  return { detail: [{ loc: ['path', loc], msg, type: 'value_error' }] };
}

/**
 * The sync endpoints that the original's design names and its code never had (SPEC Q9). Its height is the local
 * sequence of this node: the number of its durable batches.
 */
export function syncAliasRoutes({ lattice, inTime }: RouteContext, costs: Costs, sendState: SendState) {
  return async (scope: FastifyInstance): Promise<void> => {
    scope.get('/sync/merkle-root', async () => {
      const { root, live, sequence } = lattice.root();
      return { success: true, merkle_root: root, height: sequence, total_accounts: ownKeyCount(lattice, live) };
    });

    scope.get('/sync/peers', async () => {
      const peers = lattice.peers().flatMap(({ url, peerId, http }) => {
        if (url === undefined) return [];
        return { url, peer_id: peerId ?? null, reachable: http.reachable };
      });
      return { success: true, peers, count: peers.length };
    });

    scope.head('/sync/snapshot/:height', async (_request, reply) =>
      reply.header('content-type', 'application/json; charset=utf-8').send(),
    );
    scope.get<{ Params: { height: string } }>(
      '/sync/snapshot/:height',
      { exposeHeadRoute: false },
      async (request, reply) => {
        const { height } = request.params;
        if (height !== 'latest' && !/^\d{1,15}$/.test(height))
          return reply.code(422).send(badPath('height', 'height must be a whole number or latest'));
        const { sequence } = lattice.root();
        if (height !== 'latest' && Number(height) > sequence)
          return reply.code(404).send({ detail: `This node is at height ${sequence}` });
        return sendState(request, reply);
      },
    );

    scope.get<{ Params: { range: string } }>('/sync/proofs/:range', async (request, reply) => {
      const asked = rangeOf(request.params.range, request.raw.url ?? '');
      if (asked === undefined)
        return reply.code(422).send(badPath('range', 'range must be two heights, as in 1-20, with ?skip= or without'));
      const { sequence } = lattice.root();
      if (asked.from > sequence) return reply.code(404).send({ detail: `This node is at height ${sequence}` });
      try {
        return await inTime(proofs(request, asked));
      } catch (cause) {
        if (!(cause instanceof LatticeError) || cause.code !== 'cursor-lost') throw cause;
        return reply.code(410).send({ detail: cause.message, code: cause.code, next: cause.next });
      }
    });
  };

  /** Proofs of what changed in the range, as many as fit, and the path of those that do not. */
  async function proofs(request: FastifyRequest, { from, to, skip }: HeightRange): Promise<object> {
    const { root, sequence } = lattice.root();
    const changed = await lattice.changedIn(from, to, skip);
    costs.charge(request, changed.changes.length * PROOF_MS);
    let { next } = changed;
    const found: ProofDocument[] = [];
    let bytes = 0;
    for (const change of changed.changes) {
      const proof = await lattice.prove(change.key);
      bytes += JSON.stringify(proof).length;
      if (found.length > 0 && bytes > MAX_PROOF_BYTES) {
        next = change;
        break;
      }
      found.push(proof);
    }
    return {
      success: true,
      merkle_root: root,
      height: sequence,
      from,
      to: changed.to,
      proofs: found,
      count: found.length,
      next: next === undefined ? null : `/sync/proofs/${next.sequence}-${changed.to}?skip=${next.place}`,
    };
  }
}

interface HeightRange {
  readonly from: number;
  readonly to: number;
  readonly skip: number;
}

/** The heights of `<from>-<to>`, or of one alone, and how many changes of the first are passed over. */
function rangeOf(range: string, url: string): HeightRange | undefined {
  const match = /^(\d{1,15})(?:-(\d{1,15}))?$/.exec(range);
  const from = Number(match?.[1]);
  const to = Number(match?.[2] ?? match?.[1]);
  const skip = new URLSearchParams(url.includes('?') ? url.slice(url.indexOf('?')) : '').get('skip') ?? '0';
  return match === null || from < 1 || to < from || !/^\d{1,9}$/.test(skip)
    ? undefined
    : { from, to, skip: Number(skip) };
}
