import { dirname, join } from 'node:path';
import type { Bytes, Hasher } from '../../core/types/index.ts';
import { BLOCK_BYTES, BLOCK_HASH_BYTES, blockCount, createContentHash, isContentHash } from '../../core/vault/index.ts';
import type { Clock, StoredObject, VaultStore } from '../../ports/index.ts';
import { openDirectory, type VaultDirectory } from './directory.ts';
import type { Disk } from './disk-calls.ts';
import type { DiskFile, DiskFiles } from './disk-files.ts';
import { closedError, damagedError, fileError, isUnreadable, removedError } from './errors.ts';
import { LIST_CHUNK, NO_LEAVES_BYTES, requireHash, requireRange, requireSize } from './forms.ts';
import { lockDirectory } from './lock.ts';
import { openPartials } from './partials.ts';
import { readAt, readPieces, WHOLE_BYTES, writeAt } from './pieces.ts';
import { openUploads, type Room, type StagedFile, type Uploads } from './uploads.ts';

/**
 * Objects lie in `objects/ab/c/<hash>`, named by the first digits of their hash: 4,096 directories, which have some 256
 * files each with a million objects. The file is the content as it is, so that any tool reads and checks it.
 */
const OBJECTS = 'objects';
const LEAVES = '.leaves';

export interface FilesVaultDeps {
  readonly directory: string;
  /** The way to the disk of that directory. */
  readonly disk: Disk;
  readonly hasher: Hasher;
  readonly clock: Pick<Clock, 'now'>;
  readonly room: Room;
}

/** A read under way, which ends with an error once its object is removed. */
interface Reading {
  removed: boolean;
}

/**
 * Opens the vault in a directory, or makes it: files that only this user can read, written beside their place, synced
 * and renamed. One process has it open at a time. No link below the directory is followed, and whatever else lies there
 * is left alone and never served.
 *
 * Rejects with LatticeError `store-locked` or `vault-store-failed`.
 */
export async function openFilesVault(deps: FilesVaultDeps): Promise<VaultStore> {
  const { hasher, room } = deps;
  const directory = await openDirectory(deps.directory, deps.disk);
  const { files } = directory;
  const unlock = await lockDirectory(directory);
  try {
    const objects = await directory.make(OBJECTS);
    const uploads = await openUploads(directory, room);
    const partials = await openPartials(directory, room, hasher);
    const readings = new Map<string, Set<Reading>>();
    let closing: Promise<void> | undefined;

    const pathOf = (hash: string): string => join(objects, hash.slice(0, 2), hash.slice(2, 3), requireHash(hash));

    /** Runs one call, and tells what the file system throws as an error of the vault. */
    async function call<T>(work: () => Promise<T>): Promise<T> {
      if (closing !== undefined) throw closedError();
      try {
        return await work();
      } catch (error) {
        throw error instanceof RangeError ? error : fileError(directory.path, error);
      }
    }

    async function find(hash: string): Promise<{ path: string; stored: StoredObject } | undefined> {
      const path = pathOf(hash);
      if (!(await directory.isPlain(dirname(path)))) return undefined;
      const stat = await files.stat(path);
      return stat === undefined ? undefined : { path, stored: { hash, size: stat.size, storedAt: stat.at } };
    }

    const deliver = async (file: StagedFile, hash: string, leaves: Bytes): Promise<void> => {
      const path = pathOf(hash);
      await file.handle.utimes(new Date(deps.clock.now()));
      await file.handle.sync();
      const place = await directory.make(OBJECTS, hash.slice(0, 2), hash.slice(2, 3));
      const beside = file.size > NO_LEAVES_BYTES ? await writeScratch(uploads, files, leaves) : undefined;
      try {
        // The content comes first: leaves without content would stay for good.
        await files.rename(file.path, path);
        if (beside !== undefined) await files.rename(beside, path + LEAVES);
      } catch (error) {
        if (beside !== undefined) await files.drop(beside);
        throw error;
      }
      await directory.sync(place);
    };

    async function* read(hash: string, path: string, start: number, end: number): AsyncGenerator<Bytes, void> {
      const reading: Reading = { removed: false };
      let at = start;
      const those = readings.get(hash) ?? new Set();
      readings.set(hash, those.add(reading));
      const handle = await call(() => files.open(path));
      try {
        if (handle === undefined) throw removedError(hash);
        for await (const piece of readPieces(handle, start, end)) {
          if (reading.removed) throw removedError(hash);
          if (closing !== undefined) throw closedError();
          at += piece.length;
          yield piece;
        }
        if (at < end) throw damagedError(hash, `its file ends ${end - at} bytes early`);
      } catch (error) {
        if (handle !== undefined && isUnreadable(error)) throw damagedError(hash, await unreadable(handle, at, error));
        throw fileError(directory.path, error);
      } finally {
        await handle?.close();
        those.delete(reading);
        if (those.size === 0 && readings.get(hash) === those) readings.delete(hash);
      }
    }

    /** What was begun of a content block by block is of no use once the content is whole. */
    const deliverWhole: typeof deliver = async (file, hash, leaves) => {
      await deliver(file, hash, leaves);
      await partials.remove(hash);
    };

    return {
      begin: () => call(() => uploads.begin(deliverWhole)),
      resume: (hash, size, signal) => call(() => partials.resume(requireHash(hash), size, deliver, signal)),
      stat: (hash) => call(async () => (await find(hash))?.stored),
      leaves: (hash) =>
        call(async () => {
          const found = await find(hash);
          if (found === undefined) return undefined;
          try {
            return await leavesOf(found.path, found.stored.size, files, hasher);
          } catch (error) {
            throw isUnreadable(error) ? damagedError(hash, `its bytes cannot be read: ${textOf(error)}`) : error;
          }
        }),
      read: (hash, start, end, size) =>
        call(async () => {
          const found = await find(hash);
          if (found === undefined) return undefined;
          requireSize(found.stored, size);
          requireRange(start, end, found.stored.size);
          return read(hash, found.path, start, end);
        }),
      list: () => listObjects(directory, objects, call),
      partials: () => call(() => partials.list()),
      remove: (hash) =>
        call(async () => {
          const begun = await partials.remove(requireHash(hash));
          const found = await find(hash);
          for (const reading of readings.get(hash) ?? []) reading.removed = true;
          if (found === undefined) return begun;
          // The content goes last: it can do without leaves, and leaves without it would stay for good.
          await files.remove(found.path + LEAVES);
          return (await files.remove(found.path)) || begun;
        }),
      close() {
        closing ??= (async () => {
          await uploads.close();
          await partials.close();
          await unlock();
        })();
        return closing;
      },
    };
  } catch (error) {
    await unlock();
    throw fileError(directory.path, error);
  }
}

