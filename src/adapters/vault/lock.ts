import { ClassicLevel } from 'classic-level';
import { LatticeError } from '../../core/types/index.ts';
import type { VaultDirectory } from './directory.ts';
import { errnoOf, fileError, lockedError } from './errors.ts';

/** Where the lock lies: an empty LevelDB. */
const LOCK = 'lock';

/** Directories that this process has locked: the kernel's lock is that of the process, not of its parts. */
const held = new Set<string>();

/**
 * Takes a directory for this process until the returned function is called or the process
 * ends, however it ends. It is the kernel's lock on a file, taken by LevelDB, because Node.js has none of its own: it
 * holds between containers that share a disk, and leaves nothing behind that had to be cleared after a crash.
 *
 * Rejects with LatticeError `store-locked` or `vault-store-failed`.
 */
export async function lockDirectory(directory: VaultDirectory): Promise<() => Promise<void>> {
  const { path } = directory;
  if (held.has(path)) throw lockedError(path, 'this process');
  held.add(path);
  try {
    const db = await openLock(directory);
    return async () => {
      // In one call, so that a disk that answers late still gives the directory free.
      await directory.disk.run(
        async () => {
          await db.close();
          held.delete(path);
        },
        { always: true },
      );
    };
  } catch (error) {
    held.delete(path);
    throw isLocked(error) ? lockedError(path, 'another process', error) : fileError(path, error);
  }
}

async function openLock(directory: VaultDirectory): Promise<ClassicLevel> {
  const open = async (): Promise<ClassicLevel> => {
    // It is made here, because LevelDB would let everybody read it.
    const db = new ClassicLevel(await directory.make(LOCK), { writeBufferSize: 64 * 1024, cacheSize: 0 });
    await directory.disk.run(() => db.open(), { late: () => db.close() });
    return db;
  };
  try {
    return await open();
  } catch (error) {
    if (isLocked(error) || error instanceof LatticeError) throw error;
    // Nothing is in it. So whatever a crash of the machine has left of it is removed.
    const place = await directory.make(LOCK);
    await directory.disk.run(() => ClassicLevel.destroy(place));
    return await open();
  }
}

function isLocked(error: unknown): boolean {
  return errnoOf(error) === 'LEVEL_LOCKED' || (error instanceof Error && errnoOf(error.cause) === 'LEVEL_LOCKED');
}
