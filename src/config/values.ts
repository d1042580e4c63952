// Longer than other files, because it is one table: how the text of each kind of variable is read.
import { isIP, isIPv6 } from 'node:net';
import { dirname, isAbsolute, resolve } from 'node:path';
import { isStrictPublicKey } from '../adapters/system/keys.ts';
import { bytesToHex, counted, hexToBytes, MAX_NETWORK_BYTES, MAX_TRUSTED } from '../core/types/index.ts';
import { MAX_NAME_BYTES } from '../core/wire/about.ts';
import { MAX_ANNOUNCED } from '../core/wire/announcement.ts';
import { parseBaseUrl } from '../core/wire/base-url.ts';
import { type Flaw, isFlaw, isHostName, parsePort } from '../core/wire/host.ts';
import { spaceAppOf } from '../core/wire/hugging-face.ts';
import { parseListenMultiaddr, parseOwnMultiaddr, parsePeerMultiaddr } from '../core/wire/multiaddr.ts';
import { peerIdToAuthor } from '../core/wire/peer-id.ts';
import { bracketedIn, placeholderIn } from '../core/wire/placeholder.ts';
import type { Kind, Variable } from './variable.ts';

/**
 * The type of value that each kind of text becomes. An empty text becomes an empty list, an empty text or undefined.
 */
export interface Values {
  readonly boolean: boolean | undefined;
  /** The meaning of the choice: a value of the variable's `choices`. */
  readonly choice: string;
  /** Milliseconds. */
  readonly seconds: number;
  readonly port: number;
  readonly host: string;
  readonly text: string;
  /** An absolute path. */
  readonly path: string;
  /** An absolute path of a directory. */
  readonly 'audit-path': string;
  readonly token: string | undefined;
  /** 64 lower-case hex digits. */
  readonly seed: string | undefined;
  /** In the form of parseBaseUrl, without a slash at the end. */
  readonly url: string;
  readonly urls: readonly string[];
  readonly origins: readonly string[];
  /** In lower case. */
  readonly hosts: readonly string[];
  readonly proxies: readonly string[];
  /** 64 lower-case hex digits. */
  readonly 'public-key': string | undefined;
  /** 64 lower-case hex digits each, sorted, and each key once. */
  readonly 'public-keys': readonly string[];
  /** Pairs of 64 lower-case hex digits and a name. */
  readonly 'node-names': readonly (readonly [publicKey: string, name: string])[];
  /** Multiaddrs without /p2p. */
  readonly 'listen-addresses': readonly string[];
  readonly 'peer-addresses': readonly string[];
  /** Base URLs, and multiaddrs without /p2p. */
  readonly 'own-addresses': readonly string[];
  readonly bytes: number | undefined;
  readonly 'vault-store': VaultPlace;
  readonly credential: string;
}

/** Where the bytes of the vault lie. The prefix of a bucket is empty, or ends with a slash. */
export type VaultPlace =
  | { readonly kind: 'files' | 'memory' }
  | { readonly kind: 's3'; readonly bucket: string; readonly prefix: string };

/** Characters of a credential: tokens of temporary keys have one to two thousand. */
const MAX_CREDENTIAL = 4096;
const CREDENTIAL = new RegExp(`^[!-~]{0,${MAX_CREDENTIAL}}$`);
/** A bucket by the rules of S3, and what the keys in it begin with. */
const BUCKET = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/;
/** One part of that, in characters that every S3-compatible service takes, and none that a URL could take away. */
const BUCKET_PART = /^(?!\.{1,2}$)[A-Za-z0-9._-]+$/;

/** What a parser gets beside the text. */
export interface Context {
  readonly variable: Variable;
  /** The directory to which relative paths are relative. */
  readonly base: string;
  /** Adds a problem with `value`, which is the variable's text or one item of it. */
  readonly reject: (value: string, flaw: Flaw) => void;
  /** Adds a warning for an item that the node does without. */
  readonly leaveOut: (value: string, flaw: Flaw) => void;
}

/** Items of one list. No list of a fleet's nodes, keys or hosts has more items than the longest trust list. */
const MAX_ITEMS = MAX_TRUSTED;
/**
 * Characters of an item. A host name of 253, its port, path and peer id fit, and messages that repeat it stay readable.
 */
const MAX_ITEM_LENGTH = 512;

/**
 * The form b64token of RFC 6750. Fewer than 16 characters could be guessed even if they are random; 512 fit into the
 * header limits of servers and proxies.
 */
const TOKEN = /^[A-Za-z0-9._~+/-]{16,512}={0,2}$/;
/** The names of ranges of addresses that may stand among the trusted proxies. */
const PROXY_NAMES: ReadonlySet<string> = new Set(['loopback', 'linklocal', 'uniquelocal']);

