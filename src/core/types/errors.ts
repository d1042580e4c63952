import type { ErrorCode } from './error-codes.ts';

/** Why a fragment was not accepted. A bounded set: the codes are metric labels and travel in sync messages. */
export const REFUSALS = [
  'malformed', // not canonical, over a limit, or the proof does not lead to the header's root
  'bad-signature',
  'other-network',
  'unknown-version', // ignored, never punished: a rolling upgrade must not ban itself
  'untrusted-author',
  'future', // deferred: its clock is more than MAX_FUTURE_MS ahead of ours
  'overloaded', // a local queue was full; the repair path asks again
  'read-only', // this node refuses writes right now (restored key, full disk, clone alarm)
] as const;
export type Refusal = (typeof REFUSALS)[number];

/**
 * An expected failure of an operation: a code for programs, a sentence for people, and what to do next where there is
 * something to do.
 */
export class LatticeError extends Error {
  readonly code: ErrorCode;
  readonly next: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;
  constructor(
    code: ErrorCode,
    message: string,
    options: { next?: string; details?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'LatticeError';
    this.code = code;
    this.next = options.next;
    this.details = options.details ?? {};
  }
}
