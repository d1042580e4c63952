import { randomBytes } from 'node:crypto';
import { createServer as createHttpServer } from 'node:http';
import fastify, { type FastifyInstance } from 'fastify';
import type { Timers } from '../../timing/index.ts';
import type { Addresses } from './addresses.ts';
import type { BodyDeadlines } from './body-deadlines.ts';
import type { Connections } from './connections.ts';
import type { ApiLog } from './deps.ts';
import { sendError } from './errors.ts';
import { answerUnreadable, MAX_HEADER_BYTES, toOriginForm } from './request-headers.ts';
import { MAX_BODY_BYTES } from './requests.ts';
import type { Shedding } from './shedding.ts';
import { lateValidators } from './validators.ts';

/**
 * Headers of every answer (SPEC A17). By them browsers put nothing of a node into a frame, guess no media types, and
 * run no scripts from elsewhere. They are constant and set here, because a plugin for them costs a third of the
 * throughput.
 */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/**
 * How long an idle connection stays open. A proxy that keeps its connections for longer would now and then send a
 * request on one that is just being closed, and answer it with 502. Of the proxies in common use Caddy keeps them
 * longest by default, 120 s.
 */
const KEEP_ALIVE_MS = 125_000;

/** The times of a connection in milliseconds. */
const TIMEOUTS = {
  keepAliveTimeout: KEEP_ALIVE_MS,
  // The time of a body depends on its route, so that BodyDeadlines counts it.
  requestTimeout: 0,
  // A connection that is silent for this long has a reader that has stopped, because open streams carry a heartbeat four
  // times as often.
  connectionTimeout: 60_000,
} as const;
/** How long the body of a request may take, uploads excepted. */
export const BODY_MS = 10_000;
const HEADER_LIMITS = {
  maxHeaderSize: MAX_HEADER_BYTES,
  headersTimeout: 5000,
  connectionsCheckingInterval: 1000,
} as const;

/**
 * The server, with bounds on every size and time that a client could stretch. A client has 5 s for its headers and 10 s
 * for the body after them. An upload has a rule of its own.
 */
export function createServer(
  { proxies, isTrustedProxy }: Addresses,
  watchers: { readonly connections: Connections; readonly shedding: Shedding; readonly deadlines: BodyDeadlines },
  clock: Timers,
  log: ApiLog,
): FastifyInstance {
  const { connections, shedding, deadlines } = watchers;
  const run = randomBytes(4).toString('hex');
  let requests = 0;
  const nextId = (): string => `${run}-${(++requests).toString(36)}`;
  return fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    ...TIMEOUTS,
    forceCloseConnections: 'idle',
    // A name such as localhost may have several addresses, and each of them gets a server.
    serverFactory: (handler) => {
      const server = createHttpServer(HEADER_LIMITS);
      const listener = deadlines.listener(server, connections.listener(handler));
      server.on('request', listener);
      // Node.js would itself answer other expectations than 100-continue, past every limit. They may be passed over.
      server.on('checkExpectation', listener);
      server.keepAliveTimeout = TIMEOUTS.keepAliveTimeout;
      server.requestTimeout = TIMEOUTS.requestTimeout;
      server.setTimeout(TIMEOUTS.connectionTimeout);
      // Node.js drops the headers beyond such a bound unseen. Their bytes are bounded, and checkHeaders counts them.
      server.maxHeadersCount = 0;
      connections.watch(server);
      shedding.watch(server);
      return server;
    },
    // Of the hops that X-Forwarded-For names, the client is the last one that is no trusted proxy.
    ...(proxies.length === 0 ? {} : { trustProxy: isTrustedProxy }),
    routerOptions: {
      // A key of 1,024 bytes, each of them percent-encoded.
      maxParamLength: 3072,
      // The routes parse their queries themselves, strictly.
      querystringParser: () => ({}),
    },
    rewriteUrl: toOriginForm,
    // The client's request id is taken only when it is visible ASCII, because it is written into logs and headers.
    genReqId: (raw) => {
      const given = raw.headers['x-request-id'];
      return typeof given === 'string' && /^[!-~]{1,64}$/.test(given) ? given : nextId();
    },
    // What a client sends counts as it is: nothing is turned into another type or left out, and every flaw is named.
    schemaController: { compilersFactory: { buildValidator: lateValidators() } },
    ajv: {
      // The schemas are the contract's, and a test checks them. To do so here is 7 % of what a start costs.
      customOptions: {
        coerceTypes: false,
        removeAdditional: false,
        useDefaults: true,
        allErrors: true,
        validateSchema: false,
      },
    },
    clientErrorHandler: answerUnreadable(clock, () => ({ ...SECURITY_HEADERS, 'x-request-id': nextId() })),
    frameworkErrors: (error, request, reply) =>
      sendError(error, request, reply.headers({ ...SECURITY_HEADERS, 'x-request-id': request.id }), log),
  });
}
