import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { checkKey } from '../../../core/cbor/index.ts';
import { type JsonValue, LatticeError } from '../../../core/types/index.ts';
import type { EntryView, ReceiptView, WriteOperation, WriteResult } from '../../../runtime/facade/index.ts';
import { type Access, tokenHook } from '../../http/access.ts';
import { type Costs, TARIFF } from '../../http/costs.ts';
import type { RouteContext } from '../../http/deps.ts';
import { createPageText } from '../../http/pages.ts';
import { etagOf, isNotModified, writeConditions } from '../../http/preconditions.ts';
import { withReceipt } from '../../http/receipts.ts';
import { acceptJson, jsonOf, pathKeyOf } from '../../http/requests.ts';

const STATE_PATH = '/api/v1/state';
/** What each operation of a commit costs, in ms of the event loop: it is checked, encoded, hashed and merged. */
const OPERATION_MS = 0.1;

/** The key of `?key=`. Throws LatticeError `invalid-key`. */
const keyForm = (request: FastifyRequest): string => checkKey((request.query as { key?: string }).key);

/**
 * The operations of a commit request, whose form the schema has checked. Throws LatticeError `invalid-operation`, which
 * names the place.
 */
function operationsOf(body: JsonValue): readonly WriteOperation[] {
  const { operations } = body as unknown as { operations: WriteOperation[] };
  operations.forEach(({ op, value }, i) => {
    if ((op === 'put') === (value !== undefined)) return;
    const detail = op === 'put' ? 'a put needs a value' : 'a delete has no value';
    throw new LatticeError('invalid-operation', `operations[${i}]: ${detail}`, {
      details: { errors: [{ in: 'body', pointer: `#/operations/${i}/value`, detail }] },
    });
  });
  return operations;
}

/** The idempotency key of a request (SPEC A22), as an option of a write. The schema has checked its form. */
function idempotencyOf(request: FastifyRequest): { readonly idempotencyKey?: string } {
  const key = request.headers['idempotency-key'];
  return typeof key === 'string' ? { idempotencyKey: key } : {};
}

/** When a put is to end (SPEC EX1). */
interface WantedEnd {
  readonly expires?: number;
  readonly ttl?: number;
}

/** A write, and what has come of what it was to wait for. */
type Waited = Required<Omit<WriteResult, 'replayed'>> & { readonly receipt?: ReceiptView };

interface ListQuery {
  readonly key?: string;
  readonly prefix?: string;
  readonly limit: number;
  readonly cursor?: string;
}

/** Entries, commits of several operations, and proofs: /api/v1/state, /api/v1/commits and /api/v1/proof. */
export function stateRoutes(context: RouteContext, access: Access, costs: Costs) {
  const { lattice, inTime } = context;
  const withToken = tokenHook(access.write);

  async function write(
    operations: readonly WriteOperation[],
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<Waited> {
    access.mayWrite(
      request,
      operations.map(({ key }) => key),
    );
    const { written, receipt } = await withReceipt(context, request, reply, () =>
      inTime(lattice.write(operations, idempotencyOf(request))),
    );
    if (written.replayed === true) reply.header('idempotent-replayed', 'true');
    const { commit, hlc, author = lattice.status().author, results } = written;
    return { commit, hlc, author, results, ...(receipt === undefined ? {} : { receipt }) };
  }

  const answerOf = ({ commit, hlc, results, receipt }: Waited): object =>
    receipt === undefined ? { commit, hlc, results } : { commit, hlc, results, receipt };

  /** 202 where the write is durable here, and not all that it was to wait for has come in time. */
  const statusOf = ({ receipt }: Waited, status: number): number => (receipt?.met === false ? 202 : status);

  async function get(key: string, request: FastifyRequest, reply: FastifyReply) {
    const entry = await inTime(lattice.get(key));
    if (entry === undefined) throw new LatticeError('not-found', 'there is no value under this key');
    reply.header('etag', etagOf(entry.version)).header('cache-control', 'no-cache');
    if (isNotModified(request, entry.version)) return reply.code(304).send();
    return reply.send(entry);
  }

  async function put(key: string, request: FastifyRequest, reply: FastifyReply) {
    const value = jsonOf(request);
    const { expires, ttl } = request.query as WantedEnd;
    const end = { ...(expires === undefined ? {} : { expires }), ...(ttl === undefined ? {} : { ttl }) };
    const waited = await write([{ op: 'put', key, value, ...end, ...writeConditions(request) }], request, reply);
    const { commit, hlc, author, results, receipt } = waited;
    const written = results[0];
    if (written === undefined) throw new Error('a write of one operation has one result');
    const { version, created } = written;
    const entry: EntryView = {
      key,
      value,
      version,
      author,
      hlc,
      commit,
      index: Number(version.slice(version.lastIndexOf('.') + 1)),
      ...(written.expires === undefined ? {} : { expires: written.expires }),
    };
    reply.header('etag', etagOf(version));
    if (created) reply.header('location', `${STATE_PATH}?key=${encodeURIComponent(key)}`);
    return reply
      .code(statusOf(waited, created ? 201 : 200))
      .send({ ...entry, ...(receipt === undefined ? {} : { receipt }) });
  }

  async function remove(key: string, request: FastifyRequest, reply: FastifyReply) {
    const waited = await write([{ op: 'delete', key, mustExist: true, ...writeConditions(request) }], request, reply);
    return waited.receipt === undefined
      ? reply.code(204).send()
      : reply.code(statusOf(waited, 200)).send(answerOf(waited));
  }

  return async (scope: FastifyInstance): Promise<void> => {
    acceptJson(scope);

    scope.get(`${STATE_PATH}/:key`, (request, reply) => get(pathKeyOf(request), request, reply));
    scope.put(`${STATE_PATH}/:key`, withToken, (request, reply) => put(pathKeyOf(request), request, reply));
    scope.delete(`${STATE_PATH}/:key`, withToken, (request, reply) => remove(pathKeyOf(request), request, reply));
    scope.put(STATE_PATH, withToken, (request, reply) => put(keyForm(request), request, reply));
    scope.delete(STATE_PATH, withToken, (request, reply) => remove(keyForm(request), request, reply));

    scope.get(STATE_PATH, async (request, reply) => {
      const { key, prefix, limit, cursor } = request.query as ListQuery;
      if (key !== undefined) return get(checkKey(key), request, reply);
      const text = createPageText<EntryView>();
      const page = await inTime(
        lattice.list({
          limit,
          ...(prefix === undefined ? {} : { prefix }),
          ...(cursor === undefined ? {} : { cursor }),
          fits: text.fits,
        }),
      );
      return reply.type('application/json; charset=utf-8').send(text.finish('entries', page.cursor));
    });

    scope.post('/api/v1/commits', withToken, async (request, reply) => {
      const operations = operationsOf(jsonOf(request));
      costs.charge(request, operations.length * OPERATION_MS);
      const waited = await write(operations, request, reply);
      return reply.code(statusOf(waited, 201)).send(answerOf(waited));
    });

    function prove(key: string, request: FastifyRequest) {
      const { at, from } = request.query as { at?: 'cut'; from?: string };
      const since = from === undefined ? {} : { from };
      if (at === undefined) return inTime(lattice.prove(key, since));
      costs.charge(request, TARIFF.costly.ms);
      return inTime(lattice.prove(key, { at, ...since }));
    }
    scope.get('/api/v1/proof/:key', (request) => prove(pathKeyOf(request), request));
    scope.get('/api/v1/proof', (request) => prove(keyForm(request), request));
  };
}
