import { CODE_P2P, type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import { LatticeError } from '../../core/types/index.ts';
import { peerIdToAuthor } from '../../core/wire/peer-id.ts';
import { toReason } from './reasons.ts';

/** A peer of our configuration with all the addresses it was named by. */
export interface BootstrapPeer {
  readonly peerId: string;
  readonly addresses: readonly Multiaddr[];
}

const HOSTS = new Set(['ip4', 'ip6', 'dns', 'dns4', 'dns6']);

/**
 * Parses a listen address. Throws LatticeError `invalid-address` unless it is TCP (with /ws: WebSocket) on an IP
 * address.
 */
export function parseListen(text: string): Multiaddr {
  const address = parse(text, 'listen');
  const names = address.getComponents().map((component) => component.name);
  const shape = names.join('/');
  if (!/^ip[46]\/tcp(\/ws)?$/.test(shape)) {
    throw invalid('listen', text, 'it must be /ip4/<address>/tcp/<port> or /ip6/…, with /ws at the end for WebSocket');
  }
  return address;
}

/** Parses bootstrap addresses and groups them by peer. Throws LatticeError `invalid-address`; `own` is left out. */
export function parseBootstrap(texts: readonly string[], own: string): readonly BootstrapPeer[] {
  const peers = new Map<string, Multiaddr[]>();
  for (const text of texts) {
    const address = parse(text, 'bootstrap');
    const components = address.getComponents();
    const last = components.at(-1);
    if (!HOSTS.has(components[0]?.name ?? '') || components[1]?.name !== 'tcp') {
      throw invalid('bootstrap', text, 'it must begin with /ip4/<address>/tcp/<port> or /dns4/<name>/tcp/<port>');
    }
    if (last?.code !== CODE_P2P || last.value === undefined)
      throw invalid('bootstrap', text, 'it must end in /p2p/<peer id>');
    if (peerIdToAuthor(last.value) === undefined)
      throw invalid('bootstrap', text, 'its peer id holds no Ed25519 key (12D3KooW…)');
    if (last.value === own) continue;
    peers.set(last.value, [...(peers.get(last.value) ?? []), address]);
  }
  return [...peers].map(([peerId, addresses]) => ({ peerId, addresses }));
}

export function usesWebSocket(address: Multiaddr): boolean {
  return address.getComponents().some((component) => component.name === 'ws' || component.name === 'wss');
}

/**
 * IP addresses of configured peers: they may connect even when limits are reached. Loopback is left out, because
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

/** libp2p reports all listeners' failures as one text with stacks: finds the address and the system's reason in it. */
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

function parse(text: string, role: string): Multiaddr {
  try {
    return multiaddr(text);
  } catch (cause) {
    const host = /^\/ip[46]\/([^/]+)/.exec(text)?.[1];
    if (host !== undefined && /[a-z]/i.test(host) && !host.includes(':'))
      throw invalid(role, text, `"${host}" is a name: write /dns4/${host}/…`);
    throw invalid(role, text, toReason(cause));
  }
}

function invalid(role: string, text: string, why: string): LatticeError {
  return new LatticeError('invalid-address', `P2P ${role} address ${JSON.stringify(text)} is not usable: ${why}`, {
    next: 'An example: /ip4/192.0.2.7/tcp/9000, for bootstrap followed by /p2p/<peer id>.',
    details: { address: text },
  });
}