/** Writes a new file durably under a name of its own, and gives its path. */
async function writeScratch(uploads: Uploads, files: DiskFiles, bytes: Bytes): Promise<string> {
  const { path, handle } = await uploads.scratch();
  try {
    await writeAt(handle, 0, [bytes]);
    await handle.sync();
    return path;
  } catch (error) {
    await files.drop(path);
    throw error;
  } finally {
    await handle.close();
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Which block the disk does not give, of those from byte `from` on that were read when `error` came. */
async function unreadable(handle: DiskFile, from: number, error: unknown): Promise<string> {
  for (let at = from; at < from + 2 * WHOLE_BYTES; ) {
    const index = Math.floor(at / BLOCK_BYTES);
    const end = (index + 1) * BLOCK_BYTES;
    try {
      if ((await readAt(handle, at, end - at)).length < end - at) break;
    } catch (cause) {
      return `block ${index} (from byte ${at} on) cannot be read: ${textOf(cause)}`;
    }
    at = end;
  }
  return `its bytes from ${from} on cannot be read: ${textOf(error)}`;
}

/** The leaves beside a content, or computed from it. Undefined where the content is gone. */
async function leavesOf(path: string, size: number, files: DiskFiles, hasher: Hasher): Promise<Bytes | undefined> {
  if (size > NO_LEAVES_BYTES) {
    const handle = await files.open(path + LEAVES);
    try {
      const length = blockCount(size) * BLOCK_HASH_BYTES;
      if (handle !== undefined && (await handle.stat()).size === length) return await readAt(handle, 0, length);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
    } finally {
      await handle?.close();
    }
  }
  const handle = await files.open(path);
  if (handle === undefined) return undefined;
  try {
    const running = createContentHash(hasher);
    for await (const piece of readPieces(handle, 0, size)) running.update(piece);
    return running.digest().leaves;
  } finally {
    await handle.close();
  }
}

async function* listObjects(
  directory: VaultDirectory,
  objects: string,
  call: <T>(work: () => Promise<T>) => Promise<T>,
): AsyncGenerator<readonly StoredObject[], void> {
  let chunk: StoredObject[] = [];
  const isFanOut = (name: string, digits: number): boolean => name.length === digits && /^[0-9a-f]+$/.test(name);
  for (const first of (await call(() => directory.files.names(objects))).filter((name) => isFanOut(name, 2))) {
    for (const second of (await call(() => directory.files.names(join(objects, first)))).filter((name) =>
      isFanOut(name, 1),
    )) {
      const place = join(objects, first, second);
      const found = await call(async () => {
        if (!(await directory.isPlain(place))) return [];
        const hashes = (await directory.files.names(place)).filter(
          (name) => isContentHash(name) && name.startsWith(first + second),
        );
        return await Promise.all(
          hashes.map(async (hash) => [hash, await directory.files.stat(join(place, hash))] as const),
        );
      });
      for (const [hash, stat] of found) {
        if (stat !== undefined) chunk.push({ hash, size: stat.size, storedAt: stat.at });
        if (chunk.length === LIST_CHUNK) {
          yield chunk;
          chunk = [];
        }
      }
    }
  }
  if (chunk.length > 0) yield chunk;
}
