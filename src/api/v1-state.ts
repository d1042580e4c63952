import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type JsonValue, LatticeError, MAX_OPERATIONS } from '../core/types/index.ts';
import type { EntryView, WriteOperation } from '../runtime/facade.ts';
import type { TokenCheck } from './access.ts';
import type { RouteContext } from './deps.ts';
import { etagOf, isNotModified, writeConditions } from './preconditions.ts';
import { acceptJson, integerOf, jsonOf, pathKeyOf, queryKeyOf, queryOf } from './requests.ts';

/** Entries on one page, at most: 1,000 values of the largest size are 16 MB of JSON. */
const MAX_PAGE = 1000;
const DEFAULT_PAGE = 100;

const STATE_PATH = '/api/v1/state';

const keyForm = (request: FastifyRequest): string => queryKeyOf(queryOf(request, ['key']));

const FIELDS: ReadonlySet<string> = new Set(['op', 'key', 'value', 'ifMatch', 'ifNoneMatch', 'mustExist']);

function operationOf(json: JsonValue, index: number): WriteOperation {
  const at = `operations[${index}]`;
  const fail = (rule: string): LatticeError => new LatticeError('invalid-operation', `${at}: ${rule}`);
  if (json === null || typeof json !== 'object' || Array.isArray(json)) throw fail('must be an object');
  const fields = json as { readonly [name: string]: JsonValue };
  for (const name of Object.keys(fields)) if (!FIELDS.has(name)) throw fail(`unknown field '${name}'`);
  const { op, key, value, ifMatch, ifNoneMatch, mustExist } = fields;
  if (op !== 'put' && op !== 'delete') throw fail("op must be 'put' or 'delete'");
  if (typeof key !== 'string') throw fail('key must be a string');
  if (op === 'put' && value === undefined) throw fail('a put needs a value');
  if (op === 'delete' && value !== undefined) throw fail('a delete has no value');
  if (ifMatch !== undefined && typeof ifMatch !== 'string') throw fail('ifMatch must be a version or *');
  if (ifNoneMatch !== undefined && ifNoneMatch !== '*') throw fail('ifNoneMatch must be *');
  if (mustExist !== undefined && typeof mustExist !== 'boolean') throw fail('mustExist must be true or false');
  return {
    op,
    key,
    ...(value === undefined ? {} : { value }),
    ...(ifMatch === undefined ? {} : { ifMatch }),
    ...(ifNoneMatch === undefined ? {} : { ifNoneMatch }),
    ...(mustExist === undefined ? {} : { mustExist }),
  };
}

/** The operations of a commit request. LatticeError `invalid-operation`, naming the place. */
function operationsOf(body: JsonValue): WriteOperation[] {
  const operations = body !== null && typeof body === 'object' && 'operations' in body ? body.operations : undefined;
  if (!Array.isArray(operations) || operations.length === 0 || operations.length > MAX_OPERATIONS) {
    throw new LatticeError('invalid-operation', `the body must be {"operations": […]} with 1 to ${MAX_OPERATIONS} operations`);
  }
  return operations.map(operationOf);
}

/** Entries, batch commits and proofs: /api/v1/state, /api/v1/commits, /api/v1/proof. */
export function stateRoutes({ lattice, inTime }: RouteContext, checkToken: TokenCheck) {
  const { author } = lattice.status();
  const withToken = { onRequest: async (request: FastifyRequest) => checkToken(request) };

  async function get(key: string, request: FastifyRequest, reply: FastifyReply) {
    const entry = await inTime(lattice.get(key));
    if (entry === undefined) throw new LatticeError('not-found', 'there is no value under this key');
    reply.header('etag', etagOf(entry.version)).header('cache-control', 'no-cache');
    if (isNotModified(request, entry.version)) return reply.code(304).send();
    return reply.send(entry);
  }

  async function put(key: string, request: FastifyRequest, reply: FastifyReply) {
    const value = jsonOf(request);
    const conditions = await inTime(writeConditions(request, lattice, key));
    const { commit, hlc, results } = await inTime(lattice.write([{ op: 'put', key, value, ...conditions }]));
    const written = results[0];
    if (written === undefined) throw new Error('a write of one operation has one result');
    const { version, created } = written;
    const entry: EntryView = { key, value, version, author, hlc, commit, index: Number(version.slice(version.lastIndexOf('.') + 1)) };
    reply.header('etag', etagOf(version));
    if (created) reply.header('location', `${STATE_PATH}?key=${encodeURIComponent(key)}`);
    return reply.code(created ? 201 : 200).send(entry);
  }

  async function remove(key: string, request: FastifyRequest, reply: FastifyReply) {
    const conditions = await inTime(writeConditions(request, lattice, key));
    await inTime(lattice.write([{ op: 'delete', key, mustExist: true, ...conditions }]));
    return reply.code(204).send();
  }

  return async (scope: FastifyInstance): Promise<void> => {
    acceptJson(scope);

    scope.get(`${STATE_PATH}/:key`, (request, reply) => get(pathKeyOf(request), request, reply));
    scope.put(`${STATE_PATH}/:key`, withToken, (request, reply) => put(pathKeyOf(request), request, reply));
    scope.delete(`${STATE_PATH}/:key`, withToken, (request, reply) => remove(pathKeyOf(request), request, reply));
    scope.put(STATE_PATH, withToken, (request, reply) => put(keyForm(request), request, reply));
    scope.delete(STATE_PATH, withToken, (request, reply) => remove(keyForm(request), request, reply));

    scope.get(STATE_PATH, async (request, reply) => {
      const query = queryOf(request, ['key', 'prefix', 'limit', 'cursor']);
      if (query.has('key')) return get(keyForm(request), request, reply);
      const prefix = query.get('prefix');
      const cursor = query.get('cursor');
      const limit = integerOf(query, 'limit', { min: 1, max: MAX_PAGE, default: DEFAULT_PAGE });
      const page = await inTime(
        lattice.list({ limit, ...(prefix === undefined ? {} : { prefix }), ...(cursor === undefined ? {} : { cursor }) }),
      );
      return { entries: page.items, ...(page.cursor === undefined ? {} : { cursor: page.cursor }) };
    });

    scope.post('/api/v1/commits', withToken, async (request, reply) => {
      const result = await inTime(lattice.write(operationsOf(jsonOf(request))));
      return reply.code(201).send(result);
    });

    scope.get('/api/v1/proof/:key', (request) => inTime(lattice.prove(pathKeyOf(request))));
    scope.get('/api/v1/proof', (request) => inTime(lattice.prove(keyForm(request))));
  };
}
