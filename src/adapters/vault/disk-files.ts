import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import type { Bytes } from '../../core/types/index.ts';
import type { Disk } from './disk-calls.ts';
import { errnoOf, isMissing } from './errors.ts';

/** Nobody else on the machine reads the vault, whatever the directories above it allow. */
const FILE_MODE = 0o600;

/** An open file of the vault. Every call goes the vault's way to its disk. */
export interface DiskFile {
  read(bytes: Bytes, from: number, length: number, position: number): Promise<{ readonly bytesRead: number }>;
  write(bytes: Bytes, from: number, length: number, position: number): Promise<{ readonly bytesWritten: number }>;
  writev(parts: readonly Bytes[], position: number): Promise<{ readonly bytesWritten: number }>;
  /** Bytes, and whether it is a file at all. */
  stat(): Promise<{ readonly size: number; isFile(): boolean }>;
  truncate(length: number): Promise<void>;
  utimes(at: Date): Promise<void>;
  sync(): Promise<void>;
  datasync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * The calls by which the vault touches its disk. They reject with what the file system throws, or with LatticeError
 * `vault-store-failed` when the disk does not answer.
 */
export interface DiskFiles {
  /** Makes a file that was not there, for reading and writing. */
  create(path: string): Promise<DiskFile>;
  /** Opens a file for reading and writing, and makes it where it is missing. Rejects with ELOOP for a link. */
  openOrCreate(path: string): Promise<DiskFile>;
  /**
   * Opens a file for reading. Undefined where nothing, or something else than a file, stands. `O_NONBLOCK`, because
   * opening a named pipe would wait for a writer.
   */
  open(path: string): Promise<DiskFile | undefined>;
  /** Size and time of a file; undefined where nothing, or something else than a file, stands. */
  stat(path: string): Promise<{ readonly size: number; readonly at: number } | undefined>;
  /** Whether a directory stands there. A link to one counts as it where `followed`. Undefined where nothing stands. */
  isDirectory(path: string, followed: boolean): Promise<boolean | undefined>;
  /** The names in a directory; none where it is missing. */
  names(path: string): Promise<string[]>;
  /** Removes a file. False where there was none; something else than a file is left alone. */
  remove(path: string): Promise<boolean>;
  /** Removes what the vault has made, and does nothing where that is gone. */
  drop(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  realpath(path: string): Promise<string>;
  makeDirectory(path: string, mode: number): Promise<void>;
  /** Makes durable what was created, renamed or removed in a directory. */
  syncDirectory(path: string): Promise<void>;
}

export function createDiskFiles(disk: Disk): DiskFiles {
  async function openAt(path: string, flags: number): Promise<DiskFile> {
    const handle = await disk.run(() => open(path, flags, FILE_MODE), { late: (opened) => opened.close() });
    return fileOf(handle, disk);
  }

  async function fileStat(path: string): Promise<{ readonly size: number; readonly at: number } | undefined> {
    try {
      const found = await disk.run(() => lstat(path));
      return found.isFile() ? { size: found.size, at: Math.floor(found.mtimeMs) } : undefined;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  const drop = (path: string): Promise<void> => disk.run(() => rm(path, { force: true }));

  return {
    create: (path) => openAt(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW),
    openOrCreate: (path) => openAt(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW),
    async open(path) {
      let file: DiskFile;
      try {
        file = await openAt(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      } catch (error) {
        if (isMissing(error) || errnoOf(error) === 'ELOOP' || errnoOf(error) === 'ENXIO') return undefined;
        throw error;
      }
      try {
        if ((await file.stat()).isFile()) return file;
      } catch (error) {
        await file.close().catch(() => undefined);
        throw error;
      }
      await file.close();
      return undefined;
    },
    stat: fileStat,
    async isDirectory(path, followed) {
      try {
        return (await disk.run(() => (followed ? stat(path) : lstat(path)))).isDirectory();
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') return undefined;
        throw error;
      }
    },
    async names(path) {
      try {
        return await disk.run(() => readdir(path));
      } catch (error) {
        if (isMissing(error)) return [];
        throw error;
      }
    },
    async remove(path) {
      if ((await fileStat(path)) === undefined) return false;
      await drop(path);
      return true;
    },
    drop,
    rename: (from, to) => disk.run(() => rename(from, to)),
    realpath: (path) => disk.run(() => realpath(path)),
    makeDirectory: (path, mode) => disk.run(() => mkdir(path, mode).then(() => undefined)),
    async syncDirectory(path) {
      const directory = await openAt(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
      try {
        await directory.sync();
      } finally {
        await directory.close();
      }
    },
  };
}

function fileOf(handle: FileHandle, disk: Disk): DiskFile {
  return {
    read: (bytes, from, length, position) => disk.run(() => handle.read(bytes, from, length, position)),
    write: (bytes, from, length, position) => disk.run(() => handle.write(bytes, from, length, position)),
    writev: (parts, position) => disk.run(() => handle.writev([...parts], position)),
    stat: () => disk.run(() => handle.stat()),
    truncate: (length) => disk.run(() => handle.truncate(length)),
    utimes: (at) => disk.run(() => handle.utimes(at, at)),
    sync: () => disk.run(() => handle.sync()),
    datasync: () => disk.run(() => handle.datasync()),
    close: () => disk.run(() => handle.close(), { always: true }),
  };
}
