import type { ErrorCode } from './error-codes.ts';

/**
 * Why a fragment was not accepted. The set is bounded, because the codes are metric labels and travel in sync messages.
 */
export const REFUSALS = [
  'malformed', // not canonical, over a limit, or the proof does not lead to the header's root
  'bad-signature',
  'other-network',
  'unknown-version', // ignored and never punished, so that nodes of both versions stay peers during an upgrade
  'untrusted-author',
  'future', // deferred: its HLC is more than MAX_AHEAD_MS ahead of our wall clock
  'overloaded', // a local queue was full; a repair fetches the fragment again
  'read-only', // the disk is full
  'below-floor', // its time is one that the state is closed for, and the state does not have it
] as const;
export type Refusal = (typeof REFUSALS)[number] | UnsentRefusal;

/**
 * A refusal that no message names, because nodes of earlier versions do not know it: the key has as many siblings as it
 * can have, and the operation supersedes none of them. A peer is answered `overloaded`, and tries again later.
 */
type UnsentRefusal = 'key-full';

/**
 * An expected failure of an operation. `code` is for programs and `message` is a sentence for people; `next` says what
 * to do, where there is something to do. `details` has typed facts about the failure.
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

/**
 * LatticeError `cursor-lost`: changes are missing between what was read and what comes. `cursor` is that of the present,
 * from which a reader goes on once it has read the state anew.
 */
export function cursorLost(reason: string, cursor: string): LatticeError {
  return new LatticeError('cursor-lost', `changes are missing: ${reason}`, {
    next: 'Read the state anew, then follow the changes after the cursor in details.cursor.',
    details: { cursor },
  });
}
