import { parseUrl } from '../types/url.ts';
/** A rule that a text breaks, and what to write instead. */
export interface Flaw {
  readonly rule: string;
  readonly fix: string;
}

/** Whether the result of parsing is a flaw. */
export function isFlaw(result: string | object): result is Flaw {
  return typeof result === 'object' && 'rule' in result;
}

/**
 * Whether `text` is a DNS name (RFC 1123, and underscores before the last label): labels of letters, digits and
 * hyphens, the last one not a number, 253 characters at most.
 */
export function isHostName(text: string): boolean {
  return (
    text.length <= 253 &&
    /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*(?!\d+\.?$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.?$/i.test(text)
  );
}

/** Whether `text` is an IPv4 address: four numbers from 0 to 255 in plain decimal. */
export function isIPv4(text: string): boolean {
  const numbers = text.split('.', 5);
  return numbers.length === 4 && numbers.every((number) => /^(?:0|[1-9]\d{0,2})$/.test(number) && Number(number) < 256);
}

/**
 * The shortest form of an IPv6 address without a zone, or undefined when it is none. The form is that of RFC 5952,
 * except that an IPv4 address at its end is written in hex too.
 */
export function shortIPv6(text: string): string | undefined {
  // Eight groups of four digits, or six and an IPv4 address, have 45 characters at most.
  if (!/^[0-9a-f:.]{2,45}$/i.test(text) || parseUrl(`http://[${text}]`) === undefined) return undefined;
  return new URL(`http://[${text}]`).hostname.slice(1, -1);
}

/**
 * The base URL by which a machine reaches its own server that is bound to `host`: a name or an IP address, IPv6 with or
 * without the brackets of URLs. Where the address means all interfaces, it is loopback.
 */
export function localUrl(host: string, port: number | string): string {
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  const short = shortIPv6(bare);
  if (bare === '0.0.0.0' || short === '::ffff:0:0') return `http://127.0.0.1:${port}`;
  if (short === '::') return `http://[::1]:${port}`;
  return bare.includes(':') ? `http://[${short ?? bare}]:${port}` : `http://${bare}:${port}`;
}

/** The port that `text` is, 0 to 65535 in plain decimal, or undefined. */
export function parsePort(text: string): number | undefined {
  if (!/^(0|[1-9]\d{0,4})$/.test(text)) return undefined;
  const port = Number(text);
  return port <= 65_535 ? port : undefined;
}
