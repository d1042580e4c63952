import { STATUS_CODES } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LatticeError } from '../../core/types/index.ts';
import { validationError } from './contracted.ts';
import type { ApiLog } from './deps.ts';

/** HTTP status of an error code, where the code's form does not tell. */
const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  malformed: 400,
  'unknown-version': 400,
  'duplicate-key': 400,
  unauthorized: 401,
  'sync-unauthorized': 401,
  'sync-forbidden': 403,
  'not-a-member': 403,
  'not-found': 404,
  'method-not-allowed': 405,
  'precondition-failed': 412,
  'range-not-satisfiable': 416,
  'unsupported-media-type': 415,
  'misdirected-request': 421,
  'idempotency-mismatch': 422,
  'upgrade-required': 426,
  'origin-refused': 403,
  'peer-configured': 409,
  'too-many-peers': 409,
  'changed-since-cut': 409,
  'too-many-failures': 429,
  'rate-limited': 429,
  overloaded: 429,
  'read-only': 503,
  'clock-ahead': 503,
  // Another node does not answer, or not in order: this one works.
  'peer-unreachable': 503,
  'peer-error': 503,
  'session-limit': 503,
  'session-deadline': 504,
  // The node is on its way down, or the tree moved on under a proof: another moment, another answer.
  stopping: 503,
  'store-closed': 503,
  'store-write-failed': 503,
  stale: 503,
  'not-certified': 503,
  deadline: 504,
  'disk-full': 507,
};

/** Codes and statuses of the framework's own errors. */
const FRAMEWORK_ERRORS: Readonly<Record<string, readonly [code: string, detail: string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['body-too-large', 'the body is larger than this endpoint takes'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported-media-type', 'the content type is not one that this endpoint takes'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['invalid-body', 'the body does not have the length that Content-Length says'],
  FST_ERR_BAD_URL: ['invalid-path', 'the path is not valid percent-encoded UTF-8'],
  FST_ERR_MAX_PARAM_LENGTH: ['invalid-key', 'the key in the path is too long'],
};

function statusOf(code: string): number {
  const known = STATUS_BY_CODE[code];
  if (known !== undefined) return known;
  if (code.endsWith('-too-large')) return 413;
  return code.startsWith('invalid-') ? 400 : 500;
}

/** Any failure as a LatticeError. What we did not foresee becomes `internal`, its text kept from the client. */
function toLatticeError(error: unknown): LatticeError {
  if (error instanceof LatticeError) return error;
  const invalid = validationError(error);
  if (invalid !== undefined) return invalid;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const framework = FRAMEWORK_ERRORS[code];
  if (framework !== undefined) return new LatticeError(framework[0], framework[1], { cause: error });
  if (
    error instanceof Error &&
    'statusCode' in error &&
    typeof error.statusCode === 'number' &&
    error.statusCode < 500
  ) {
    return new LatticeError('invalid-request', error.message, { cause: error });
  }
  return new LatticeError('internal', 'the node failed to answer this request; its log says why', { cause: error });
}

/** Paths that the original does not have: errors there are problem documents. */
const isV1 = (url: string): boolean =>
  /^\/(?:api\/v1|livez|readyz|openapi\.json|docs|metrics|dashboard)(?:[/?]|$)/.test(url);

/** Problem details of RFC 9457, as the v1 endpoints answer errors. */
function problem(error: LatticeError, status: number): object {
  return {
    type: `urn:diotec360:lattice:problem:${error.code}`,
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail: error.message,
    code: error.code,
    ...(error.next === undefined ? {} : { next: error.next }),
    ...(Array.isArray(error.details.reasons) ? { reasons: error.details.reasons } : {}),
    ...(Array.isArray(error.details.errors) ? { errors: error.details.errors } : {}),
  };
}

/** The original's error forms: `{"detail": sentence}`, and for invalid input 422 with a list. */
function legacyError(error: LatticeError, status: number): { status: number; body: object } {
  if (status === 404) return { status, body: { detail: 'Not Found' } };
  if (status === 405) return { status, body: { detail: 'Method Not Allowed' } };
  if (status !== 400) return { status, body: { detail: error.message } };
  const loc =
    error.code === 'invalid-query' || error.code === 'invalid-path' ? error.code.slice('invalid-'.length) : 'body';
  return { status: 422, body: { detail: [{ loc: [loc], msg: error.message, type: error.code }] } };
}

/**
 * Answers `cause` in the form of the surface that was asked: problem+json on /api/v1, the original's forms elsewhere.
 */
export function sendError(cause: unknown, request: FastifyRequest, reply: FastifyReply, log: ApiLog): void {
  const error = toLatticeError(cause);
  const status = statusOf(error.code);
  if (status >= 500 && error.code === 'internal')
    log.error({ err: error.cause ?? error, request: request.id }, 'request failed');
  if (status === 429 || status === 503) {
    const ms = typeof error.details.retryAfterMs === 'number' ? error.details.retryAfterMs : 1000;
    void reply.header('retry-after', Math.max(1, Math.ceil(ms / 1000)));
  }
  if (status === 401) void reply.header('www-authenticate', error.code === 'sync-unauthorized' ? 'Lattice' : 'Bearer');
  if (isV1(request.raw.url ?? '')) {
    void reply
      .code(status)
      .header('content-type', 'application/problem+json')
      .send(Buffer.from(JSON.stringify(problem(error, status))));
    return;
  }
  const legacy = legacyError(error, status);
  void reply
    .code(legacy.status)
    .header('content-type', 'application/json; charset=utf-8')
    .send(JSON.stringify(legacy.body));
}
