import { LatticeError } from '../../core/types/index.ts';

const FULL: readonly unknown[] = ['ENOSPC', 'EDQUOT', 'EFBIG'];
const UNREADABLE: readonly unknown[] = ['EIO', 'EBADMSG', 'EUCLEAN'];

/** The system's code of a failure, such as ENOENT. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Whether the disk does not give what lies there: a bad sector, or a block of which the file system's checksum is wrong. */
export function isUnreadable(error: unknown): boolean {
  return UNREADABLE.includes(errnoOf(error));
}

/** Whether the failure says that nothing stands under the path. */
export function isMissing(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === 'ENOENT' || errno === 'ENOTDIR';
}

/** What the file system threw, as an error of the vault in `directory`. One of ours stays as it is. */
export function fileError(directory: string, cause: unknown): LatticeError {
  if (cause instanceof LatticeError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  const errno = errnoOf(cause);
  if (FULL.includes(errno)) return fullError(directory, reason, cause);
  return new LatticeError('vault-store-failed', `The vault in ${directory} failed: ${reason}`, {
    next:
      errno === 'EMFILE' || errno === 'ENFILE'
        ? 'Raise the limit of open files of the process (ulimit -n, LimitNOFILE of the unit) and try again.'
        : 'Check the directory, the rights of its files and the disk it lies on, and try again.',
    details: { directory, reason: errno },
    cause,
  });
}

export function fullError(directory: string, reason: string, cause?: unknown): LatticeError {
  return new LatticeError('disk-full', `The vault in ${directory} has no room: ${reason}`, {
    next: 'Free space on that disk, remove objects from the vault, or put the vault on a larger disk.',
    details: { directory },
    cause,
  });
}

/** Something stands where the vault keeps what is its own. */
export function strangeError(directory: string, path: string, what: string): LatticeError {
  return new LatticeError('vault-store-failed', `The vault in ${directory} finds ${what} at ${path}`, {
    next: 'Move it elsewhere and try again: the vault follows no links and writes over nothing that it did not make.',
    details: { directory, path },
  });
}

export function lockedError(directory: string, holder: string, cause?: unknown): LatticeError {
  return new LatticeError('store-locked', `The vault in ${directory} is already open in ${holder}`, {
    next: 'Stop the node that uses this directory, or give this one a vault directory of its own.',
    details: { directory },
    cause,
  });
}

export function closedError(): LatticeError {
  return new LatticeError('store-closed', 'The vault is closed');
}

export function removedError(hash: string): LatticeError {
  return new LatticeError('object-not-found', `Object ${hash} was removed from the vault while it was in use`, {
    next: 'Look whether the state still names it. An object that was removed is put again with its content.',
    details: { hash },
  });
}

export function damagedError(hash: string, what: string): LatticeError {
  return new LatticeError('object-damaged', `Object ${hash} is damaged: ${what}`, {
    next: 'Fetch it anew from a node that has it, or put its content again.',
    details: { hash },
  });
}
