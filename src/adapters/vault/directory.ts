import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readdir, realpath, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { makeDirectory } from '../system/make-directory.ts';
import { errnoOf, fileError, isMissing, strangeError } from './errors.ts';

/** Nobody else on the machine reads the vault, whatever the directories above it allow. */
const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;

/** A directory of the vault's own, in which every path is made of names that the vault chose. */
export interface VaultDirectory {
  /** Its real path. */
  readonly path: string;
  /** Makes a directory and those above it, below this one; durable when it resolves. Never goes through a link. */
  make(...names: readonly string[]): Promise<string>;
  /** Whether `path`, below this directory, is reached without a link. False where it is not there. */
  isPlain(path: string): Promise<boolean>;
  /**
   * Makes what was created, renamed or removed in a directory durable. Calls that come while the directory is synced
   * share the next sync.
   */
  sync(path: string): Promise<void>;
}

/** Opens the directory, which is made with those above it where they are missing. Rejects with LatticeError. */
export async function openDirectory(directory: string): Promise<VaultDirectory> {
  let path: string;
  try {
    makeDirectory(resolve(directory), DIRECTORY_MODE);
    // The way to the vault may go through links that the operator made; below it no link is followed.
    path = await realpath(directory);
  } catch (cause) {
    throw fileError(directory, cause);
  }
  const made = new Map<string, Promise<void>>();
  const sync = createSync();

  async function makeOne(parent: string, at: string): Promise<void> {
    try {
      await mkdir(at, DIRECTORY_MODE);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      if (!(await lstat(at)).isDirectory()) throw strangeError(path, at, 'something that is no directory');
    }
    // Also where it was there: the process that made it may have ended before this.
    await sync(parent);
  }

  async function makeAll(names: readonly string[]): Promise<string> {
    let at = path;
    for (const name of names) {
      const parent = at;
      at = join(parent, name);
      const known = made.get(at) ?? makeOne(parent, at);
      made.set(at, known);
      try {
        await known;
      } catch (error) {
        made.delete(at);
        throw error;
      }
    }
    return at;
  }

  const isPlain = async (at: string): Promise<boolean> => {
    try {
      return (await realpath(at)) === at;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  };

  return {
    path,
    sync,
    isPlain,
    async make(...names) {
      const at = await makeAll(names);
      if (await isPlain(at)) return at;
      // It was removed or replaced since it was made.
      for (let up = at; up !== path; up = dirname(up)) made.delete(up);
      const again = await makeAll(names);
      if (await isPlain(again)) return again;
      throw strangeError(path, at, 'a link instead of a directory');
    },
  };
}

function createSync(): (path: string) => Promise<void> {
  const running = new Map<string, Promise<void>>();
  const waiting = new Map<string, Promise<void>>();

  function start(path: string): Promise<void> {
    const run = syncDirectory(path).finally(() => {
      if (running.get(path) === run) running.delete(path);
    });
    running.set(path, run);
    return run;
  }

  return (path) => {
    const current = running.get(path);
    if (current === undefined) return start(path);
    let next = waiting.get(path);
    if (next === undefined) {
      const begin = (): Promise<void> => {
        waiting.delete(path);
        return start(path);
      };
      next = current.then(begin, begin);
      waiting.set(path, next);
    }
    return next;
  };
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes a file that was not there, for reading and writing. */
export async function createFile(path: string): Promise<FileHandle> {
  return await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, FILE_MODE);
}

/** Opens a file for reading and writing, and makes it where it is missing. Rejects with ELOOP for a link. */
export async function openOrCreateFile(path: string): Promise<FileHandle> {
  return await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, FILE_MODE);
}

/**
 * Opens a file for reading. Undefined where nothing, or something else than a file, stands. `O_NONBLOCK`, because
 * opening a named pipe would wait for a writer.
 */
export async function openFile(path: string): Promise<FileHandle | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (isMissing(error) || errnoOf(error) === 'ELOOP' || errnoOf(error) === 'ENXIO') return undefined;
    throw error;
  }
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  return undefined;
}

/** Size and time of a file; undefined where nothing, or something else than a file, stands. */
export async function fileStat(path: string): Promise<{ readonly size: number; readonly at: number } | undefined> {
  try {
    const stat = await lstat(path);
    return stat.isFile() ? { size: stat.size, at: Math.floor(stat.mtimeMs) } : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** The names in a directory; none where it is missing. */
export async function namesIn(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** Removes a file. False where there was none; something else than a file is left alone. */
export async function removeFile(path: string): Promise<boolean> {
  if ((await fileStat(path)) === undefined) return false;
  await rm(path, { force: true });
  return true;
}
