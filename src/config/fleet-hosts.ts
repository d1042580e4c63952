import { isIP, isIPv6 } from 'node:net';
import type { Bytes } from '../core/types/index.ts';
import { parseBaseUrl } from '../core/wire/base-url.ts';
import { isFlaw } from '../core/wire/host.ts';
import { isSpaceHost } from '../core/wire/hugging-face.ts';
import { type FleetPlan, invalid, MAX_FLEET, NAME, planSites, type Site } from './fleet.ts';
import { VARIABLES } from './variables.ts';

/** What fleet to plan, whose nodes are on hosts of their own. */
export interface HostsOptions {
  readonly dir: string;
  /** For each node `host`, `URL`, `name=host` or `name=URL`. A host alone is reached by https. */
  readonly hosts: readonly string[];
  /** The port on which the API of a node listens behind its TLS proxy. */
  readonly port: number;
  /** The port of the P2P lung. Nodes of one host have the ports after it. */
  readonly p2pPort: number;
  readonly seed?: Bytes | undefined;
  readonly network?: string | undefined;
}

interface Place {
  readonly name: string | undefined;
  readonly url: URL;
}

const EXAMPLE = 'write a.example, https://a.example or oslo=https://a.example, with commas between them';

/** The name and the URL that an item of a list of hosts gives. Throws LatticeError `invalid-fleet`. */
export function placeOf(text: string): Place {
  const [, name, address = ''] = /^(?:([^=/:]*)=)?(.*)$/s.exec(text.trim()) ?? [];
  const url = parseBaseUrl(address.includes('://') ? address : `https://${address}`);
  if (isFlaw(url)) throw invalid(`"${text.trim()}" names no host: ${url.rule}`, EXAMPLE);
  if (name !== undefined && !NAME.test(name)) {
    throw invalid(`"${name}" is not a node name`, 'use letters, digits, hyphens and underscores, for example oslo');
  }
  return { name, url: new URL(url) };
}

/** The host of a URL, of which IPv6 addresses have no brackets. */
export const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[(.*)\]$/, '$1');
/** Whether a host is an address of the loopback interface. */
export const isLoopback = (host: string): boolean => (isIP(host) === 4 && host.startsWith('127.')) || host === '::1';

/** Names where none are given: the first label of each host, or the whole host where two would have one name. */
function namesOf(places: readonly Place[]): readonly string[] {
  const first = ({ name, url }: Place): string =>
    name ?? (isIP(hostOf(url)) === 0 ? (url.hostname.split('.')[0] ?? '') : whole({ name, url }));
  const whole = ({ name, url }: Place): string => name ?? hostOf(url).replaceAll(/[.:]+/g, '-').slice(0, 63);
  const isDistinct = (names: readonly string[]): boolean =>
    new Set(names.map((name) => name.toLowerCase())).size === names.length && names.every((name) => NAME.test(name));
  const found = [places.map(first), places.map(whole)].find(isDistinct);
  if (found === undefined)
    throw invalid('two of the hosts would give their nodes one name', 'name each node: oslo=a.example');
  return found;
}

/** The multiaddr of a port of a host: an address, or else a name. */
export function multiaddrOf(host: string, port: number): string {
  const kind = isIP(host) === 0 ? 'dns4' : isIPv6(host) ? 'ip6' : 'ip4';
  return `/${kind}/${host}/tcp/${port}`;
}

/**
 * What the node of a Hugging Face Space has: one port, which is the API's, proxies with private addresses before it, and
 * no P2P.
 */
export const SPACE_SITE = {
  listensAt: ['0.0.0.0', 7860],
  p2pListen: undefined,
  p2pAddress: undefined,
  more: [
    ['ENVIRONMENT', 'production'],
    ['TRUSTED_PROXIES', 'uniquelocal'],
    ['P2P_ENABLED', 'false'],
  ],
} as const satisfies Omit<Site, 'name' | 'api'>;

/**
 * Plans the files of a fleet whose nodes are on hosts of their own, for production. With https a proxy on the host of a
 * node has the certificate, and the API listens on loopback. With http the API listens at the port of the URL itself,
 * on all interfaces. It writes no file. Throws LatticeError `invalid-fleet`.
 */
export function planHosts(options: HostsOptions): FleetPlan {
  const { dir, hosts, port, p2pPort, seed } = options;
  const network = options.network ?? VARIABLES.find(({ name }) => name === 'P2P_TOPIC')?.default ?? '';
  if (hosts.length < 1 || hosts.length > MAX_FLEET)
    throw invalid(`a fleet of ${hosts.length} nodes cannot be made`, `name 1 to ${MAX_FLEET} hosts`);
  const places = hosts.map(placeOf);
  if (new Set(places.map(({ url }) => url.href)).size !== places.length)
    throw invalid('two nodes have the same URL', 'give each node its own host or port');
  const names = namesOf(places);

  const taken = new Map<string, number>();
  const sites = places.map(({ url }, i): Site => {
    const host = hostOf(url);
    if (isSpaceHost(host)) return { name: names[i] ?? '', api: parseBaseUrl(url.href) as string, ...SPACE_SITE };
    const before = taken.get(host) ?? 0;
    taken.set(host, before + 1);
    const p2p = p2pPort + before;
    const any = isIPv6(host) ? '::' : '0.0.0.0';
    const bind = isLoopback(host) ? host : any;
    const behindProxy = url.protocol === 'https:';
    return {
      name: names[i] ?? '',
      api: parseBaseUrl(url.href) as string,
      listensAt: behindProxy ? ['127.0.0.1', port + before] : [bind, Number(url.port || 80)],
      p2pListen: multiaddrOf(bind, p2p),
      p2pAddress: multiaddrOf(host, p2p),
      more: [
        ['ENVIRONMENT', 'production'],
        ['ALLOWED_HOSTS', host],
        ...(behindProxy ? [['TRUSTED_PROXIES', 'loopback'] as const] : []),
      ],
    };
  });
  return planSites({ dir, network, seed, sites });
}
