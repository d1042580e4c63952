import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Author, LatticeError } from '../../../core/types/index.ts';
import type {
  AuthoredView,
  ChangeAction,
  ChangeView,
  DisplacedView,
  MembershipService,
} from '../../../runtime/facade/index.ts';
import type { ChangeRequest, CleanRequest, InvitationRequest, JoinRequest } from '../../contract/member-entities.ts';
import { type TokenCheck, tokenHook } from '../../http/access.ts';
import type { RouteContext } from '../../http/deps.ts';
import { createPageText } from '../../http/pages.ts';
import { acceptJson, jsonOf } from '../../http/requests.ts';

/** Certificates of an answer. One of the largest rosters has some 60 KB, so that 16 of them stay near a megabyte. */
const MAX_CERTIFICATES = 16;
/** How long somebody may ask with an invitation, where nothing else is said. */
const DEFAULT_TTL_MS = 3_600_000;

interface ValuesQuery {
  readonly author: string;
  readonly since: number;
  readonly limit: number;
  readonly cursor?: string;
}

/** The fields that a request of each kind has beside `kind` and its optional ones. */
const FIELDS = {
  add: ['author', 'name', 'role'],
  promote: ['author'],
  retire: ['author'],
  rotate: ['author', 'to'],
  remove: ['author'],
  drop: ['author'],
  name: ['author', 'name'],
  settings: ['certify', 'retentionMs'],
} as const satisfies Record<ChangeRequest['kind'], readonly (keyof ChangeRequest)[]>;

/** The action that a body asks for. Throws LatticeError `invalid-body`, which names every field that is wrong. */
function actionOf(given: ChangeRequest): ChangeAction {
  const { kind } = given;
  const fields: readonly string[] = FIELDS[kind];
  const request: ChangeRequest = kind === 'add' ? { name: '', role: 'mirror', ...given } : given;
  const missing = fields.filter((field) => !(field in request));
  const strange = Object.keys(request).filter((field) => field !== 'kind' && !fields.includes(field));
  if (missing.length + strange.length > 0) {
    const errors = [
      ...missing.map((field) => ({ in: 'body', pointer: `#/${field}`, detail: 'is missing' })),
      ...strange.map((field) => ({ in: 'body', pointer: `#/${field}`, detail: `does not belong to ${kind}` })),
    ];
    throw new LatticeError('invalid-body', `a change of kind ${kind} has ${fields.join(', ')}`, {
      details: { errors },
    });
  }
  const { name = '', role = 'mirror', certify = 'majority', retentionMs = 0 } = request;
  const [author, to] = [request.author ?? '', request.to ?? ''] as [Author, Author];
  switch (kind) {
    case 'add':
      return { kind, author, name, role };
    case 'rotate':
      return { kind, author, to };
    case 'name':
      return { kind, author, name };
    case 'settings':
      return { kind, certify, retentionMs };
    case 'promote':
    case 'retire':
    case 'remove':
    case 'drop':
      return { kind, author };
  }
}

/** The change of this id, or of these first digits. Throws LatticeError `not-found`. */
function found(members: MembershipService, id: string): ChangeView {
  const [first, second] = members.changes().filter((change) => change.id.startsWith(id));
  if (first !== undefined && second === undefined) return first;
  throw new LatticeError(
    'not-found',
    first === undefined ? 'this node knows no such change' : 'several changes begin with these digits',
    { next: 'see them with lattice members changes; one that was just made takes a moment to reach every node' },
  );
}

