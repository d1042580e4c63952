import { join } from 'node:path';
import type { Bytes } from '../../core/types/index.ts';
import type { Upload } from '../../ports/index.ts';
import { createBackgroundSync } from './background-sync.ts';
import type { VaultDirectory } from './directory.ts';
import type { DiskFile } from './disk-files.ts';
import { closedError, errnoOf, fileError, fullError } from './errors.ts';
import { writeAt } from './pieces.ts';

/** Where content lies until it has a name. */
const UPLOADS = 'uploads';
const OURS = /^[0-9]+\.upload$/;
/** Bytes that are written at a time: enough that the calls cost little beside the bytes, and little memory. */
const FLUSH_BYTES = 1024 * 1024;
/** After so many bytes the disk is asked again whether it has room, a small part of what is kept free. */
const ROOM_EVERY_BYTES = 16 * 1024 * 1024;

/**
 * Why the disk has no room for this many bytes more, as a part of a sentence; undefined where it has. Who made the
 * store decides how much stays free.
 */
export type Room = (bytes: number) => Promise<string | undefined>;

/** A file with content that is whole, open for reading and writing. */
export interface StagedFile {
  readonly path: string;
  readonly handle: DiskFile;
  readonly size: number;
}

/** Puts a staged file where it belongs; durable when it resolves. It may take the file away. */
export type Deliver = (file: StagedFile, hash: string, leaves: Bytes) => Promise<void>;

/** The files of content on its way in. */
export interface Uploads {
  begin(deliver: Deliver): Promise<Upload>;
  /** A new empty file for something that is renamed to its place. Remove it when that fails. */
  scratch(): Promise<Omit<StagedFile, 'size'>>;
  /** Ends every upload under way. */
  close(): Promise<void>;
}

/** Opens the place of uploads, and removes what a crash has left there. */
export async function openUploads(directory: VaultDirectory, room: Room): Promise<Uploads> {
  const { files } = directory;
  const place = await directory.make(UPLOADS);
  for (const name of await files.names(place)) if (OURS.test(name)) await files.remove(join(place, name));
  const open = new Set<{ abort(): Promise<void> }>();
  let count = 0;
  let closed = false;

  async function scratch(): Promise<Omit<StagedFile, 'size'>> {
    for (;;) {
      const path = join(place, `${++count}.upload`);
      try {
        return { path, handle: await files.create(path) };
      } catch (error) {
        // Something that is not ours has the name.
        if (errnoOf(error) !== 'EEXIST') throw error;
      }
    }
  }

  return {
    scratch,
    async begin(deliver) {
      if (closed) throw closedError();
      try {
        const lack = await room(0);
        if (lack !== undefined) throw fullError(directory.path, lack);
        const upload = createUpload(directory, room, await scratch(), deliver, () => void open.delete(upload));
        open.add(upload);
        return upload;
      } catch (error) {
        throw fileError(directory.path, error);
      }
    },
    async close() {
      closed = true;
      await Promise.all(Array.from(open, (upload) => upload.abort()));
    },
  };
}

function createUpload(
  directory: VaultDirectory,
  room: Room,
  file: Omit<StagedFile, 'size'>,
  deliver: Deliver,
  ended: () => void,
): Upload {
  const { handle, path } = file;
  const syncs = createBackgroundSync(handle);
  let size = 0;
  let askedAt = 0;
  let waiting: Bytes[] = [];
  let waitingBytes = 0;
  /** The write under way, and whatever has failed. One runs while the next is gathered. */
  let writing: Promise<void> = Promise.resolve();
  let end: Promise<void> | undefined;

  async function flush(): Promise<void> {
    await writing;
    const parts = waiting;
    const at = size - waitingBytes;
    waiting = [];
    waitingBytes = 0;
    if (parts.length === 0) return;
    writing = write(parts, at);
    // It is told by the next write, or by the commit.
    writing.catch(() => undefined);
  }

  async function write(parts: readonly Bytes[], at: number): Promise<void> {
    if (at - askedAt >= ROOM_EVERY_BYTES) {
      askedAt = at;
      const lack = await room(0);
      if (lack !== undefined) throw fullError(directory.path, lack);
    }
    await writeAt(handle, at, parts);
    syncs.wrote(parts.reduce((sum, part) => sum + part.length, 0));
  }

  /** Ends the upload once: nothing of it stays under its own name. */
  function finish(): Promise<void> {
    end ??= (async () => {
      await writing.catch(() => undefined);
      await syncs.settle().catch(() => undefined);
      await handle.close().catch(() => undefined);
      await directory.files.drop(path).catch(() => undefined);
      ended();
    })();
    return end;
  }

  const failed = async (error: unknown): Promise<never> => {
    await finish();
    throw fileError(directory.path, error);
  };

  return {
    async write(bytes) {
      if (end !== undefined) throw closedError();
      if (bytes.length === 0) return;
      try {
        waiting.push(bytes);
        waitingBytes += bytes.length;
        size += bytes.length;
        if (waitingBytes >= FLUSH_BYTES) await flush();
      } catch (error) {
        await failed(error);
      }
    },
    async commit(hash, leaves) {
      if (end !== undefined) throw closedError();
      try {
        await flush();
        await writing;
        await syncs.settle();
        await deliver({ path, handle, size }, hash, leaves);
      } catch (error) {
        await failed(error);
      }
      await finish();
    },
    abort: finish,
  };
}
