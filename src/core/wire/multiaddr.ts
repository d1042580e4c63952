import type { Author } from '../types/index.ts';
import { type Flaw, isFlaw, isHostName, isIPv4, parsePort, shortIPv6 } from './host.ts';
import { isSpaceHost } from './hugging-face.ts';
import { peerIdToAuthor } from './peer-id.ts';
import { placeholderIn } from './placeholder.ts';

/** Where a node listens: at an IP address of its machine. Port 0 means any free one. */
export interface ListenMultiaddr {
  /** The one form in which such addresses are compared, without /p2p. */
  readonly text: string;
  readonly port: number;
  readonly webSocket: boolean;
}

/** Where a peer is dialled, and whose key is expected there. */
export interface PeerMultiaddr {
  /** The one form in which such addresses are compared: names in lower case, and IPv6 in its shortest form. */
  readonly text: string;
  readonly author: Author;
  readonly peerId: string;
  readonly port: number;
  readonly webSocket: boolean;
}

/*
 * The parser takes just the forms that a node uses, for configuration, operators and the P2P lung alike:
 * /ip4|ip6|dns4|dns6|dns/HOST/tcp/PORT[/ws|/tls/ws|/wss][/p2p/PEERID]. The library @multiformats/multiaddr takes all
 * that the format can say, says less about what is wrong, and costs every command 84 ms to load.
 */

interface Parts {
  readonly protocol: string;
  readonly host: string;
  readonly port: number;
  /** '', '/ws', '/wss' or '/tls/ws'. */
  readonly transport: string;
  readonly peerId: string | undefined;
  readonly author: Author | undefined;
}

const TRANSPORTS: ReadonlySet<string> = new Set(['', '/ws', '/wss', '/tls/ws']);
const FORM = /^\/(ip4|ip6|dns4|dns6|dns)\/([^/]+)\/tcp\/([^/]+)((?:\/(?!p2p\/|p2p$)[^/]+)*)(?:\/p2p\/([^/]*))?$/;

const SPACE: Flaw = {
  rule: 'a Hugging Face Space takes no P2P connections',
  fix: 'leave this address out, and name https://<owner>-<name>.hf.space in LATTICE_NODES',
};

/** The host in the one form in which it is compared, or what is wrong with it. */
function hostOf(protocol: string, host: string, text: string): string | Flaw {
  const placeholder = placeholderIn(host);
  if (placeholder !== undefined)
    return { rule: `${placeholder} is a placeholder`, fix: `put the address of that node in place of ${placeholder}` };
  const instead = (right: string): string => `write ${text.replace(`/${protocol}/`, `/${right}/`)}`;
  const ipv6 = shortIPv6(host);
  if (protocol === 'ip4') {
    if (isIPv4(host)) return host;
    if (ipv6 !== undefined) return { rule: `${host} is an IPv6 address`, fix: instead('ip6') };
    if (isHostName(host))
      return { rule: `/ip4 takes an IPv4 address, and ${host} is a host name`, fix: instead('dns4') };
    return { rule: `${host} is not an IPv4 address`, fix: 'write four numbers from 0 to 255, as in /ip4/192.0.2.1' };
  }
  if (protocol === 'ip6') {
    if (ipv6 !== undefined) return ipv6;
    if (isIPv4(host)) return { rule: `${host} is an IPv4 address`, fix: instead('ip4') };
    if (isHostName(host))
      return { rule: `/ip6 takes an IPv6 address, and ${host} is a host name`, fix: instead('dns6') };
    return { rule: `${host} is not an IPv6 address`, fix: 'write it as in /ip6/2001:db8::1, without a zone' };
  }
  if (isHostName(host)) return host.toLowerCase().replace(/\.$/, '');
  if (isIPv4(host)) return { rule: `${host} is an address, not a host name`, fix: instead('ip4') };
  if (ipv6 !== undefined) return { rule: `${host} is an address, not a host name`, fix: instead('ip6') };
  return { rule: `${host} is not a host name`, fix: 'write letters, digits, hyphens and dots' };
}

