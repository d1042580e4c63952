import { STATUS_CODES } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LatticeError } from '../../core/types/index.ts';
import { validationError } from './contracted.ts';
import type { ApiLog } from './deps.ts';
import { STATUS_BY_CODE } from './statuses.ts';

/** The errors with which Fastify itself refuses a request, by its codes, as LatticeErrors. */
const FRAMEWORK_ERRORS: Readonly<Record<string, (cause: unknown) => LatticeError>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: (cause) =>
    new LatticeError('body-too-large', 'the body is larger than this endpoint takes', { cause }),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: (cause) =>
    new LatticeError('unsupported-media-type', 'the content type is not one that this endpoint takes', { cause }),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: (cause) =>
    new LatticeError('invalid-body', 'the body does not have the length that Content-Length says', { cause }),
  FST_ERR_BAD_URL: (cause) =>
    new LatticeError('invalid-path', 'the path is not valid percent-encoded UTF-8', { cause }),
  FST_ERR_MAX_PARAM_LENGTH: (cause) => new LatticeError('invalid-key', 'the key in the path is too long', { cause }),
};

/**
 * Any failure as a LatticeError. One that was not foreseen becomes `internal`, and the client does not see its text.
 */
function toLatticeError(error: unknown): LatticeError {
  if (error instanceof LatticeError) return error;
  const invalid = validationError(error);
  if (invalid !== undefined) return invalid;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const framework = FRAMEWORK_ERRORS[code];
  if (framework !== undefined) return framework(error);
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

/** Whether a path is one that the original does not have. Errors of such paths are problem documents. */
const isV1 = (url: string): boolean =>
  /^\/(?:api\/v1|livez|readyz|openapi\.json|docs|metrics|dashboard)(?:[/?]|$)/.test(url);

/** The problem document of an error (RFC 9457, SPEC A10). */
export function problem(error: LatticeError, status: number): object {
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

/**
 * An error in the forms of the original (SPEC A11): 404 and 405 are `{"detail": sentence}`, and invalid input is 422
 * with a list. Other errors, which the original does not have, carry their code and next step beside the sentence.
 */
function originalError(error: LatticeError, status: number): { status: number; body: object } {
  if (status === 404) return { status, body: { detail: 'Not Found' } };
  if (status === 405) return { status, body: { detail: 'Method Not Allowed' } };
  if (status !== 400) {
    const next = error.next === undefined ? {} : { next: error.next };
    return { status, body: { detail: error.message, code: error.code, ...next } };
  }
  const loc =
    error.code === 'invalid-query' || error.code === 'invalid-path' ? error.code.slice('invalid-'.length) : 'body';
  return { status: 422, body: { detail: [{ loc: [loc], msg: error.message, type: error.code }] } };
}

/**
 * Answers a request with the error `cause`: as a problem document on /api/v1 and the other paths that the original does
 * not have, and in the original's forms elsewhere. An error with status 500 is logged.
 */
export function sendError(cause: unknown, request: FastifyRequest, reply: FastifyReply, log: ApiLog): void {
  const error = toLatticeError(cause);
  const status = STATUS_BY_CODE[error.code] ?? 500;
  if (status === 500) log.error({ err: error.cause ?? error, request: request.id }, 'request failed');
  const { retryAfterMs } = error.details;
  if (status === 429 || status === 503 || typeof retryAfterMs === 'number') {
    const ms = typeof retryAfterMs === 'number' ? retryAfterMs : 1000;
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
  const original = originalError(error, status);
  void reply
    .code(original.status)
    .header('content-type', 'application/json; charset=utf-8')
    .send(JSON.stringify(original.body));
}
