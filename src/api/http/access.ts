import { timingSafeEqual } from 'node:crypto';
import type { FastifyRequest, onRequestHookHandler } from 'fastify';
import { LatticeError } from '../../core/types/index.ts';
import type { AccessTokens, Right } from '../../runtime/facade/index.ts';
import { type Addresses, createRateLimit } from './addresses.ts';
import type { Clients } from './clients.ts';
import type { ApiConfig } from './deps.ts';
import { addressOf } from './requests.ts';

/** Wrong tokens of one address within a minute: enough for typing errors, too few to guess a token. */
const MAX_TOKEN_FAILURES = 10;
/** The form of the tokens that nodes make (SPEC TK2). */
const MADE = /^lattice_[0-9a-f]{16}_[0-9a-f]{64}$/;

declare module 'fastify' {
  interface FastifyRequest {
    /** What the request's token is good for, once that has been checked. */
    grant?: Grant;
  }
}

/**
 * Checks the bearer token of a request. Throws LatticeError `unauthorized`, `token-not-set`, `too-many-failures`, or
 * `right-missing` where the token is good for less.
 */
export type TokenCheck = (request: FastifyRequest) => void;

/** What the holders of tokens may do (SPEC TK1). */
export interface Access {
  /** For what operators do. */
  readonly operate: TokenCheck;
  /** For writes; `mayWrite` then says which keys. */
  readonly write: TokenCheck;
  /** For writes of what has no key of its own. */
  readonly writeAll: TokenCheck;
  /** For reads. It checks nothing where reads need no token. */
  readonly read: TokenCheck;
  /** Throws LatticeError `right-missing` where the request's token does not reach to one of the keys. */
  mayWrite(request: FastifyRequest, keys: readonly string[]): void;
  /** Whether what let the request in still does: its token is not replaced, withdrawn or over its time. */
  holds(request: FastifyRequest): boolean;
}

/** Who shows a token. `holds` tells whether it still counts. */
interface Grant {
  readonly right: Right;
  readonly prefix: string;
  readonly holds: () => boolean;
}

const ORDER: readonly Right[] = ['read', 'write', 'operate'];
const includes = (right: Right, needed: Right): boolean => ORDER.indexOf(right) >= ORDER.indexOf(needed);
const ABLE: Readonly<Record<Right, string>> = {
  read: 'read only',
  write: 'write and read',
  operate: 'do everything',
};

/** In a time that tells nothing but whether the lengths are equal. */
function isToken(given: string, token: string | undefined): boolean {
  if (token === undefined || given.length !== token.length) return false;
  const [ours, theirs] = [Buffer.from(token), Buffer.from(given)];
  return ours.length === theirs.length && timingSafeEqual(ours, theirs);
}

/** What checks the token of a route's requests before anything else of them. */
export function tokenHook(check: TokenCheck): { readonly onRequest: onRequestHookHandler } {
  return {
    onRequest(request, _reply, done) {
      check(request);
      done();
    },
  };
}

/**
 * Compares tokens in a time that tells their length only. An address that sent too many wrong tokens is refused even with
 * the right one. One from an exempt address is not: otherwise one guesser behind a local proxy would lock out the operator.
 */
export function createAccess(
  config: ApiConfig,
  addresses: Addresses,
  clients: Clients,
  tokens: Pick<AccessTokens, 'find' | 'isValid' | 'any'> | undefined,
): Access {
  const failures = createRateLimit(MAX_TOKEN_FAILURES);

  function grantOf(given: string): Grant | undefined {
    const { token, readToken } = config.api;
    if (isToken(given, token)) return { right: 'operate', prefix: '', holds: () => config.api.token === token };
    if (isToken(given, readToken))
      return { right: 'read', prefix: '', holds: () => config.api.readToken === readToken };
    const made = tokens?.find(given);
    if (tokens === undefined || made === undefined) return undefined;
    return { right: made.right, prefix: made.prefix ?? '', holds: () => tokens.isValid(made.id) };
  }

  function check(request: FastifyRequest, needed: Right): Grant {
    const given = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1];
    const grant = given === undefined ? undefined : grantOf(given);
    const client = addresses.keyOf(addressOf(request));
    const blockedMs = failures.blockedFor(client);
    if (blockedMs > 0 && !(grant !== undefined && clients.of(request) === undefined)) {
      throw new LatticeError('too-many-failures', 'too many wrong tokens from this address', {
        next: 'wait a minute, then use the right token',
        details: { retryAfterMs: blockedMs },
      });
    }
    if (grant !== undefined) {
      if (!includes(grant.right, needed))
        throw new LatticeError('right-missing', `this token may ${ABLE[grant.right]}`, {
          next: `use the API token, or one that may ${needed}: lattice token new --${needed}`,
        });
      request.grant = grant;
      return grant;
    }
    // Only a wrong token counts: a missing one is an oversight and no guess. Neither is one that the node may have made
    // once: nobody guesses 256 bits, and a script whose token has ended would lock its whole address out.
    if (given !== undefined && !MADE.test(given)) failures.count(client);
    if (needed !== 'read' && config.api.token === undefined && (tokens === undefined || !tokens.any())) {
      throw new LatticeError('token-not-set', 'this node has no API token, so nothing can be changed over HTTP', {
        next: "set DIOTEC360_API_TOKEN in the node's env file, then restart the node or send it a SIGHUP",
      });
    }
    const what = needed === 'read' ? 'a token for reading' : 'the API token';
    throw new LatticeError(
      'unauthorized',
      given === undefined ? `this needs ${what}` : `${needed === 'read' ? 'the' : 'the API'} token is wrong`,
      {
        next:
          needed === 'read'
            ? "send 'Authorization: Bearer <token>' with the node's DIOTEC360_READ_TOKEN, its API token, or one that its operator made"
            : "send 'Authorization: Bearer <token>' with the node's DIOTEC360_API_TOKEN",
      },
    );
  }

  return {
    operate: (request) => void check(request, 'operate'),
    write: (request) => void check(request, 'write'),
    writeAll(request) {
      const { prefix } = check(request, 'write');
      if (prefix === '') return;
      throw new LatticeError('right-missing', `this token may write keys under ${JSON.stringify(prefix)} only`, {
        next: 'use the API token, or one that may write all keys: lattice token new --write',
      });
    },
    read(request) {
      if (config.api.readToken !== undefined) check(request, 'read');
    },
    mayWrite(request, keys) {
      const prefix = request.grant?.prefix;
      if (prefix === undefined) throw new Error('the token of this request was not checked');
      const other = prefix === '' ? undefined : keys.find((key) => !key.startsWith(prefix));
      if (other === undefined) return;
      throw new LatticeError('right-missing', `this token may write keys under ${JSON.stringify(prefix)} only`, {
        next: 'use the API token, or one that may write this key: lattice token new --write PREFIX',
        details: { key: other },
      });
    },
    holds(request) {
      const { grant } = request;
      // Who was let in without a token reads until one is needed.
      return grant === undefined ? config.api.readToken === undefined : grant.holds();
    },
  };
}