/** What Kubernetes puts into NAME_PORT for a service called NAME. */
const KUBERNETES_LINK = /^(tcp|udp|sctp):\/\//;
const LINKED: Flaw = {
  rule: 'Kubernetes set it for a service of this name',
  fix: 'write enableServiceLinks: false in the pod, or rename the service',
};

const TOO_LONG: Flaw = {
  rule: `it is longer than ${MAX_ITEM_LENGTH} characters`,
  fix: 'separate the items of a list by commas',
};

/**
 * Parses a list that is separated by commas. `item` answers what an item becomes, or its flaw, which is rejected, or
 * undefined for an item that is left out. The result has the accepted items in their order, each once.
 */
function parseList(
  text: string,
  context: Context,
  item: (value: string) => string | Flaw | undefined,
): readonly string[] {
  const values = text
    .split(',')
    .map((value) => value.trim())
    .filter((value) => value !== '');
  if (values.length > MAX_ITEMS) {
    context.reject(counted(values.length, 'item'), {
      rule: `at most ${MAX_ITEMS} items are allowed`,
      fix: 'name the nearest peers only',
    });
    return [];
  }
  const accepted = new Set<string>();
  for (const value of values) {
    const result = value.length > MAX_ITEM_LENGTH ? TOO_LONG : item(value);
    if (typeof result === 'string') accepted.add(result);
    else if (result !== undefined) context.reject(value, result);
  }
  return [...accepted];
}

/** The flaw of a text that is a placeholder. */
function placeholderFlaw(placeholder: string | undefined, fix: string): Flaw | undefined {
  return placeholder === undefined ? undefined : { rule: `${placeholder} is a placeholder`, fix };
}

const bracketFlaw = (text: string): Flaw | undefined => placeholderFlaw(bracketedIn(text), 'write the value itself');

/** The flaw of a secret that is a placeholder as a whole: a random one may have any words in it. */
function secretFlaw(text: string, fix: string): Flaw | undefined {
  return placeholderIn(text) === text ? placeholderFlaw('the whole value', fix) : undefined;
}

/** A base URL that peers are asked at. The page of a Space is left out, since the other peers can be asked. */
function peerUrl(text: string, context: Context): string | Flaw | undefined {
  const url = parseBaseUrl(text);
  if (isFlaw(url) && spaceAppOf(text) !== undefined) {
    context.leaveOut(text, url);
    return undefined;
  }
  return placeholderFlaw(placeholderIn(text), 'write the URL at which that node answers') ?? url;
}

function origin(text: string): string | Flaw {
  if (text === '*') return text;
  const url = parseBaseUrl(text);
  if (typeof url !== 'string') return url;
  const parsed = new URL(url);
  if (parsed.pathname !== '/') return { rule: 'an origin has no path', fix: `write ${parsed.origin}` };
  return parsed.origin;
}

/** An IP address, without the brackets that URLs put around IPv6, or a host name. Undefined when `text` is neither. */
function bareHost(text: string): string | undefined {
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
  return isIP(bare) !== 0 || (bare === text && isHostName(bare)) ? bare : undefined;
}

function hostHeader(text: string): string | Flaw {
  if (isIPv6(text)) return `[${text.toLowerCase()}]`;
  const [, host = '', port] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(text) ?? [];
  if (bareHost(host) === undefined || (port !== undefined && !parsePort(port))) {
    return {
      rule: 'it is not a host or host:port',
      fix: 'write it as the Host header has it: node.example.org, 192.0.2.1:8000 or [::1]:8000',
    };
  }
  return text.toLowerCase();
}

function proxy(text: string): string | Flaw {
  const [address = '', bits, ...rest] = text.split('/');
  const greatest = isIPv6(address) ? 128 : 32;
  const isRange = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= greatest);
  if (PROXY_NAMES.has(text) || (isIP(address) !== 0 && isRange && rest.length === 0)) return text;
  return {
    rule: 'it is not an IP address or a CIDR range',
    fix: 'write it as in 192.0.2.1 or 10.0.0.0/8, or loopback',
  };
}

function publicKey(text: string): string | Flaw {
  const placeholder = placeholderFlaw(placeholderIn(text), 'run "lattice id" on that node for its public key');
  if (placeholder !== undefined) return placeholder;
  const author = peerIdToAuthor(text);
  if (author !== undefined) return { rule: 'it is a peer id, not a public key', fix: `write its key: ${author}` };
  const bytes = hexToBytes(text);
  if (bytes?.length !== 32)
    return { rule: 'a public key has 64 hex digits', fix: 'run "lattice id" on that node for its public key' };
  if (!isStrictPublicKey(bytes)) {
    return { rule: 'no node can have this public key', fix: 'run "lattice id" on that node for its public key' };
  }
  return bytesToHex(bytes);
}

