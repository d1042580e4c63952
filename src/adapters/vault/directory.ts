import { dirname, join, resolve } from 'node:path';
import type { Disk } from './disk-calls.ts';
import { createDiskFiles, type DiskFiles } from './disk-files.ts';
import { errnoOf, fileError, isMissing, strangeError } from './errors.ts';

/** Nobody else on the machine reads the vault, whatever the directories above it allow. */
const DIRECTORY_MODE = 0o700;

/** A directory of the vault's own, in which every path is made of names that the vault chose. */
export interface VaultDirectory {
  /** Its real path. */
  readonly path: string;
  readonly disk: Disk;
  readonly files: DiskFiles;
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
export async function openDirectory(directory: string, disk: Disk): Promise<VaultDirectory> {
  const files = createDiskFiles(disk);
  let path: string;
  try {
    await makeWay(resolve(directory), files);
    // The way to the vault may go through links that the operator made; below it no link is followed.
    path = await files.realpath(directory);
  } catch (cause) {
    throw fileError(directory, cause);
  }
  const made = new Map<string, Promise<void>>();
  const sync = createSync(files);

  async function makeOne(parent: string, at: string): Promise<void> {
    try {
      await files.makeDirectory(at, DIRECTORY_MODE);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      if ((await files.isDirectory(at, false)) !== true) throw strangeError(path, at, 'something that is no directory');
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
      return (await files.realpath(at)) === at;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  };

  return {
    path,
    disk,
    files,
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

/** Makes a directory and those above it that are missing, as `makeDirectory` of the system does for others. */
async function makeWay(path: string, files: DiskFiles): Promise<void> {
  const missing: string[] = [];
  for (let at = path; ; at = dirname(at)) {
    const found = await files.isDirectory(at, true);
    if (found === true) break;
    missing.push(at);
    // The root is its own parent. Where something else than a directory stands, making the one below it tells so.
    if (found !== undefined || dirname(at) === at) break;
  }
  for (const at of missing.reverse()) {
    try {
      await files.makeDirectory(at, DIRECTORY_MODE);
    } catch (error) {
      // Another process may have made it in the meantime.
      if ((await files.isDirectory(at, true)) !== true) throw error;
    }
  }
}

function createSync(files: DiskFiles): (path: string) => Promise<void> {
  const running = new Map<string, Promise<void>>();
  const waiting = new Map<string, Promise<void>>();

  function start(path: string): Promise<void> {
    const run = files.syncDirectory(path).finally(() => {
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
