import fastifySwagger from '@fastify/swagger';
import type { FastifyInstance, FastifyRequest, FastifySchema, preValidationHookHandler, RouteOptions } from 'fastify';
import type { TObject } from 'typebox';
import { type ErrorCode, LatticeError } from '../../core/types/index.ts';
import { CONTRACT, type Cost, ENTITIES, ERRORS, Problem, type RouteContract } from '../contract/index.ts';
import type { Costs } from './costs.ts';
import { queryOf } from './requests.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a request of the route costs. Default: `read`, as for paths that nothing answers. */
    readonly cost?: Cost;
    /** What it costs beyond its class, in ms. */
    readonly extraMs?: number;
    /** True: the route is paid for by whoever has shown the token. */
    readonly needsToken?: boolean;
    /** Whether it is answered without a token even where reads need one. */
    readonly isOpen?: boolean;
    /** True: the route is of the sync protocol, whose slots bound it. */
    readonly isSync?: boolean;
  }
}

const BY_ROUTE: ReadonlyMap<string, RouteContract> = new Map(
  CONTRACT.map((route) => [`${route.method} ${route.path}`, route]),
);

/** The contract of a route. A HEAD without one of its own has that of the GET. */
function contractOf(method: string, path: string): RouteContract | undefined {
  return BY_ROUTE.get(`${method} ${path}`) ?? (method === 'HEAD' ? BY_ROUTE.get(`GET ${path}`) : undefined);
}

/** The schema of a route's parameters, with the values of its example added. */
function withExamples(schema: TObject, values: Readonly<Record<string, unknown>> = {}): object {
  const properties = Object.entries(schema.properties).map(([name, part]) => [
    name,
    name in values ? { ...part, examples: [values[name]] } : part,
  ]);
  return { ...schema, properties: Object.fromEntries(properties) as object };
}

/** The schema that Fastify validates requests with, and from which the OpenAPI document is made. */
function schemaOf(route: RouteContract): FastifySchema {
  const response: Record<string, unknown> = {};
  for (const [status, answer] of Object.entries(route.answers)) {
    const { description, schema, type = 'application/json', also = {}, headers } = answer;
    const others = Object.fromEntries(Object.entries(also).map(([name, other]) => [name, { schema: other }]));
    response[status] = {
      description,
      ...(schema === undefined ? { type: 'null' } : { content: { [type]: { schema }, ...others } }),
      ...(headers === undefined ? {} : { headers }),
    };
  }
  for (const status of route.errors ?? []) {
    response[status] ??= {
      description: ERRORS[status],
      content: { 'application/problem+json': { schema: Problem.ref } },
    };
  }
  // Nothing here is enforced for the original's endpoints, which take any body; it only documents what they expect.
  const { bodyType = 'application/json', example, body } = route;
  const media = { schema: { ...body, ...(example.body === undefined ? {} : { examples: [example.body] }) } };
  return {
    operationId: route.id,
    tags: [route.tag],
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    ...(route.token === true ? { security: [{ token: [] }] } : {}),
    ...(route.params === undefined ? {} : { params: withExamples(route.params, example.params) }),
    ...(route.query === undefined ? {} : { querystring: withExamples(route.query, example.query) }),
    ...(route.headers === undefined ? {} : { headers: route.headers }),
    ...(body === undefined ? {} : { body: { content: { [bodyType]: media } } }),
    response,
  };
}

/**
 * Refuses the conditional headers of a write whose route has none: passed over, they would be a write without them. Throws
 * LatticeError `invalid-header`.
 */
function checkConditions({ headers, body, path }: RouteContract): (request: FastifyRequest) => void {
  const names = ['if-match', 'if-none-match'].filter((name) => headers === undefined || !(name in headers.properties));
  const inOperations = path === '/api/v1/commits' && body !== undefined;
  return (request) => {
    const name = names.find((one) => request.headers[one] !== undefined);
    if (name === undefined) return;
    const next = inOperations
      ? 'give the versions in the operations, as ifMatch and ifNoneMatch'
      : 'send the request without it';
    const details = { errors: [{ in: 'header', pointer: `#/${name}`, detail: 'is not known here' }] };
    throw new LatticeError('invalid-header', `${name} is no condition of this request`, { next, details });
  };
}

/** Turns integer parameters into numbers. A text that is no integer stays as it is, and the schema then refuses it. */
function readQuery(route: RouteContract): (request: FastifyRequest) => void {
  const properties = route.query?.properties ?? {};
  const names = Object.keys(properties);
  const integers = new Set(
    names.filter(
      (name) => 'type' in (properties[name] ?? {}) && (properties[name] as { type?: string }).type === 'integer',
    ),
  );
  return (request) => {
    const query: Record<string, string | number> = {};
    for (const [name, text] of queryOf(request, names)) {
      query[name] = integers.has(name) && /^-?\d{1,15}$/.test(text) ? Number(text) : text;
    }
    request.query = query;
  };
}

/** One hook of several checks, because each hook of a route costs every request of it. */
function hookOf(checks: readonly ((request: FastifyRequest) => void)[]): preValidationHookHandler {
  return (request, _reply, done) => {
    for (const check of checks) check(request);
    done();
  };
}

/**
 * Makes every route that is registered later take its schema, the reading of its query and its cost from its contract.
 * A route without a contract is not validated and not in the document; a test finds such routes.
 */
