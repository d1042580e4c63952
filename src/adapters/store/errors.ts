import { LatticeError } from '../../core/types/index.ts';

/**
 * The code of an abstract-level error. A failed open carries its reason as `cause`, so the code is that of the cause.
 */
function levelCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  if (code === 'LEVEL_DATABASE_NOT_OPEN' && error.cause !== undefined) return levelCode(error.cause);
  return code;
}

/** The message of the innermost cause: LevelDB's own words, with the file and the system's reason. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? reasonOf(error.cause) : error.message;
}

/** Whether the file system had no room left, in the words of LevelDB or of Node.js. */
const isFull = (reason: string): boolean => /no space left on device|disk quota exceeded/i.test(reason);

export const closedError = (): LatticeError => new LatticeError('store-closed', 'The store is closed');

export function lockedError(directory: string, holder: string, cause?: unknown): LatticeError {
  return new LatticeError('store-locked', `The store in ${directory} is already open in ${holder}`, {
    next: 'Stop the node that uses this directory, or give this one a state directory of its own.',
    details: { directory },
    cause,
  });
}

export function damagedError(directory: string, what: string, cause?: unknown): LatticeError {
  return new LatticeError(
    'store-damaged',
    `The store in ${directory} is damaged: ${what}. No data in the directory was removed`,
    {
      next: 'Move the directory aside and keep it, then start again: the node rebuilds its state from its peers.',
      details: { directory, what },
      cause,
    },
  );
}

export function oldFormatError(directory: string): LatticeError {
  return new LatticeError('unknown-format', `The store in ${directory} has no checksums: an earlier version wrote it`, {
    next: 'Start the version that wrote it; or move the directory aside: the node then takes its state from its peers.',
    details: { directory },
  });
}

/** Maps what opening threw. LevelDB reports a missing file as an I/O error, so the text of the message decides. */
export function openError(directory: string, cause: unknown): LatticeError {
  if (cause instanceof LatticeError) return cause;
  const code = levelCode(cause);
  const reason = reasonOf(cause);
  if (code === 'LEVEL_LOCKED') return lockedError(directory, 'another process', cause);
  if (code === 'LEVEL_CORRUPTION') return damagedError(directory, reason, cause);
  if (code === 'LEVEL_IO_ERROR' && reason.includes('No such file or directory'))
    return damagedError(directory, reason, cause);
  if (isFull(reason))
    return new LatticeError(
      'store-full',
      `The store in ${directory} cannot be opened, because its disk is full: ${reason}`,
      {
        next: 'Free space on that disk. Under a supervisor that restarts the node, it then starts by itself.',
        details: { directory },
        cause,
      },
    );
  return new LatticeError('store-open-failed', `The store in ${directory} cannot be opened: ${reason}`, {
    next: 'Check that the path is a directory this user may write to and that its disk has room.',
    details: { directory },
    cause,
  });
}

export function readError(cause: unknown): LatticeError {
  if (cause instanceof LatticeError) return cause;
  const code = levelCode(cause);
  if (code === 'LEVEL_DATABASE_NOT_OPEN' || code === 'LEVEL_ITERATOR_NOT_OPEN') return closedError();
  const damaged = code === 'LEVEL_CORRUPTION';
  return new LatticeError(
    damaged ? 'store-damaged' : 'store-read-failed',
    `The store cannot be read: ${reasonOf(cause)}`,
    { cause },
  );
}

export function writeError(cause: unknown): LatticeError {
  const reason = reasonOf(cause);
  const full = isFull(reason);
  return new LatticeError(full ? 'store-full' : 'store-write-failed', `A batch could not be made durable: ${reason}`, {
    next: full
      ? 'Free space on the disk of the state directory. Under a supervisor, the node then starts again by itself.'
      : 'Check the disk of the state directory; the node verifies its store at the next start.',
    cause,
  });
}
