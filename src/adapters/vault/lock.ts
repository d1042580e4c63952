import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { errnoOf, fileError, lockedError } from './errors.ts';

/** Where the lock lies: an empty LevelDB. */
const LOCK = 'lock';

/** Directories that this process has locked: the kernel's lock is that of the process, not of its parts. */
const held = new Set<string>();

/**
 * Takes a directory, given by its real path, for this process until the returned function is called or the process
 * ends, however it ends. It is the kernel's lock on a file, taken by LevelDB, because Node.js has none of its own: it
 * holds between containers that share a disk, and leaves nothing behind that had to be cleared after a crash.
 *
 * Rejects with LatticeError `store-locked` or `vault-store-failed`.
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  if (held.has(directory)) throw lockedError(directory, 'this process');
  held.add(directory);
  try {
    const db = await openLock(directory, join(directory, LOCK));
    return async () => {
      await db.close();
      held.delete(directory);
    };
  } catch (error) {
    held.delete(directory);
    throw error;
  }
}

async function openLock(directory: string, path: string): Promise<ClassicLevel> {
  const open = async (): Promise<ClassicLevel> => {
    const db = new ClassicLevel(path, { writeBufferSize: 64 * 1024, cacheSize: 0 });
    await db.open();
    return db;
  };
  try {
    return await open();
  } catch (error) {
    if (isLocked(error)) throw lockedError(directory, 'another process', error);
    // Nothing is in it. So whatever a crash of the machine has left of it is removed.
    try {
      await ClassicLevel.destroy(path);
      return await open();
    } catch (cause) {
      throw isLocked(cause) ? lockedError(directory, 'another process', cause) : fileError(directory, cause);
    }
  }
}

function isLocked(error: unknown): boolean {
  return errnoOf(error) === 'LEVEL_LOCKED' || (error instanceof Error && errnoOf(error.cause) === 'LEVEL_LOCKED');
}
