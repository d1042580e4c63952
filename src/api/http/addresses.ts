import { BlockList, isIP } from 'node:net';
import { dropOldest, LatticeError } from '../../core/types/index.ts';
import { shortIPv6 } from '../../core/wire/host.ts';

/**
 * Tells which addresses belong to one client, and which ones the limits per client leave out. Addresses are taken in
 * every spelling that proxies use (see plainAddress).
 */
export interface Addresses {
  /** True for loopback and trusted proxies, which limits per client leave out: many clients share one of these. */
  isExempt(address: string): boolean;
  isLoopback(address: string): boolean;
  /** False for a connection whose address is no longer known, because its client has left. */
  isTrustedProxy(address: string | undefined): boolean;
  /** The trusted proxies as addresses and CIDR ranges. */
  readonly proxies: readonly string[];
  /**
   * The name of a client: its IPv4 address, or the /64 of its IPv6 address, since one client usually owns all of it.
   */
  keyOf(address: string): string;
}

/** Clients that are remembered at a time. Beyond that number the oldest ones are forgotten. */
const MAX_CLIENTS = 4096;

/**
 * An IP address without what proxies write around it in X-Forwarded-For and Forwarded (RFC 7239 §6): quotes, brackets,
 * a port, a zone. An IPv4 address mapped into IPv6 is the IPv4 one, and IPv6 is in its shortest form. Undefined when
 * `text` is no address.
 */
export function plainAddress(text: string): string | undefined {
  if (isIP(text) === 4) return text;
  const bare = text.trim().replace(/^"(.*)"$/, '$1');
  const [, v4] = /^(\d{1,3}(?:\.\d{1,3}){3})(?::\d{1,5})?$/.exec(bare) ?? [];
  if (v4 !== undefined) return isIP(v4) === 4 ? v4 : undefined;
  const v6 = (/^\[([^\]]*)\](?::\d{1,5})?$/.exec(bare)?.[1] ?? bare).replace(/%.*$/, '');
  const short = shortIPv6(v6);
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(short ?? '') ?? [];
  if (high === undefined || low === undefined) return short;
  const bits = Number.parseInt(high, 16) * 2 ** 16 + Number.parseInt(low, 16);
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join('.');
}

function listed(list: BlockList, address: string): boolean {
  const plain = plainAddress(address);
  return plain !== undefined && list.check(plain, isIP(plain) === 4 ? 'ipv4' : 'ipv6');
}

/** Names of ranges (RFC 1122, 1918, 3927, 4193, 4291) that may stand for them among the trusted proxies. */
const NAMED_RANGES: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
};

/** Whether `text` is an address or a CIDR range. */
function isRange(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

function rangesOf(proxy: string): readonly string[] {
  if (Object.hasOwn(NAMED_RANGES, proxy)) return NAMED_RANGES[proxy] ?? [];
  if (isRange(proxy)) return [proxy];
  throw new LatticeError('invalid-config', `a trusted proxy is an IP address or a CIDR range, not '${proxy}'`, {
    next: `write it as in 192.0.2.1 or 10.0.0.0/8, or name a range: ${Object.keys(NAMED_RANGES).join(', ')}`,
  });
}

function blockListOf(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', bits] = range.split('/');
    const family = isIP(address) === 4 ? 'ipv4' : 'ipv6';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}

/**
 * `trustedProxies` are addresses, CIDR ranges and the names in NAMED_RANGES. Throws LatticeError `invalid-config` for
 * anything else.
 */
export function createAddresses(trustedProxies: readonly string[]): Addresses {
  const loopback = blockListOf(NAMED_RANGES['loopback'] ?? []);
  const proxies = trustedProxies.flatMap(rangesOf);
  const proxyList = blockListOf(proxies);
  // Answers are kept, because every request asks, and each of the two lists takes a microsecond to look through.
  const known = new Map<string, boolean>();
  return {
    proxies,
    isLoopback: (address) => listed(loopback, address),
    isTrustedProxy: (address) => address !== undefined && listed(proxyList, address),
    isExempt(address) {
      let exempt = known.get(address);
      if (exempt === undefined) {
        exempt = listed(loopback, address) || listed(proxyList, address);
        dropOldest(known, MAX_CLIENTS);
        known.set(address, exempt);
      }
      return exempt;
    },
    keyOf(address) {
      // Clients whose address nobody tells are one client.
      const plain = plainAddress(address) ?? 'unknown';
      if (isIP(plain) !== 6) return plain;
      const [head = '', tail = ''] = plain.split('::', 2);
      const left = head === '' ? [] : head.split(':');
      const right = tail === '' ? [] : tail.split(':');
      const zeros = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0');
      return [...left, ...zeros, ...right].slice(0, 4).join(':');
    },
  };
}

/** Counts the events of each client over a minute. */
export interface RateLimit {
  /** Milliseconds until the client may go on, or 0. */
  blockedFor(client: string): number;
  count(client: string): void;
}

const MINUTE_MS = 60_000;

/** Blocks a client after `perMinute` events until a minute has passed since its first one, by the monotonic clock. */
export function createRateLimit(perMinute: number): RateLimit {
  const windows = new Map<string, { readonly endsAt: number; events: number }>();
  const current = (client: string) => {
    const window = windows.get(client);
    if (window !== undefined && window.endsAt <= performance.now()) {
      windows.delete(client);
      return undefined;
    }
    return window;
  };
  return {
    blockedFor(client) {
      const window = current(client);
      return window !== undefined && window.events >= perMinute ? window.endsAt - performance.now() : 0;
    },
    count(client) {
      const window = current(client);
      if (window !== undefined) {
        window.events++;
        return;
      }
      dropOldest(windows, MAX_CLIENTS);
      windows.set(client, { endsAt: performance.now() + MINUTE_MS, events: 1 });
    },
  };
}
