import {
  CERTIFICATE_FAILURES,
  CERTIFICATE_NEXT,
  CONNECTION_FAILURES,
  duration,
  LatticeError,
  NOT_TLS,
} from '../../core/types/index.ts';
import { errnoOf } from './errors.ts';

/** What of a bucket stands in messages. No key and no signature is among it. */
export interface S3Place {
  readonly bucket: string;
  readonly endpoint: string;
}

/** What an S3-compatible service says of a request that it refuses. */
export interface S3Refusal {
  readonly status: number;
  /** The error's code, such as NoSuchBucket; empty where the answer has none. */
  readonly name: string;
  readonly message: string;
  /** The region that the service names. */
  readonly region: string;
  /** How many ms the service's clock is ahead of ours; undefined where it does not tell. */
  readonly aheadMs: number | undefined;
}

/** Most characters of the service's own words in a message. */
const MAX_WORDS = 200;

const TLS: Readonly<Record<string, string>> = { ...NOT_TLS, ...CERTIFICATE_FAILURES };

/** `passes`: whether the service may take the same request later, without anything being changed here. */
function failed(
  place: S3Place,
  what: string,
  next: string,
  { passes = false, cause }: { readonly passes?: boolean; readonly cause?: unknown } = {},
): LatticeError {
  return new LatticeError('vault-store-failed', `Bucket "${place.bucket}" at ${place.endpoint} failed: ${what}`, {
    next,
    details: { bucket: place.bucket, endpoint: place.endpoint, passes },
    cause,
  });
}

/** Whether an error of this file tells of a service that is away, and not of one that refuses. */
export function tellsAway(error: unknown): boolean {
  return error instanceof LatticeError && error.details['passes'] === true;
}

/** Whether the same request may succeed a moment later. */
export function isPassing(refusal: S3Refusal): boolean {
  const { status, name } = refusal;
  return (
    status === 429 ||
    status === 500 ||
    (status >= 502 && status <= 504) ||
    name === 'SlowDown' ||
    name === 'RequestTimeout'
  );
}

/** Whether a connection that failed so may work a moment later. A certificate does not change by itself. */
export function isPassingCause(cause: unknown): boolean {
  return !(cause instanceof LatticeError) && !Object.hasOwn(TLS, errnoOf(innermost(cause)) ?? '');
}

/** A connection that failed, in words. */
export function connectionError(place: S3Place, cause: unknown): LatticeError {
  if (cause instanceof LatticeError) return cause;
  const inner = innermost(cause);
  const errno = errnoOf(inner) ?? '';
  const tls = TLS[errno];
  if (tls !== undefined)
    return failed(
      place,
      `${tls} (${errno})`,
      Object.hasOwn(NOT_TLS, errno)
        ? 'Write http:// in DIOTEC360_S3_ENDPOINT where the service has no TLS, or correct its port.'
        : CERTIFICATE_NEXT,
      { cause: inner },
    );
  const known = CONNECTION_FAILURES[errno];
  const what = known === undefined ? (inner instanceof Error ? inner.message : String(inner)) : `${known} (${errno})`;
  return failed(place, what, 'Check that the service runs, and its address in DIOTEC360_S3_ENDPOINT.', {
    passes: true,
    cause: inner,
  });
}

/** A refusal, in words, with what to do about it. */
export function refusalError(place: S3Place, refusal: S3Refusal): LatticeError {
  const { status, name, region, aheadMs } = refusal;
  const words = refusal.message.replaceAll(/\p{C}+/gu, ' ').slice(0, MAX_WORDS);
  const said = [name === '' ? `status ${status}` : name, words].filter((part) => part !== '').join(': ');
  switch (name) {
    case 'NoSuchBucket':
      return failed(
        place,
        'there is no such bucket',
        'Create the bucket, or correct its name in DIOTEC360_VAULT_STORE.',
      );
    case 'InvalidAccessKeyId':
    case 'SignatureDoesNotMatch':
      return failed(
        place,
        `it does not take the key (${name})`,
        'Check DIOTEC360_S3_ACCESS_KEY_ID and DIOTEC360_S3_SECRET_ACCESS_KEY: they belong together, and to this service.',
      );
    case 'ExpiredToken':
    case 'InvalidToken':
      return failed(
        place,
        `it does not take the session token (${name})`,
        'Set a token that is valid, and start again.',
      );
    case 'AccessDenied':
    case 'AllAccessDisabled':
      return failed(
        place,
        `the key may not do this (${said})`,
        'Give the key the rights to list the bucket, and to read, write and delete its objects.',
      );
    case 'RequestTimeTooSkewed':
      return failed(place, skewOf(aheadMs), 'Set the clock of this machine, for instance by NTP, and try again.');
    case 'AuthorizationHeaderMalformed':
    case 'PermanentRedirect':
    case 'IllegalLocationConstraintException':
      return failed(
        place,
        region === '' ? said : `it is in region ${region}`,
        region === ''
          ? 'Check DIOTEC360_S3_REGION and DIOTEC360_S3_ENDPOINT.'
          : `Set DIOTEC360_S3_REGION to ${region}; for a service of AWS, its endpoint too.`,
      );
    case 'QuotaExceeded':
    case 'InsufficientStorage':
    case 'XMinioStorageFull':
      return new LatticeError('disk-full', `Bucket "${place.bucket}" at ${place.endpoint} has no room: ${said}`, {
        next: 'Free space there or raise the quota of the bucket, or remove objects from the vault.',
        details: { bucket: place.bucket, endpoint: place.endpoint },
      });
    default:
      return failed(
        place,
        said,
        status >= 500 || status === 429
          ? 'Try again later, or look at the service.'
          : 'Check that the address in DIOTEC360_S3_ENDPOINT is that of an S3-compatible service.',
        { passes: isPassing(refusal) },
      );
  }
}

function skewOf(aheadMs: number | undefined): string {
  if (aheadMs === undefined) return 'the clocks of the service and of this machine differ by too much';
  return `the clock of this machine is ${duration(Math.abs(aheadMs))} ${aheadMs > 0 ? 'behind' : 'ahead of'} that of the service`;
}

/** The error that came first. Several addresses of a name, and whoever wraps errors, put others around it. */
function innermost(error: unknown): unknown {
  let found = error;
  for (let depth = 0; depth < 5 && found instanceof Error; depth++) {
    const inner: unknown = found instanceof AggregateError ? found.errors[0] : found.cause;
    if (!(inner instanceof Error)) break;
    found = inner;
  }
  return found;
}
