import fastifyCors from '@fastify/cors';
import type { FastifyReply, FastifyRequest, HTTPMethods } from 'fastify';
import { LatticeError, listenFailure } from '../core/types/index.ts';
import { localUrl } from '../core/wire/host.ts';
import { settleWithin } from '../timing/index.ts';
import { createAccess } from './http/access.ts';
import { createAddresses } from './http/addresses.ts';
import { createBodyDeadlines } from './http/body-deadlines.ts';
import { createClients } from './http/clients.ts';
import { createConnections } from './http/connections.ts';
import { applyContract } from './http/contracted.ts';
import { createCosts, DEFAULT_LIMITS } from './http/costs.ts';
import { type ApiDeps, DEFAULT_TIMES, type RouteContext } from './http/deps.ts';
import { sendError } from './http/errors.ts';
import { createHostCheck, createUrlCheck } from './http/hosts.ts';
import { divideLargeAnswers } from './http/large-answers.ts';
import { createMethodTable, decodedPath, wrongMethod } from './http/methods.ts';
import type { OpenResponses } from './http/open-response.ts';
import { createWaitingWrites } from './http/receipts.ts';
import { checkHeaders } from './http/request-headers.ts';
import { BODY_MS, createServer, SECURITY_HEADERS } from './http/server.ts';
import { createShedding } from './http/shedding.ts';
import { createStateDownloads } from './http/state-downloads.ts';
import { createStreamSlots, DOWNLOADS, EVENT_STREAMS, LONG_LISTS } from './http/stream-slots.ts';
import { createSyncSenders } from './http/sync-senders.ts';
import { acceptUpgrades } from './http/upgrade.ts';
import { originalAuditRoutes } from './routes/original/audit.ts';
import { latticeRoutes } from './routes/original/lattice.ts';
import { persistenceRoutes } from './routes/original/persistence.ts';
import { createSwitchCheck } from './routes/original/switch-mode.ts';
import { createOriginalVault } from './routes/original/vault.ts';
import { originalVaultRoutes } from './routes/original/vault-routes.ts';
import { dashboardRoutes } from './routes/pages/dashboard.ts';
import { metricsRoutes } from './routes/pages/metrics.ts';
import { openApiRoutes } from './routes/pages/openapi.ts';
import { probeRoutes } from './routes/pages/probes.ts';
import { asideRoutes } from './routes/v1/aside.ts';
import { auditRoutes } from './routes/v1/audit.ts';
import { cellRoutes } from './routes/v1/cells.ts';
import { cutRoutes } from './routes/v1/cuts.ts';
import { differenceRoutes } from './routes/v1/differences.ts';
import { eventRoutes } from './routes/v1/events.ts';
import { eventSockets } from './routes/v1/events-ws.ts';
import { exportRoutes } from './routes/v1/export.ts';
import { historyRoutes } from './routes/v1/history.ts';
import { logLevelRoutes, logRoutes } from './routes/v1/logs.ts';
import { memberRoutes } from './routes/v1/members.ts';
import { nodeRoutes } from './routes/v1/node.ts';
import { operatorRoutes } from './routes/v1/operator.ts';
import { originalVaultV1Routes } from './routes/v1/original-vault.ts';
import { resourceRoutes } from './routes/v1/resources.ts';
import { seriesRoutes } from './routes/v1/series.ts';
import { snapshotRoutes } from './routes/v1/snapshot.ts';
import { stateRoutes } from './routes/v1/state.ts';
import { syncRoutes } from './routes/v1/sync.ts';
import { tokenRoutes } from './routes/v1/tokens.ts';
import { vaultRoutes } from './routes/v1/vault.ts';

/** The HTTP face of a node. */
export interface Api {
  /** Every route as `METHOD /path`. */
  readonly routes: readonly string[];
  /**
   * Binds the configured address and resolves to the base URL. Rejects with LatticeError `address-in-use` or
   * `address-unavailable` or `address-forbidden`.
   */
  listen(): Promise<{ readonly url: string }>;
  /** Stops listening, ends open streams and writes that wait for receipts, and gives requests under way a short time before it cuts their connections. */
  close(): Promise<void>;
}

const EVENT_SOCKET = '/api/v1/events/ws';
const METHODS: readonly HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** Answers where the program that runs the node does not say how its configuration is read again. */
async function cannotReload(): Promise<never> {
  throw new LatticeError('reload-impossible', 'this node cannot read its configuration again', {
    next: 'restart it with the new configuration',
  });
}