/** `<public key>=<name>`, in the same form with the key in lower case. */
function nodeName(text: string): string | Flaw {
  const at = text.indexOf('=');
  const name = text.slice(at + 1).trim();
  if (at < 0 || name === '')
    return { rule: 'it is not a public key and a name', fix: 'write <64 hex digits>=<name>, as in "lattice id"' };
  const key = publicKey(text.slice(0, at).trim());
  if (isFlaw(key)) return key;
  if (new TextEncoder().encode(name).length > MAX_NAME_BYTES)
    return { rule: `the name is longer than ${MAX_NAME_BYTES} bytes`, fix: 'write a shorter one' };
  return `${key}=${name}`;
}

function parseSeconds(text: string, { variable, reject }: Context): number {
  const [least, greatest] = variable.range ?? [0, Number.MAX_SAFE_INTEGER];
  const value = /^(\d{1,12}(\.\d{1,12})?|\.\d{1,12})$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= greatest) return Math.round(value * 1000);
  const rule = Number.isNaN(value) ? 'it is not a number of seconds' : `it is outside ${least} to ${greatest} seconds`;
  reject(text, { rule, fix: `write seconds without a unit, for example ${variable.default}` });
  return 0;
}

function parsePath(text: string, { base, reject }: Context): string {
  if (text === '') return '';
  const placeholder = placeholderFlaw(bracketedIn(text), 'write a path');
  if (placeholder !== undefined) reject(text, placeholder);
  if (text.startsWith('~'))
    reject(text, { rule: '~ is not expanded', fix: 'write the whole path, or one relative to the file' });
  if (text.includes('\0')) reject(text, { rule: 'it contains a zero byte', fix: 'write a path' });
  return isAbsolute(text) ? resolve(text) : resolve(base, text);
}

/** What one of each unit of bytes is. */
const UNITS: Readonly<Record<string, number>> = { '': 1, b: 1, kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30, tib: 2 ** 40 };

function parseBytes(text: string, { variable, reject }: Context): number | undefined {
  if (text === '') return undefined;
  const [least, greatest] = variable.range ?? [0, Number.MAX_SAFE_INTEGER];
  const [, digits, unit = ''] = /^(\d{1,16}) ?([a-z]{0,3})$/i.exec(text) ?? [];
  const value = Number(digits) * (UNITS[unit.toLowerCase()] ?? Number.NaN);
  if (value >= least && value <= greatest) return value;
  const rule = Number.isNaN(value) ? 'it is not a number of bytes' : `it is outside ${least} to ${greatest} bytes`;
  reject(text, { rule, fix: 'write bytes without a unit, or a number of KiB, MiB, GiB or TiB such as 64MiB' });
  return undefined;
}

function textOrFlaw(parsed: { readonly text: string } | Flaw): string | Flaw {
  return isFlaw(parsed) ? parsed : parsed.text;
}

