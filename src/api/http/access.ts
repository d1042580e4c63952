import { hash, timingSafeEqual } from 'node:crypto';
import type { Server } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { LatticeError } from '../../core/types/index.ts';
import { type Addresses, createRateLimit } from './addresses.ts';
import type { ApiConfig } from './deps.ts';
import { addressOf } from './requests.ts';

/** RELIABILITY: a client may guess this often a minute. */
const MAX_TOKEN_FAILURES = 10;
/** RELIABILITY: connections in all, and of one address, so that one client cannot lock everyone out. */
const MAX_CONNECTIONS = 512;
const MAX_CONNECTIONS_PER_ADDRESS = 16;

const sha256 = (text: string): Buffer => hash('sha256', text, 'buffer');

/** Checks the bearer token of a request. Throws LatticeError `unauthorized` or `too-many-failures`. */
export type TokenCheck = (request: FastifyRequest) => void;

/**
 * The token is compared by hash, in constant time. An address that guessed wrong too often is refused even with the
 * right token; not so an exempt one, where one guesser behind a local proxy would lock out the operator.
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
    // A missing token is an oversight, a wrong one may be a guess.
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

const LOOPBACK_NAMES: readonly string[] = ['localhost', '127.0.0.1', '[::1]'];

/** The host of a Host header, in lower case and without its port. */
const hostName = (header: string): string => header.toLowerCase().replace(/:\d+$/, '').replace(/\.$/, '');

/**
 * Refuses requests that reached us under a name that is not ours: a web page that rebinds its own name to our address
 * would otherwise read the node through its visitor's browser. Checked on loopback binds and where names are
 * configured.
 */
export function createHostCheck(config: ApiConfig, addresses: Addresses): (request: FastifyRequest) => void {
  const { host, allowedHosts } = config.api;
  const onLoopback = host === 'localhost' || addresses.isLoopback(host);
  if (!onLoopback && allowedHosts.length === 0) return () => undefined;
  const allowed = new Set([...LOOPBACK_NAMES, host.toLowerCase(), ...allowedHosts.map(hostName)]);
  return (request) => {
    if (allowed.has(hostName(request.headers.host ?? ''))) return;
    throw new LatticeError('misdirected-request', 'this node does not answer to the host name of this request', {
      next: 'use an address of the node, or add the name to DIOTEC360_ALLOWED_HOSTS',
    });
  };
}

/** Bounds the server's connections, in all and per address. */
export function limitConnections(server: Server, addresses: Addresses): void {
  server.maxConnections = MAX_CONNECTIONS;
  // Entries are open connections, hence at most MAX_CONNECTIONS.
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