/** Builds the server without binding it. It rejects only on programming errors. */
export async function createApi(deps: ApiDeps): Promise<Api> {
  const { lattice, config, clock, log, metrics } = deps;
  const times = { ...DEFAULT_TIMES, ...deps.times };
  const addresses = createAddresses(config.api.trustedProxies);
  const clients = createClients(addresses);
  const access = createAccess(config, addresses, clients, lattice.tokens);
  const checkToken = access.operate;
  const checkHost = createHostCheck(config, addresses);
  const late = (): LatticeError =>
    new LatticeError(
      'deadline',
      `the node did not finish within ${times.deadlineMs / 1000} s; a write may still be done`,
    );
  const inTime: RouteContext['inTime'] = (work) => settleWithin(clock, times.deadlineMs, work, late);
  const waitingWrites = createWaitingWrites();
  const context: RouteContext = { lattice, config, clock, log, waitingWrites, inTime };
  const openResponses: OpenResponses = new Set();
  const costs = createCosts(clients, { ...DEFAULT_LIMITS, ...deps.limits });
  const slots = createStreamSlots(clients, EVENT_STREAMS);
  const connections = createConnections({ addresses, clock, log });
  const senders = createSyncSenders({ lattice, clients, costs, connections });
  const shedding = createShedding({ hasRoom: deps.hasRoom ?? (() => true), clock, log, metrics });
  const deadlines = createBodyDeadlines(clock, BODY_MS);
  const app = createServer(addresses, { connections, shedding, deadlines }, clock, log);
  const upgrades = acceptUpgrades(app, connections.isBusy, clock);
  app.addHook('onSend', (request, _reply, payload, done) => {
    if (typeof payload === 'string' || Buffer.isBuffer(payload))
      costs.chargeAnswer(request, Buffer.byteLength(payload));
    done();
  });
  divideLargeAnswers(app, clients);

  const methods = createMethodTable();
  app.addHook('onRoute', (route) => {
    if (route.url !== '*') methods.add(route.url, [route.method].flat());
  });
  /** Whether a request is a read that needs a token. */
  function isGuarded({ routeOptions, method, is404 }: FastifyRequest): boolean {
    const { needsToken = false, isOpen = false } = routeOptions.config;
    return config.api.readToken !== undefined && !needsToken && !isOpen && method !== 'OPTIONS' && !is404;
  }
  function begin(request: FastifyRequest, reply: FastifyReply): void {
    const { cost = 'read', extraMs = 0 } = request.routeOptions.config;
    costs.begin(request, reply, cost);
    costs.charge(request, extraMs);
  }
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(SECURITY_HEADERS).header('x-request-id', request.id);
    shedding.check(request, reply);
    const { needsToken = false } = request.routeOptions.config;
    if (!needsToken && !isGuarded(request)) begin(request, reply);
    checkHeaders(request);
    checkHost(request);
    // Before the body is read, because its type and size do not matter then. The CORS plugin ends an OPTIONS with 204.
    const path = request.raw.url?.split('?', 1)[0] ?? '';
    // Where a path with a parameter stands beside fixed ones, the router takes the name of a fixed one for a parameter.
    const fixed = request.routeOptions.url?.includes(':') === true ? methods.fixed(decodedPath(path)) : undefined;
    if (fixed !== undefined && request.method !== 'OPTIONS') {
      reply.header('allow', fixed);
      throw wrongMethod(fixed);
    }
    if (request.is404 || request.method === 'OPTIONS') {
      const allow = methods.allowed(path);
      if (allow !== undefined) reply.header('allow', allow);
      if (request.method !== 'OPTIONS' || allow === undefined) throw wrongMethod(allow);
      if (config.api.corsOrigins.length === 0) return void reply.code(204).send();
    }
    if (upgrades.of(request) !== undefined && request.routeOptions.url !== EVENT_SOCKET) {
      throw new LatticeError('not-found', 'nothing here speaks WebSocket', { next: `connect to ${EVENT_SOCKET}` });
    }
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unknown';
    // A wrong token costs what any other request does, although it began without one.
    if (reply.statusCode === 401) costs.chargeRefused(request);
    metrics?.count('lattice_http_requests_total', { method: request.method, route, status: String(reply.statusCode) });
    log.debug(
      { request: request.id, method: request.method, route, status: reply.statusCode, ms: reply.elapsedTime },
      'request',
    );
    done();
  });
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply, log));
  app.setNotFoundHandler((request, reply) => sendError(wrongMethod(undefined), request, reply, log));

  await app.register(fastifyCors, {
    origin: config.api.corsOrigins.length === 0 ? false : [...config.api.corsOrigins],
    methods: [...METHODS],
    allowedHeaders: [
      'authorization',
      'content-digest',
      'content-type',
      'if-match',
      'if-none-match',
      'if-range',
      'range',
      'repr-digest',
      'last-event-id',
      'idempotency-key',
      'x-request-id',
    ],
    exposedHeaders: [
      'accept-ranges',
      'content-disposition',
      'content-range',
      'etag',
      'idempotent-replayed',
      'location',
      'ratelimit-limit',
      'ratelimit-remaining',
      'ratelimit-reset',
      'repr-digest',
      'retry-after',
      'x-request-id',
    ],
    maxAge: 600,
    strictPreflight: false,
  });
  // After the headers of CORS, so that a page can read why it is refused. Whoever is refused pays alone, and nothing is
  // taken of everybody's share.
  app.addHook('onRequest', (request, reply, done) => {
    if (isGuarded(request)) {
      access.read(request);
      begin(request, reply);
    }
    done();
  });
  app.removeAllContentTypeParsers();
  await applyContract(app, costs, lattice.status().version);
  const downloads = createStateDownloads(context, createStreamSlots(clients, DOWNLOADS));
  const checkSwitch = createSwitchCheck(config, addresses, checkToken);
  await app.register(latticeRoutes(context, checkSwitch, costs, downloads));
  await app.register(exportRoutes(context, costs, downloads));
  const originalVault = createOriginalVault({
    lattice,
    directory: config.vaultDir,
    verifier: deps.verifier,
    clock,
    disk: deps.vaultDisk,
  });
  await app.register(persistenceRoutes(context, originalVault));
  await app.register(originalVaultRoutes(context, originalVault));
  if (lattice.vault !== undefined)
    await app.register(originalVaultV1Routes(context, lattice.vault, originalVault, access.writeAll));
  await app.register(originalAuditRoutes(context, createStreamSlots(clients, LONG_LISTS)));
  await app.register(stateRoutes(context, access, costs));
  await app.register(historyRoutes(context)).register(auditRoutes(context, access.writeAll, costs));
  await app.register(vaultRoutes(context, lattice.vault, { clients, access, costs, deadlines }));
  await app.register(memberRoutes(context, checkToken));
  await app.register(tokenRoutes(context, lattice.tokens, checkToken));
  await app.register(operatorRoutes(context, checkToken, deps.reload ?? cannotReload));
  const probes = probeRoutes(lattice);
  await app.register(probes.routes);
  await app.register(openApiRoutes);
  await app.register(nodeRoutes(context, checkToken));
  await app.register(asideRoutes(context, checkToken));
  await app.register(cutRoutes(context)).register(differenceRoutes(context, checkToken));
  await app.register(cellRoutes(context, senders, config.api.publicSync === true));
  if (config.api.publicSync === true) await app.register(snapshotRoutes(context));
  await app.register(eventRoutes(context, access, slots, openResponses, times.sseHeartbeatMs));
  const sockets = eventSockets(context, access, slots, upgrades, times.sseHeartbeatMs);
  await app.register(sockets.routes);
  await app.register(syncRoutes(context, senders, createUrlCheck(config), openResponses));
  await app.register(seriesRoutes(context));
  if (deps.metricsPage !== undefined) await app.register(metricsRoutes(context, deps.metricsPage, deps.resources));
  if (deps.resources !== undefined) await app.register(resourceRoutes(context, deps.resources));
  if (deps.logs !== undefined)
    await app.register(logRoutes(context, deps.logs, access, openResponses, times.sseHeartbeatMs));
  if (deps.logLevel !== undefined) await app.register(logLevelRoutes(deps.log, deps.logLevel, checkToken));
  await app.register(dashboardRoutes(deps.dashboard));
  await app.ready();

  return {
    routes: methods.all(),
    async listen() {
      const { host, port } = config.api;
      try {
        await app.listen({ host, port });
      } catch (cause) {
        const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
        if (code === 'EADDRINUSE') {
          throw new LatticeError('address-in-use', `port ${port} on ${host} is taken`, {
            next: 'stop the program that listens there, or set DIOTEC360_API_PORT to a free port',
            cause,
          });
        }
        const { reason, next } = listenFailure(cause);
        throw new LatticeError(
          code === 'EACCES' ? 'address-forbidden' : 'address-unavailable',
          `cannot listen on port ${port} of ${host}: ${reason}`,
          { next: `${next}: DIOTEC360_API_HOST and DIOTEC360_API_PORT`, cause },
        );
      }
      const bound = app.server.address();
      if (bound === null || typeof bound === 'string') throw new Error('a TCP server has a port');
      return { url: localUrl(host, bound.port) };
    },
    async close() {
      probes.stopping();
      connections.stop();
      waitingWrites.end();
      for (const response of openResponses) response.end();
      sockets.close();
      const cut = clock.after(times.drainMs, () => app.server.closeAllConnections());
      await app.close();
      cut.cancel();
    },
  };
}