/** The parts of an address, or everything that is wrong with it as one flaw. */
function partsOf(text: string, example: string): Parts | Flaw {
  const match = FORM.exec(text);
  if (match === null) {
    const placeholder = placeholderIn(text);
    if (placeholder !== undefined) return { rule: `${placeholder} is a placeholder`, fix: `write it as in ${example}` };
    return { rule: 'it is not a TCP multiaddr', fix: `write it as in ${example}` };
  }
  const [, protocol = '', hostText = '', portText = '', transport = '', peerId] = match;
  if (isSpaceHost(hostText) && transport === '') return SPACE;
  const host = hostOf(protocol, hostText, text);
  const port = parsePort(portText);
  const flaws = isFlaw(host) ? [host] : [];
  if (port === undefined) flaws.push({ rule: `${portText} is not a port`, fix: 'write a number from 1 to 65535' });
  if (!TRANSPORTS.has(transport)) {
    flaws.push({
      rule: `${transport} is not a transport of this node`,
      fix: 'write nothing (TCP), /ws, /tls/ws or /wss after the port',
    });
  }
  const author = peerId === undefined ? undefined : authorOf(peerId);
  if (author !== undefined && isFlaw(author)) flaws.push(author);
  if (isFlaw(host) || port === undefined || flaws.length > 0) return oneFlaw(flaws);
  return { protocol, host, port, transport, peerId, author: author as Author | undefined };
}

/** Flaws as one, so that whoever corrects an address does it in one round. */
function oneFlaw(flaws: readonly Flaw[]): Flaw {
  return { rule: flaws.map(({ rule }) => rule).join(', and '), fix: flaws.map(({ fix }) => fix).join('; then ') };
}

function authorOf(peerId: string): Author | Flaw {
  const author = peerIdToAuthor(peerId);
  if (author !== undefined) return author;
  const fix = 'run "lattice id" on that node, or read its /api/lattice/p2p/identity, for its peer id';
  const placeholder = placeholderIn(peerId);
  if (placeholder !== undefined) return { rule: `${placeholder} is a placeholder`, fix };
  if (peerId.startsWith('Qm'))
    return { rule: `${peerId} is not the key of a Lattice node: those begin with 12D3KooW`, fix };
  return {
    rule: `${peerId === '' ? 'the peer id' : peerId} is not a peer id of an Ed25519 key (12D3KooW and 44 characters)`,
    fix,
  };
}

/**
 * Parses an address to listen at: an IP address without TLS, as the node has no certificate. /p2p may follow it and
 * adds nothing.
 */
export function parseListenMultiaddr(text: string): ListenMultiaddr | Flaw {
  const parts = partsOf(text, '/ip4/0.0.0.0/tcp/9000');
  if ('rule' in parts) return parts;
  const { protocol, host, port, transport } = parts;
  if (protocol.startsWith('dns'))
    return { rule: 'a node listens on an address of its own machine, not on a name', fix: 'write /ip4/… or /ip6/…' };
  if (transport === '/wss' || transport === '/tls/ws') {
    return {
      rule: 'the node has no certificate to listen with',
      fix: 'listen on /ws and put a proxy that ends TLS in front',
    };
  }
  return { text: `/${protocol}/${host}/tcp/${port}${transport}`, port, webSocket: transport !== '' };
}

/**
 * Parses an address at which others dial this node. /p2p may follow it and adds nothing: a node knows its own key, which
 * may have turned since somebody wrote the address.
 */
export function parseOwnMultiaddr(text: string): { readonly text: string } | Flaw {
  const parts = partsOf(text, '/dns4/node.example.org/tcp/9000');
  if ('rule' in parts) return parts;
  const { protocol, host, port, transport } = parts;
  if (port === 0) return { rule: 'port 0 cannot be dialled', fix: 'write the port at which others reach this node' };
  if (host === '0.0.0.0' || host === '::')
    return { rule: `${host} is no address of a machine`, fix: 'write the address at which others reach this node' };
  return { text: `/${protocol}/${host}/tcp/${port}${transport}` };
}

/** Parses an address to dial a peer at: its port is not 0, and /p2p names the peer id of the peer's key. */
export function parsePeerMultiaddr(text: string): PeerMultiaddr | Flaw {
  const parts = partsOf(text, '/dns4/node.example.org/tcp/9000/p2p/12D3KooW…');
  if ('rule' in parts) return parts;
  const { protocol, host, port, transport, peerId, author } = parts;
  if (port === 0) return { rule: 'port 0 cannot be dialled', fix: 'write the port that the peer listens on' };
  if (peerId === undefined || author === undefined) {
    return {
      rule: 'it does not say which peer is expected there',
      fix: `append /p2p/ and the peer id, as in ${text}/p2p/12D3KooW…`,
    };
  }
  const whole = `/${protocol}/${host}/tcp/${port}${transport}/p2p/${peerId}`;
  return { text: whole, author, peerId, port, webSocket: transport !== '' };
}
