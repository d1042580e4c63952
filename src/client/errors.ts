import type { Problem } from '../api/contract/entities.ts';
import { type ErrorCode, isErrorCode } from '../core/types/error-codes.ts';
import { LatticeError } from '../core/types/errors.ts';
import { CERTIFICATE_FAILURES, CERTIFICATE_NEXT, CONNECTION_FAILURES, NOT_TLS } from '../core/types/failures.ts';

/**
 * The error of a request that was answered with an error, by the node, or by a proxy or another service in its place.
 * `code` is the one that the node answered (`not-found`, `precondition-failed`, `read-only`, …). It is `not-supported`
 * when the node does not know the route. Without a code that is known here it is `unauthorized` for status 401, and
 * `http-status` for any other.
 */
export class LatticeProblem extends LatticeError {
  /** The HTTP status. It is 0 for a redirect in a browser, which hides the answer. */
  readonly status: number;
  /** The problem document of the answer; undefined when a proxy or another service answered. */
  readonly problem: Problem | undefined;
  /** Milliseconds to wait before another try; undefined when the answer does not say. */
  readonly retryAfterMs: number | undefined;
  constructor(
    code: ErrorCode,
    message: string,
    answer: Pick<LatticeProblem, 'status' | 'problem' | 'retryAfterMs' | 'next'>,
  ) {
    const { status, problem, retryAfterMs, next } = answer;
    super(code, message, { details: { status }, ...(next === undefined ? {} : { next }) });
    this.name = 'LatticeProblem';
    this.status = status;
    this.problem = problem;
    this.retryAfterMs = retryAfterMs;
  }
}

const NOT_OURS_HINT = 'Check that the URL is a Lattice node and not a proxy or another service.';

const NAME_HINT = 'Check the spelling of the host in the URL, and the name server of this machine.';
const OTHER_HINT = 'Check that the URL is that of a node, https where it speaks TLS: another program may listen there.';

/** LatticeError `not-a-lattice-node`, for an answer that no node gives. */
export const notOurs = (message: string, cause?: unknown): LatticeError =>
  new LatticeError('not-a-lattice-node', message, { next: NOT_OURS_HINT, cause });

/** LatticeError `answer-too-large`, for an answer that is larger than those of nodes. */
export const tooLarge = (message: string): LatticeError =>
  new LatticeError('answer-too-large', message, { next: NOT_OURS_HINT });

/** LatticeError `timeout`, for a node that did not answer within `ms`. */
export const late = (url: string, ms: number): LatticeError =>
  new LatticeError('timeout', `${url} did not answer within ${ms / 1000} s`, {
    next: 'Look at the node (is it busy or stopped?), or allow more time.',
  });

/**
 * LatticeError `unreachable`, for a request without an answer. `details.mayBeDown` is false when the way to the node is at
 * fault, its TLS certificate included, or when what listens there is no node.
 */
export function unreachable(url: string, cause: unknown): LatticeError {
  const innermost = innermostOf(cause);
  const code = codeOf(innermost);
  const isOfHttp = isOfParser(innermost, code);
  const certificate = CERTIFICATE_FAILURES[code];
  const known =
    certificate ?? CONNECTION_FAILURES[code] ?? NOT_TLS[code] ?? (isOfHttp ? 'it does not speak HTTP' : undefined);
  const said = innermost instanceof Error ? innermost.message : '';
  const isOther = NOT_TLS[code] !== undefined || isOfHttp || code === 'ECONNRESET';
  const next =
    certificate !== undefined ? CERTIFICATE_NEXT : isOther ? OTHER_HINT : isOfNames(code) ? NAME_HINT : undefined;
  return new LatticeError('unreachable', `cannot reach ${url}: ${known ?? (said || code || 'unknown cause')}`, {
    next: next ?? 'Check that the node runs, and the URL.',
    details: { mayBeDown: next === undefined },
    cause,
  });
}

/** LatticeError `unreachable`, for an answer that stopped before its end. */
export const cutShort = (url: string, what: string, cause?: unknown): LatticeError =>
  new LatticeError('unreachable', `cannot reach ${url}: ${what}`, { next: 'Try again.', cause });

const isOfNames = (code: string): boolean => code === 'ENOTFOUND' || code === 'EAI_AGAIN';

/** Causes within causes that are looked through; fetch wraps an error once or twice. */
const MAX_DEPTH = 5;

/** The error that came first. Fetch wraps it, and so do attempts at the several addresses of a name. */
function innermostOf(error: unknown): unknown {
  let found = error;
  for (let depth = 0; depth < MAX_DEPTH && found instanceof Error; depth++) {
    const inner: unknown = found instanceof AggregateError ? found.errors[0] : found.cause;
    if (!(inner instanceof Error)) break;
    found = inner;
  }
  return found;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/**
 * True for an answer that is not HTTP. In a process that has loaded undici, as every process with a node has, the global
 * fetch uses that one, whose parser names its errors and gives them no code.
 */
const isOfParser = (error: unknown, code: string): boolean =>
  code.startsWith('HPE_') || (error instanceof Error && error.name === 'HTTPParserError');

/** What is needed of an answer to tell what it refuses. */
export interface Refused {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly text: string;
}

/**
 * The error of a refusing answer, which may be a problem document, one of the original's forms, or anything else that a
 * server says. `where` is the URL, for the message.
 */
export function refusal(where: string, { status, headers, text }: Refused): LatticeProblem {
  const fields = parseObject(text);
  const field = (name: string): string | undefined => {
    const value = fields[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const detail = field('detail');
  const code = field('code');
  const answer = {
    status,
    problem: code === undefined || detail === undefined ? undefined : (fields as Problem),
    retryAfterMs: retryAfterOf(headers.get('retry-after')),
  };
  if (isMissingRoute(status, code, fields)) {
    return new LatticeProblem('not-supported', `this node's version has no ${where}`, {
      ...answer,
      next: 'Update the node, or ask a newer one.',
    });
  }
  const said =
    detail ?? field('message') ?? field('title') ?? (isRedirect(status) ? redirected(where) : answered(where, status));
  const full = { ...answer, next: field('next') ?? hintOf(status) };
  if (isErrorCode(code)) return new LatticeProblem(code, said, full);
  // A node of another version may answer with a code that is unknown here; the message then shows it.
  const shown = code === undefined ? said : `${said} (${code})`;
  return new LatticeProblem(status === 401 ? 'unauthorized' : 'http-status', shown, full);
}

const isRedirect = (status: number): boolean => status === 0 || (status >= 300 && status < 400);
const redirected = (where: string): string => `${where} redirects elsewhere`;
const answered = (where: string, status: number): string => `${where} answered status ${status}`;

/**
 * Whether the node does not know the path or the method, as opposed to a key or a peer that does not exist. Errors in
 * the original's form have no code, only `detail`.
 */
function isMissingRoute(status: number, code: string | undefined, fields: object): boolean {
  return status === 405 || (status === 404 && (code === undefined ? 'detail' in fields : code === 'no-route'));
}

function hintOf(status: number): string {
  if (isRedirect(status)) return 'Give the URL of the node itself: redirects are not followed.';
  if (status === 401) return "Give the node's API token.";
  if (status === 404) return 'Check the spelling, and the URL.';
  return status < 500 ? 'Correct what the message names, then try again.' : "Try again; the node's log says more.";
}

/** Retry-After, which is seconds or a date (RFC 9110 §10.2.3), in ms. */
function retryAfterOf(header: string | null): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
