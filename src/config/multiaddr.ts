import { isIPv4, isIPv6 } from 'node:net';
import { peerIdToAuthor } from '../core/wire/peer-id.ts';

/** What is wrong with a text, and what to write instead. */
export interface Flaw {
  readonly rule: string;
  readonly fix: string;
}

const TRANSPORTS: ReadonlySet<string> = new Set(['', '/ws', '/wss', '/tls/ws']);
const FORM = /^\/(ip4|ip6|dns4|dns6|dns)\/([^/]+)\/tcp\/([^/]+)((?:\/(?!p2p\/|p2p$)[^/]+)*)(?:\/p2p\/([^/]*))?$/;

/** A DNS name (RFC 1123): labels of letters, digits and hyphens, the last one not a number, 253 characters at most. */
export function isHostName(text: string): boolean {
  return (
    text.length <= 253 &&
    /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*(?!\d+\.?$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.?$/i.test(text)
  );
}

/** 0 to 65535 in plain decimal, or undefined. */
export function parsePort(text: string): number | undefined {
  if (!/^(0|[1-9]\d{0,4})$/.test(text)) return undefined;
  const port = Number(text);
  return port <= 65_535 ? port : undefined;
}

function hostFlaw(protocol: string, host: string, text: string): Flaw | undefined {
  const instead = (right: string): string => `write ${text.replace(`/${protocol}/`, `/${right}/`)}`;
  if (protocol === 'ip4') {
    if (isIPv4(host)) return undefined;
    if (isIPv6(host)) return { rule: `${host} is an IPv6 address`, fix: instead('ip6') };
    if (isHostName(host))
      return { rule: `/ip4 takes an IPv4 address, and ${host} is a host name`, fix: instead('dns4') };
    return { rule: `${host} is not an IPv4 address`, fix: 'write four numbers from 0 to 255, as in /ip4/192.0.2.1' };
  }
  if (protocol === 'ip6') {
    if (isIPv6(host) && !host.includes('%')) return undefined;
    if (isIPv4(host)) return { rule: `${host} is an IPv4 address`, fix: instead('ip4') };
    if (isHostName(host))
      return { rule: `/ip6 takes an IPv6 address, and ${host} is a host name`, fix: instead('dns6') };
    return { rule: `${host} is not an IPv6 address`, fix: 'write it as in /ip6/2001:db8::1, without a zone' };
  }
  if (isHostName(host)) return undefined;
  if (isIPv4(host)) return { rule: `${host} is an address, not a host name`, fix: instead('ip4') };
  if (isIPv6(host)) return { rule: `${host} is an address, not a host name`, fix: instead('ip6') };
  return { rule: `${host} is not a host name`, fix: 'write letters, digits, hyphens and dots' };
}

function peerIdFlaw(peerId: string): Flaw | undefined {
  if (peerIdToAuthor(peerId) !== undefined) return undefined;
  const fix = 'run "lattice id" on that node, or read its /api/lattice/p2p/identity, for its peer id';
  if (peerId.startsWith('Qm'))
    return { rule: `${peerId} is not the key of a Lattice node: those begin with 12D3KooW`, fix };
  return {
    rule: `${peerId === '' ? 'the peer id' : peerId} is not a peer id of an Ed25519 key (12D3KooW and 44 characters)`,
    fix,
  };
}

/**
 * What keeps `text` from being an address of the given use, or undefined. The accepted form is
 * /ip4|ip6|dns4|dns6|dns/HOST/tcp/PORT[/ws|/tls/ws|/wss][/p2p/PEERID]. 'peer': a port other than 0, and /p2p. 'listen':
 * an IP address and no TLS (there is no certificate); /p2p may stand there and says nothing new. A parser of just these
 * forms, since
 * @multiformats/multiaddr takes 84 ms to load and says less about what is wrong.
 */
export function multiaddrFlaw(text: string, use: 'listen' | 'peer'): Flaw | undefined {
  const match = FORM.exec(text);
  if (match === null) {
    const example = use === 'listen' ? '/ip4/0.0.0.0/tcp/9000' : '/dns4/node.example.org/tcp/9000/p2p/12D3KooW…';
    return { rule: 'it is not a TCP multiaddr', fix: `write it as in ${example}` };
  }
  const [, protocol = '', host = '', portText = '', transport = '', peerId] = match;
  const wrongHost = hostFlaw(protocol, host, text);
  if (wrongHost !== undefined) return wrongHost;
  const port = parsePort(portText);
  if (port === undefined) return { rule: `${portText} is not a port`, fix: 'write a number from 1 to 65535' };
  if (!TRANSPORTS.has(transport)) {
    return {
      rule: `${transport} is not a transport of this node`,
      fix: 'write nothing (TCP), /ws, /tls/ws or /wss after the port',
    };
  }
  if (use === 'listen') {
    if (protocol.startsWith('dns')) {
      return { rule: 'a node listens on an address of its own machine, not on a name', fix: 'write /ip4/… or /ip6/…' };
    }
    if (transport === '/wss' || transport === '/tls/ws') {
      return {
        rule: 'the node has no certificate to listen with',
        fix: 'listen on /ws and put a proxy that ends TLS in front',
      };
    }
    return peerId === undefined ? undefined : peerIdFlaw(peerId);
  }
  if (port === 0) return { rule: 'port 0 cannot be dialled', fix: 'write the port that the peer listens on' };
  if (peerId === undefined) {
    return {
      rule: 'it does not say which peer is expected there',
      fix: `append /p2p/ and the peer id, as in ${text}/p2p/12D3KooW…`,
    };
  }
  return peerIdFlaw(peerId);
}
