import { type ErrorCode, LatticeError } from '../core/types/index.ts';

/**
 * How a process ends whose store has failed, as codes of sysexits.h, so that a supervisor can tell what a new start is
 * good for (SPEC N9). EX_DATAERR: the store is damaged, and stays so. EX_IOERR: the system did not read or write it.
 * EX_TEMPFAIL: its disk is full, or another process has it open, which ends by itself.
 */
export const STORE_EXIT = { damaged: 65, failed: 74, busy: 75 } as const;

export const STORE_EXIT_BY_CODE = {
  'damaged-row': STORE_EXIT.damaged,
  'root-mismatch': STORE_EXIT.damaged,
  'store-damaged': STORE_EXIT.damaged,

  'store-full': STORE_EXIT.busy,
  'store-locked': STORE_EXIT.busy,

  'store-closed': STORE_EXIT.failed,
  'store-open-failed': STORE_EXIT.failed,
  'store-read-failed': STORE_EXIT.failed,
  'store-write-failed': STORE_EXIT.failed,
} as const satisfies Partial<Record<ErrorCode, number>>;

const isStoreCode = (code: ErrorCode): code is keyof typeof STORE_EXIT_BY_CODE => code in STORE_EXIT_BY_CODE;

/** The exit code for a failure of the store. What caused it tells more than the failure of the batch that met it. */
export function storeExitCode(error: unknown): number {
  let code: number = STORE_EXIT.failed;
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof LatticeError && isStoreCode(cause.code)) code = STORE_EXIT_BY_CODE[cause.code];
    // The witness of the store is a file of its own, whose errors are those of the system.
    else if ('code' in cause && (cause.code === 'ENOSPC' || cause.code === 'EDQUOT')) code = STORE_EXIT.busy;
  }
  return code;
}

/** The exit code for the reason with which a node has ended: 0 when it was stopped and its store was well to the end. */
export function endExitCode(reason: unknown): number {
  return reason instanceof LatticeError && reason.code === 'stopping' ? 0 : storeExitCode(reason);
}
