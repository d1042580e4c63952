import { MAX_URL_BYTES, parseUrl } from '../types/index.ts';
import type { Flaw } from './host.ts';
import { spaceAppOf } from './hugging-face.ts';

const EXAMPLE = 'write it as in https://node.example.org or http://192.0.2.1:8000';
/** Names of containers may have underscores anywhere, so this takes more than RFC 1123 allows. */
const HOST = /^(?:\[[0-9a-f:]+\]|(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63})$/;

/**
 * The base URL of a node's API in the one form in which it is compared and connected to, or what is wrong with it.
 * Scheme and host are in lower case, and hosts in their canonical form (WHATWG URL). The scheme's own port, the dot
 * that may end a name, and trailing slashes are left out. A base URL has no user, query or fragment.
 */
export function parseBaseUrl(text: string): string | Flaw {
  // This check comes first because fixes repeat the text, and what stands before the @ may be a password.
  if (text.includes('@'))
    return { rule: 'a base URL has no user and no password', fix: 'leave them out, up to and with the @' };
  if (text.length > MAX_URL_BYTES)
    return { rule: `it is longer than ${MAX_URL_BYTES} characters`, fix: 'write a shorter one' };
  // A URL parser silently leaves out or replaces these characters.
  if (/[\s\\\p{Cc}]/u.test(text)) return { rule: 'it contains a blank or a backslash', fix: EXAMPLE };
  const bare = text.replace(/\/+$/, '');
  const app = spaceAppOf(bare);
  if (app !== undefined)
    return { rule: 'it is the page of a Hugging Face Space, and no node answers there', fix: `write ${app}, its app` };
  const hasScheme = text.includes('://');
  const url = parseUrl(bare);
  if (url === undefined) return { rule: 'it is not a URL', fix: hasScheme ? EXAMPLE : `write http://${bare}` };
  // "node.example.org:8000" parses as a URL of the scheme "node.example.org".
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    return { rule: 'it is not an HTTP URL', fix: hasScheme ? 'write http:// or https://' : `write http://${bare}` };
  // A URL parser takes any number of slashes after the colon.
  if (!/^https?:\/\/[^/]/i.test(bare)) return { rule: 'it is not a URL', fix: EXAMPLE };
  if (/[?#]/.test(bare))
    return { rule: 'a base URL has no query and no fragment', fix: 'leave out ? or # and the rest' };
  const host = url.hostname.replace(/\.$/, '');
  if (!HOST.test(host) || host.length > 253) return { rule: 'it has no valid host', fix: EXAMPLE };
  if (url.port === '0') return { rule: 'port 0 cannot be reached', fix: 'write the port that the node listens on' };
  const port = url.port === '' ? '' : `:${url.port}`;
  const whole = `${url.protocol}//${host}${port}${url.pathname.replace(/\/+$/, '')}`;
  // Characters outside ASCII have become longer.
  return whole.length > MAX_URL_BYTES
    ? { rule: `it is longer than ${MAX_URL_BYTES} characters`, fix: 'write a shorter one' }
    : whole;
}
