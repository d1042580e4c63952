import { hash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { LatticeError } from '../../core/types/index.ts';
import { type Addresses, createRateLimit, plainAddress } from './addresses.ts';
import type { Clients } from './clients.ts';
import type { ApiConfig } from './deps.ts';
import { addressOf } from './requests.ts';

/** Wrong tokens of one address within a minute: enough for typing errors, too few to guess a token. */
const MAX_TOKEN_FAILURES = 10;
const sha256 = (text: string): Buffer => hash('sha256', text, 'buffer');

/** Checks the bearer token of a request. Throws LatticeError `unauthorized` or `too-many-failures`. */
export type TokenCheck = (request: FastifyRequest) => void;

/**
 * Compares tokens by their hashes, in constant time. An address that sent too many wrong tokens is refused even with
 * the right one. One from an exempt address is not: otherwise one guesser behind a local proxy would lock out the operator.
 */
export function createTokenCheck(config: ApiConfig, addresses: Addresses, clients: Clients): TokenCheck {
  let hashed: { readonly token: string; readonly hash: Buffer } | undefined;
  // A reload may change the token (SPEC N18).
  function expectedHash(): Buffer | undefined {
    const { token } = config.api;
    if (token === undefined) return undefined;
    if (hashed?.token !== token) hashed = { token, hash: sha256(token) };
    return hashed.hash;
  }
  const failures = createRateLimit(MAX_TOKEN_FAILURES);
  return (request) => {
    const expected = expectedHash();
    if (expected === undefined) {
      throw new LatticeError('unauthorized', 'this node has no API token, so nothing can be changed over HTTP', {
        next: "set DIOTEC360_API_TOKEN in the node's env file and run lattice config reload there",
      });
    }
    const given = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1];
    const right = given !== undefined && timingSafeEqual(sha256(given), expected);
    const client = addresses.keyOf(addressOf(request));
    const blockedMs = failures.blockedFor(client);
    if (blockedMs > 0 && !(right && clients.of(request) === undefined)) {
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

/**
 * Checks the URL for which an asker wants the node's signature (SPEC X2). Where host names are configured, the URL must
 * name one of them; elsewhere the node does not know its names, and the URL must name the host of the request. Ports are
 * not compared, because proxies and port mappings change them. Throws LatticeError `invalid-query` or
 * `misdirected-request`.
 */
export function createUrlCheck({ api }: ApiConfig): (request: FastifyRequest, url: string) => void {
  const own = new Set([...LOOPBACK_NAMES, hostName(api.host), ...api.allowedHosts.map(hostName)]);
  return (request, url) => {
    if (!URL.canParse(url)) throw new LatticeError('invalid-query', 'url must be an absolute URL');
    const name = hostName(new URL(url).host);
    // Behind a trusted proxy this is the host that the proxy was asked at.
    const isOwn = api.allowedHosts.length > 0 ? own.has(name) : name === hostName(request.host);
    if (isOwn) return;
    throw new LatticeError('misdirected-request', 'the URL does not name the host at which this node is asked', {
      next: "let the proxy before the node pass on the Host header, or add the URL's host to DIOTEC360_ALLOWED_HOSTS",
    });
  };
}
