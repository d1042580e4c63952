import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import { LatticeError } from '../../core/types/index.ts';
import { type Flaw, isFlaw, shortIPv6 } from '../../core/wire/host.ts';
import { parseListenMultiaddr, parsePeerMultiaddr } from '../../core/wire/multiaddr.ts';
import { toReason } from './reasons.ts';

/** A peer to stay connected with, with all addresses that are given for it in one way. */
export interface BootstrapPeer {
  readonly peerId: string;
  readonly addresses: readonly Multiaddr[];
  /** The peer itself announced them, and nobody configured them. */
  readonly announced?: true;
}

/** Parses a listen address. Throws LatticeError `invalid-address` unless it is TCP or WebSocket on an IP address. */
export function parseListen(text: string): Multiaddr {
  const parsed = parseListenMultiaddr(text);
  if (isFlaw(parsed)) throw invalid('listen', text, parsed);
  return multiaddr(parsed.text);
}

/**
 * Parses bootstrap addresses and groups them by peer. Addresses of the peer id `own` are left out. Throws LatticeError
 * `invalid-address`.
 */
export function parseBootstrap(texts: readonly string[], own: string): readonly BootstrapPeer[] {
  const peers = new Map<string, Multiaddr[]>();
  for (const text of texts) {
    const parsed = parsePeerMultiaddr(text);
    if (isFlaw(parsed)) throw invalid('bootstrap', text, parsed);
    if (parsed.peerId === own) continue;
    peers.set(parsed.peerId, [...(peers.get(parsed.peerId) ?? []), multiaddr(parsed.text)]);
  }
  return [...peers].map(([peerId, addresses]) => ({ peerId, addresses }));
}

/**
 * The IP addresses of configured peers, which may connect even when limits are reached. Loopback is left out, because
 * behind a local proxy everybody has that address.
 */
export function allowedHosts(peers: readonly BootstrapPeer[]): string[] {
  const hosts = new Set<string>();
  for (const address of peers.flatMap((peer) => peer.addresses)) {
    const host = address.getComponents()[0];
    if (host?.value === undefined || host.value.startsWith('127.') || host.value === '::1') continue;
    if (host.name === 'ip4' || host.name === 'ip6') hosts.add(`/${host.name}/${host.value}`);
  }
  return [...hosts];
}

/**
 * Whom an address counts for: an IPv4 address by itself, an IPv6 address with all of its /64, which one customer has as
 * a rule. An address without an IP stands for itself.
 */
export function addressGroup(address: Multiaddr): string {
  const [host] = address.getComponents();
  if (host?.value === undefined || host.name !== 'ip6') return host?.value ?? address.toString();
  const groups = wholeIPv6(host.value);
  const mapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (!mapped)
    return `${groups
      .slice(0, 4)
      .map((group) => group.toString(16))
      .join(':')}::/64`;
  return groups
    .slice(6)
    .flatMap((group) => [group >> 8, group & 0xff])
    .join('.');
}

/** The eight groups of an IPv6 address. */
function wholeIPv6(text: string): readonly number[] {
  const short = shortIPv6(text) ?? '::';
  const parse = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const [head = '', tail] = short.split('::');
  if (tail === undefined) return parse(head);
  const [left, right] = [parse(head), parse(tail)];
  return [...left, ...Array.from({ length: 8 - left.length - right.length }, () => 0), ...right];
}

/**
 * Makes a LatticeError of what libp2p's start threw. libp2p reports the failures of all listeners as one text with
 * stacks, in which this finds the address and the system's reason.
 */
export function toStartError(cause: unknown): LatticeError {
  if (cause instanceof LatticeError) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  const match = /^\s*(\/\S+): .*?\b(EADDRINUSE|EADDRNOTAVAIL|EACCES)\b/m.exec(text);
  const [, address = '', reason] = match ?? [];
  const details = { address };
  if (reason === 'EADDRINUSE') {
    const next = 'Stop the program that uses this port, or give P2P another one.';
    return new LatticeError('address-in-use', `P2P cannot listen on ${address}: the port is taken`, {
      next,
      details,
      cause,
    });
  }
  if (reason === 'EADDRNOTAVAIL') {
    const next = 'Listen on an address of this machine, or on /ip4/0.0.0.0 for all of them.';
    return new LatticeError(
      'address-unavailable',
      `P2P cannot listen on ${address}: this machine has no such address`,
      {
        next,
        details,
        cause,
      },
    );
  }
  if (reason === 'EACCES') {
    const next = 'Use a port from 1024 up.';
    return new LatticeError('address-forbidden', `P2P cannot listen on ${address}: the system does not permit it`, {
      next,
      details,
      cause,
    });
  }
  return new LatticeError('p2p-start-failed', `P2P did not start: ${toReason(cause)}`, { cause });
}

function invalid(role: string, text: string, { rule, fix }: Flaw): LatticeError {
  return new LatticeError('invalid-address', `P2P ${role} address ${JSON.stringify(text)} is not usable: ${rule}`, {
    next: fix,
    details: { address: text },
  });
}