export async function applyContract(app: FastifyInstance, costs: Costs, version: string): Promise<void> {
  for (const { schema } of ENTITIES) app.addSchema(schema);
  // Tests check answers against the document. At run time JSON.stringify is the fastest serializer, and unlike one that
  // is compiled from the schema it drops no field.
  app.setSerializerCompiler(() => (data: unknown) => JSON.stringify(data));
  app.addHook('onRoute', (options: RouteOptions & { path: string }) => {
    const method = [options.method].flat()[0] ?? '';
    const contract = contractOf(method, options.url);
    if (contract === undefined || method === 'OPTIONS') {
      options.schema ??= { hide: true };
      return;
    }
    options.schema = { ...schemaOf(contract), ...(method === 'HEAD' ? { hide: true } : {}) };
    // No validation for the original's paths, which have error forms of their own, nor for binary bodies, which the
    // sync service checks.
    if (contract.tag === 'original' || contract.bodyType === 'application/cbor')
      options.validatorCompiler = () => () => true;
    // A route without parameters refuses them all. Probes and pages are asked with queries against caches.
    const isOurs = options.url.startsWith('/api/v1/');
    const checks = [
      ...(isOurs && method !== 'GET' && method !== 'HEAD' ? [checkConditions(contract)] : []),
      ...(contract.tag !== 'original' && (contract.query !== undefined || isOurs) ? [readQuery(contract)] : []),
    ];
    if (checks.length > 0) options.preValidation = [hookOf(checks), ...[options.preValidation ?? []].flat()];
    const { cost, extraMs = 0 } = contract;
    // The original's switch answers 200 without the token too.
    const needsToken = contract.token === true && contract.tag !== 'original';
    const isOpen = contract.access === 'open';
    options.config = { ...options.config, cost, extraMs, needsToken, isOpen, isSync: contract.path === '/api/v1/sync' };
    if (!needsToken) return;
    // These hooks run in their order, so that the token has been checked before.
    options.onRequest = [
      ...[options.onRequest ?? []].flat(),
      (request, reply, done) => {
        costs.beginOperator(request, reply, cost);
        done();
      },
    ];
  });
  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Diotec360 Lattice',
        version,
        description:
          'One key-value state, identical and tamper-evident on a small fleet of nodes. Errors under /api/v1 are problem documents (RFC 9457); the endpoints of the original node keep their own forms. Every answer carries X-Request-Id; one over a limit is 429 with Retry-After and RateLimit headers.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      components: {
        securitySchemes: { token: { type: 'http', scheme: 'bearer', description: "The node's DIOTEC360_API_TOKEN." } },
      },
    },
    // In the router the rest of a path has the name `*`, of which generators of clients make no name of their language.
    transform: ({ schema, url }) => ({ schema, url: url.replace(/\*$/, ':file') }),
    refResolver: {
      buildLocalReference: (json, _base, _fragment, i) => (typeof json.$id === 'string' ? json.$id : `schema-${i}`),
    },
  });
}

/** An error of Ajv, the validator that Fastify uses. */
interface Flaw {
  readonly instancePath: string;
  readonly keyword?: string;
  readonly message?: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

/** Places named in one answer: enough to mend a request, and too few to make a small request a large answer. */
const MAX_PLACES = 16;
/** The parts of a request by Fastify's names, with our names for them and the codes of their errors. */
const PARTS = {
  body: { part: 'body', code: 'invalid-body' },
  querystring: { part: 'query', code: 'invalid-query' },
  params: { part: 'path', code: 'invalid-path' },
  headers: { part: 'header', code: 'invalid-header' },
} as const satisfies Record<string, { readonly part: string; readonly code: ErrorCode }>;

const isPart = (name: unknown): name is keyof typeof PARTS => typeof name === 'string' && Object.hasOwn(PARTS, name);

/** The place of a flaw as a JSON Pointer (RFC 6901, as a URI fragment), and what is wrong there. */
function placeOf({ instancePath, keyword, message = 'is not valid', params = {} }: Flaw): {
  pointer: string;
  detail: string;
} {
  const name: unknown =
    keyword === 'required'
      ? params['missingProperty']
      : keyword === 'additionalProperties'
        ? params['additionalProperty']
        : undefined;
  const pointer = `#${instancePath}${typeof name !== 'string' ? '' : `/${encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'))}`}`;
  const words =
    keyword === 'enum' ? `must be ${(params['allowedValues'] as unknown[]).map(String).join(', ')}` : message;
  return {
    pointer,
    detail: keyword === 'required' ? 'is missing' : keyword === 'additionalProperties' ? 'is not known here' : words,
  };
}

/** One LatticeError that names the places that the validator found; undefined when `error` is not the validator's. */
export function validationError(error: unknown): LatticeError | undefined {
  if (!(error instanceof Error) || !('validation' in error) || !Array.isArray(error.validation)) return undefined;
  const context = 'validationContext' in error ? error.validationContext : undefined;
  const { part, code } = isPart(context) ? PARTS[context] : PARTS.body;
  const places = (error.validation as Flaw[]).slice(0, MAX_PLACES).map((flaw) => ({ in: part, ...placeOf(flaw) }));
  const first = places[0];
  const where = first === undefined || first.pointer === '#' ? part : `${part} ${first.pointer.slice(2)}`;
  return new LatticeError(code, `${where}: ${first?.detail ?? 'is not valid'}`, {
    details: { errors: places },
    cause: error,
  });
}
