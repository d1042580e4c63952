import { hash, timingSafeEqual } from 'node:crypto';
import type { Server } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { LatticeError } from '../../core/types/index.ts';
import { type Addresses, createRateLimit, plainAddress } from './addresses.ts';
import type { ApiConfig } from './deps.ts';
import { addressOf } from './requests.ts';

/** Wrong tokens of one address within a minute: enough for typing errors, too few to guess a token. */
const MAX_TOKEN_FAILURES = 10;
/** Open connections in all: each of them takes memory and a file descriptor. */
const MAX_CONNECTIONS = 512;
/** Open connections of one address, so that one client cannot lock everyone out. */
const MAX_CONNECTIONS_PER_ADDRESS = 16;

const sha256 = (text: string): Buffer => hash('sha256', text, 'buffer');

/** Checks the bearer token of a request. Throws LatticeError `unauthorized` or `too-many-failures`. */
export type TokenCheck = (request: FastifyRequest) => void;

/**
 * Compares tokens by their hashes, in constant time. An address that sent too many wrong tokens is refused even with
 * the right one. An exempt address is not: otherwise one guesser behind a local proxy would lock out the operator.
 */
export function createTokenCheck(config: ApiConfig, addresses: Addresses): TokenCheck {
  const expected = config.api.token === undefined ? undefined : sha256(config.api.token);
  const failures = createRateLimit(MAX_TOKEN_FAILURES);
  return (request) => {
    if (expected === undefined) {
      throw new LatticeError('unauthorized', 'this node has no API token, so nothing can be changed over HTTP', {
        next: "set DIOTEC360_API_TOKEN in the node's environment and restart it",
      });
    }
    const given = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1];
    const right = given !== undefined && timingSafeEqual(sha256(given), expected);
    const address = addressOf(request);
    const client = addresses.keyOf(address);
    const blockedMs = failures.blockedFor(client);
    if (blockedMs > 0 && !(right && addresses.isExempt(address))) {
      throw new LatticeError('too-many-failures', 'too many wrong tokens from this address', {
        next: 'wait a minute, then use the right token',
        details: { retryAfterMs: blockedMs },
      });
    }
    if (right) return;
    // Only a wrong token counts: a missing one is an oversight and no guess.
    if (given !== undefined) failures.count(client);
    throw new LatticeError(
      'unauthorized',
      given === undefined ? 'this needs the API token' : 'the API token is wrong',
      {
        next: "send 'Authorization: Bearer <token>' with the node's DIOTEC360_API_TOKEN",
      },
    );
  };
}

const LOOPBACK_NAMES: readonly string[] = ['localhost', '127.0.0.1', '::1'];
/** What load balancers ask, some of them with HTTP/1.0 and without naming a host. */
const PROBES: ReadonlySet<string | undefined> = new Set(['/livez', '/readyz']);

/**
 * The host that a Host header or the configuration names, without its port: an IP address in its one form, or a name in
 * lower case without a dot at its end.
 */
const hostName = (text: string): string =>
  plainAddress(text) ?? text.toLowerCase().replace(/:\d+$/, '').replace(/\.$/, '');

/**
 * Refuses a request whose Host header does not name this node, with LatticeError `misdirected-request`. Otherwise a web
 * page that rebinds its own name to the node's address (DNS rebinding) could read the node through its visitor's
 * browser. The check is made on loopback binds and where host names are configured (SPEC A12).
 */
export function createHostCheck(config: ApiConfig, addresses: Addresses): (request: FastifyRequest) => void {
  const { host, allowedHosts } = config.api;
  const onLoopback = host === 'localhost' || addresses.isLoopback(host);
  if (!onLoopback && allowedHosts.length === 0) return () => undefined;
  const allowed = new Set([...LOOPBACK_NAMES, hostName(host), ...allowedHosts.map(hostName)]);
  return (request) => {
    // Browsers always name a host, so that a request without one comes from no page.
    if (request.headers.host === undefined && PROBES.has(request.routeOptions.url)) return;
    if (allowed.has(hostName(request.headers.host ?? ''))) return;
    throw new LatticeError('misdirected-request', 'this node does not answer to the host name of this request', {
      next: 'use an address of the node, or add the name to DIOTEC360_ALLOWED_HOSTS',
    });
  };
}

/** Bounds the server's connections in all and, where an address is not exempt, per address. */
export function limitConnections(server: Server, addresses: Addresses): void {
  server.maxConnections = MAX_CONNECTIONS;
  // Each entry has at least one open connection, so that there are at most MAX_CONNECTIONS entries.
  const open = new Map<string, number>();
  server.on('connection', (socket) => {
    const address = socket.remoteAddress;
    if (address === undefined || addresses.isExempt(address)) return;
    const client = addresses.keyOf(address);
    const count = open.get(client) ?? 0;
    if (count >= MAX_CONNECTIONS_PER_ADDRESS) {
      socket.destroy();
      return;
    }
    open.set(client, count + 1);
    socket.once('close', () => {
      const left = (open.get(client) ?? 1) - 1;
      if (left === 0) open.delete(client);
      else open.set(client, left);
    });
  });
}