/** /api/v1/members: the roster, its certificates, and changes of it. */
export function memberRoutes({ lattice, inTime, clock }: RouteContext, checkToken: TokenCheck) {
  const withToken = tokenHook(checkToken);
  const idOf = (request: FastifyRequest): string => (request.params as { readonly id: string }).id;
  const { members, invitations } = lattice;

  /** Waits until the change is settled, the time is over, or the client has gone. */
  async function settled(request: FastifyRequest, id: string, seconds: number): Promise<ChangeView> {
    const ending = new AbortController();
    const end = (): void => ending.abort();
    const late = clock.after(seconds * 1000, end);
    request.raw.socket.once('close', end);
    try {
      return await inTime(members.settled(id, ending.signal));
    } finally {
      late.cancel();
      request.raw.socket.off('close', end);
    }
  }

  return async (scope: FastifyInstance): Promise<void> => {
    acceptJson(scope);

    scope.get('/api/v1/members', async (_request, reply) =>
      reply.header('cache-control', 'no-cache').send(members.roster()),
    );

    scope.get('/api/v1/members/chain', async (request, reply) => {
      const { from } = request.query as { readonly from: number };
      const items = members
        .chain(from, MAX_CERTIFICATES)
        .map((certificate) => Buffer.from(certificate).toString('base64url'));
      return reply
        .header('cache-control', 'no-cache')
        .send({ epoch: members.roster().epoch, founders: members.founders(), from, items });
    });

    scope.get('/api/v1/members/values', async (request, reply) => {
      const { author, since, limit, cursor } = request.query as ValuesQuery;
      const text = createPageText<AuthoredView>();
      const after = cursor === undefined ? {} : { cursor };
      const page = await inTime(lattice.writtenBy(author, { since, limit, ...after, fits: text.fits }));
      return reply.type('application/json; charset=utf-8').send(text.finish('values', page.cursor));
    });

    scope.post('/api/v1/members/clean', withToken, async (request, reply) => {
      const { author, ...wish } = jsonOf(request) as unknown as CleanRequest;
      return reply.header('cache-control', 'no-store').send(await inTime(lattice.clean(author, wish)));
    });

    scope.get('/api/v1/members/changes', async (_request, reply) =>
      reply.header('cache-control', 'no-cache').send({ items: members.changes() }),
    );

    scope.get('/api/v1/members/displaced', async (request, reply) => {
      const { limit, cursor } = request.query as { readonly limit: number; readonly cursor?: string };
      const text = createPageText<DisplacedView>();
      const page = await inTime(
        lattice.displaced({ limit, ...(cursor === undefined ? {} : { cursor }), fits: text.fits }),
      );
      return reply.type('application/json; charset=utf-8').send(text.finish('items', page.cursor));
    });

    scope.post('/api/v1/members/changes', withToken, async (request, reply) => {
      const action = actionOf(jsonOf(request) as unknown as ChangeRequest);
      return reply.code(201).send(await inTime(members.propose(action)));
    });

    scope.get('/api/v1/members/changes/:id', async (request, reply) => {
      const { wait } = request.query as { readonly wait: number };
      const change = found(members, idOf(request));
      const answer = wait === 0 ? change : await settled(request, change.id, wait);
      return reply.header('cache-control', 'no-store').send(answer);
    });

    scope.post('/api/v1/members/changes/:id/approve', withToken, async (request) =>
      inTime(members.approve(found(members, idOf(request)).id)),
    );

    scope.post('/api/v1/members/changes/:id/withdraw', withToken, async (request) =>
      inTime(members.withdraw(found(members, idOf(request)).id)),
    );

    scope.get('/api/v1/members/invitations', withToken, async (_request, reply) =>
      reply.header('cache-control', 'no-store').send({ items: invitations.list() }),
    );

    scope.post('/api/v1/members/invitations', withToken, async (request, reply) => {
      const { role = 'writer', ttlMs = DEFAULT_TTL_MS, ...asked } = jsonOf(request) as unknown as InvitationRequest;
      return reply.code(201).send(await inTime(invitations.add({ ...asked, role, ttlMs })));
    });

    scope.delete('/api/v1/members/invitations/:id', withToken, async (request, reply) => {
      await inTime(invitations.remove(idOf(request)));
      return reply.code(204).send();
    });

    scope.post('/api/v1/members/join', async (request, reply) =>
      reply
        .header('cache-control', 'no-store')
        .send(await inTime(invitations.join(jsonOf(request) as unknown as JoinRequest))),
    );
  };
}