/** The parser of each kind. One that rejects a text answers some value all the same, which is then not used. */
export const PARSERS: { readonly [K in Kind]: (text: string, context: Context) => Values[K] } = {
  boolean(text, { reject }) {
    if (text === '') return undefined;
    if (/^(1|true|yes|on)$/i.test(text)) return true;
    if (!/^(0|false|no|off)$/i.test(text)) reject(text, { rule: 'it is not a boolean', fix: 'write true or false' });
    return false;
  },
  choice(text, { variable, reject }) {
    if (text === '') return '';
    const choices = variable.choices ?? {};
    const key = text.toLowerCase();
    const meaning = Object.hasOwn(choices, key) ? choices[key] : undefined;
    if (meaning === undefined) reject(text, { rule: 'it is not one of the values', fix: `write ${variable.unit}` });
    return meaning ?? '';
  },
  seconds: parseSeconds,
  bytes: parseBytes,
  port(text, { reject }) {
    const port = parsePort(text);
    if (KUBERNETES_LINK.test(text)) reject(text, LINKED);
    else if (port === undefined) reject(text, { rule: 'it is not a port', fix: 'write a number from 0 to 65535' });
    return port ?? 0;
  },
  host(text, { reject }) {
    const host = bareHost(text);
    if (host === undefined)
      reject(text, { rule: 'it is not an IP address or host name', fix: 'write 127.0.0.1, 0.0.0.0 or a name' });
    return host ?? text;
  },
  text(text, { reject }) {
    const placeholder = placeholderFlaw(bracketedIn(text), 'write a text of your own');
    if (placeholder !== undefined) reject(text, placeholder);
    const bytes = new TextEncoder().encode(text).length;
    if (bytes > MAX_NETWORK_BYTES)
      reject(text, { rule: `it is longer than ${MAX_NETWORK_BYTES} bytes`, fix: 'write a shorter one' });
    if (/[\p{Cc}\p{Cs}]/u.test(text))
      reject(text, {
        rule: 'it contains a control character or a lone surrogate',
        fix: 'write it in one line of plain text',
      });
    return text;
  },
  path: parsePath,
  'audit-path'(text, context) {
    const path = parsePath(text, context);
    return /\.db$/i.test(path) ? dirname(path) : path;
  },
  token(text, { reject }) {
    if (text === '') return undefined;
    const placeholder = secretFlaw(text, 'make one with: openssl rand -hex 32');
    if (placeholder !== undefined) reject(text, placeholder);
    else if (!TOKEN.test(text)) {
      reject(text, {
        rule: 'a token has 16 to 512 characters of A-Z a-z 0-9 . _ ~ + / -',
        fix: 'make one with: openssl rand -hex 32',
      });
    }
    return text;
  },
  seed(text, { reject }) {
    if (text === '') return undefined;
    const placeholder = secretFlaw(text, 'write the private key, or unset it and let the node make a key file');
    if (placeholder !== undefined) reject(text, placeholder);
    else if (hexToBytes(text)?.length !== 32) {
      reject(text, {
        rule: 'an Ed25519 seed has 64 hex digits',
        fix: 'write 64 hex digits, or unset it and let the node make a key file',
      });
    }
    return text.toLowerCase();
  },
  credential(text, { reject }) {
    const placeholder = secretFlaw(text, 'write what the service gave you');
    if (placeholder !== undefined) reject(text, placeholder);
    else if (!CREDENTIAL.test(text))
      reject(text, {
        rule: `it is no text of at most ${MAX_CREDENTIAL} printable ASCII characters without blanks`,
        fix: 'copy it once more from the service that gave it',
      });
    return text;
  },
  'vault-store'(text, { reject }) {
    const kind = text.toLowerCase();
    if (kind === 'files' || kind === 'memory') return { kind };
    const [, bucket, path = ''] = text.length > MAX_ITEM_LENGTH ? [] : (BUCKET.exec(text) ?? []);
    const parts = path.split('/').filter((part) => part !== '');
    if (bucket !== undefined && parts.every((part) => BUCKET_PART.test(part)))
      return { kind: 's3', bucket, prefix: parts.map((part) => `${part}/`).join('') };
    reject(text, {
      rule: 'it is no place for the bytes of a vault',
      fix: 'write files, memory, or s3://bucket/prefix',
    });
    return { kind: 'files' };
  },
  url(text, { reject }) {
    const url = text.length > MAX_ITEM_LENGTH ? TOO_LONG : parseBaseUrl(text);
    if (typeof url === 'string') return url;
    reject(text, url);
    return '';
  },
  urls: (text, context) => parseList(text, context, (value) => peerUrl(value, context)),
  origins: (text, context) => parseList(text, context, (value) => bracketFlaw(value) ?? origin(value)),
  hosts: (text, context) => parseList(text, context, (value) => bracketFlaw(value) ?? hostHeader(value)),
  proxies: (text, context) => parseList(text, context, (value) => bracketFlaw(value) ?? proxy(value)),
  'public-key'(text, { reject }) {
    if (text === '') return undefined;
    const key = publicKey(text);
    if (!isFlaw(key)) return key;
    reject(text, key);
    return undefined;
  },
  'public-keys': (text, context) => [...parseList(text, context, publicKey)].sort(),
  'node-names': (text, context) =>
    parseList(text, context, nodeName).map((pair) => [pair.slice(0, 64), pair.slice(65)] as const),
  'listen-addresses': (text, context) => parseList(text, context, (value) => textOrFlaw(parseListenMultiaddr(value))),
  'own-addresses'(text, context) {
    const parsed = parseList(text, context, (value) =>
      value.startsWith('/') ? textOrFlaw(parseOwnMultiaddr(value)) : peerUrl(value, context),
    );
    const multiaddrs = parsed.filter((address) => address.startsWith('/'));
    if (Math.max(multiaddrs.length, parsed.length - multiaddrs.length) > MAX_ANNOUNCED)
      context.reject(text, { rule: `there are over ${MAX_ANNOUNCED} of one kind`, fix: 'name those that work best' });
    return parsed;
  },
  'peer-addresses': (text, context) => parseList(text, context, (value) => textOrFlaw(parsePeerMultiaddr(value))),
};
