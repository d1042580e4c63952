import type { FastifyRequest } from 'fastify';
import { LatticeError, parseUrl } from '../../core/types/index.ts';
import { type Addresses, plainAddress } from './addresses.ts';
import type { ApiConfig } from './deps.ts';

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
    const named = parseUrl(url);
    if (named === undefined) throw new LatticeError('invalid-query', 'url must be an absolute URL');
    const name = hostName(named.host);
    // Behind a trusted proxy this is the host that the proxy was asked at.
    const isOwn = api.allowedHosts.length > 0 ? own.has(name) : name === hostName(request.host);
    if (isOwn) return;
    throw new LatticeError('misdirected-request', 'the URL does not name the host at which this node is asked', {
      next: "let the proxy before the node pass on the Host header, or add the URL's host to DIOTEC360_ALLOWED_HOSTS",
    });
  };
}
