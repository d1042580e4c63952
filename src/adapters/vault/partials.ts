import { join } from 'node:path';
import { type Bytes, equalBytes, type Hasher } from '../../core/types/index.ts';
import { BLOCK_BYTES, BLOCK_HASH_BYTES, blockCount, blocksOf, isContentHash } from '../../core/vault/index.ts';
import type { PartialObject, StoredObject } from '../../ports/index.ts';
import { createBackgroundSync } from './background-sync.ts';
import type { VaultDirectory } from './directory.ts';
import type { DiskFile } from './disk-files.ts';
import { closedError, damagedError, fileError, fullError, removedError, strangeError } from './errors.ts';
import { createInOrderHash } from './in-order.ts';
import { bytesOf, forgetAll, markOf, parseMarks, readMarks, writeMarks } from './marks.ts';
import { readAt, writeAt } from './pieces.ts';
import type { Deliver, Room } from './uploads.ts';

/** Where content lies that comes block by block: `<hash>`, each block at its place, and `<hash>.blocks`. */
const PARTIAL = 'partial';
const MARKS = '.blocks';
/** After so many bytes the disk is asked again whether it has room. */
const ROOM_EVERY_BYTES = 16 * 1024 * 1024;

/** The files of content that comes block by block. */
export interface Partials {
  resume(hash: string, size: number, deliver: Deliver, signal?: AbortSignal): Promise<PartialObject>;
  list(): Promise<StoredObject[]>;
  /** Forgets every block, and ends the use of it. False where there was nothing. */
  remove(hash: string): Promise<boolean>;
  close(): Promise<void>;
}

interface OpenPartial extends PartialObject {
  /** Ends its use, because what it wrote is gone. */
  forget(): Promise<void>;
}

/** Opens the place of partial content. What an earlier run has left there can be resumed. */
export async function openPartials(directory: VaultDirectory, room: Room, hasher: Hasher): Promise<Partials> {
  const { files } = directory;
  const place = await directory.make(PARTIAL);
  const open = new Map<string, Promise<OpenPartial>>();
  /** Hashes of which files may be here, so that nothing is looked for where nothing is. */
  const begun = new Set<string>();
  /** Hashes of which a sync has failed and the marks could not be forgotten: nothing of them is believed. */
  const doubted = new Set<string>();
  let closed = false;
  // A crash between the two steps of the end of a content leaves its marks without bytes.
  for (const name of await files.names(place)) {
    if (isContentHash(name)) begun.add(name);
    const hash = name.endsWith(MARKS) ? name.slice(0, -MARKS.length) : '';
    if (isContentHash(hash) && (await files.stat(join(place, hash))) === undefined)
      await files.remove(join(place, name));
  }

  async function openPartial(
    hash: string,
    size: number,
    deliver: Deliver,
    signal: AbortSignal | undefined,
  ): Promise<OpenPartial> {
    const path = join(place, hash);
    const [file, marks] = await openBoth(directory, path);
    const data: DiskFile = {
      ...file,
      // Whatever reads the file to its end stops between two reads.
      async read(...given) {
        signal?.throwIfAborted();
        return file.read(...given);
      },
    };
    try {
      if (doubted.has(hash)) await forgetAll(data, marks, size);
      doubted.delete(hash);
      const table = await readMarks(data, marks, size);
      const had = bytesOf(table, size);
      const lack = await room(size - had);
      if (lack !== undefined) throw fullError(directory.path, lack);
      return createPartial({ directory, room, hasher, hash, size, path, data, marks, table, deliver }, (isDoubted) => {
        open.delete(hash);
        if (isDoubted) doubted.add(hash);
      });
    } catch (error) {
      // What has no block of the content is not kept.
      const isEmpty = (await data.stat()).size === 0;
      await Promise.all([data.close(), marks.close()]);
      if (isEmpty) for (const one of [path + MARKS, path]) await files.remove(one);
      throw error;
    }
  }

  return {
    async resume(hash, size, deliver, signal) {
      if (closed) throw closedError();
      blockCount(size); // RangeError for what is no size
      if (open.has(hash)) throw new Error(`Object ${hash} is being taken in already.`);
      begun.add(hash);
      const opening = openPartial(hash, size, deliver, signal);
      open.set(hash, opening);
      try {
        return await opening;
      } catch (error) {
        open.delete(hash);
        throw fileError(directory.path, error);
      }
    },
    async list() {
      try {
        const found: StoredObject[] = [];
        for (const hash of (await files.names(place)).filter(isContentHash)) {
          const [data, marks] = [await files.stat(join(place, hash)), await files.open(join(place, hash + MARKS))];
          try {
            if (data === undefined || marks === undefined) continue;
            const bytes = await readAt(marks, 0, (await marks.stat()).size);
            const { size, table } = parseMarks(bytes);
            found.push({ hash, size: bytesOf(table, size), storedAt: data.at });
          } finally {
            await marks?.close();
          }
        }
        return found;
      } catch (error) {
        throw fileError(directory.path, error);
      }
    },
    async remove(hash) {
      if (!begun.has(hash)) return false;
      await (await open.get(hash)?.catch(() => undefined))?.forget();
      await files.remove(join(place, hash + MARKS));
      const wasHere = await files.remove(join(place, hash));
      doubted.delete(hash);
      if (!open.has(hash)) begun.delete(hash);
      return wasHere;
    },
    async close() {
      closed = true;
      for (const opening of Array.from(open.values())) await (await opening.catch(() => undefined))?.close();
    },
  };
}

async function openBoth(directory: VaultDirectory, path: string): Promise<[DiskFile, DiskFile]> {
  const opened: DiskFile[] = [];
  try {
    for (const one of [path, path + MARKS]) {
      const handle = await directory.files.openOrCreate(one);
      opened.push(handle);
      if (!(await handle.stat()).isFile()) throw strangeError(directory.path, one, 'something that is no file');
    }
    return opened as [DiskFile, DiskFile];
  } catch (error) {
    for (const handle of opened) await handle.close();
    throw error;
  }
}

interface PartialDeps {
  readonly directory: VaultDirectory;
  readonly room: Room;
  readonly hasher: Hasher;
  readonly hash: string;
  readonly size: number;
  readonly path: string;
  readonly data: DiskFile;
  readonly marks: DiskFile;
  readonly table: Uint32Array;
  readonly deliver: Deliver;
}

/** `ended` is told whether what lies there may differ from what reads of it give. */
function createPartial(deps: PartialDeps, ended: (isDoubted: boolean) => void): OpenPartial {
  const { directory, hash, size, path, marks, table } = deps;
  const running = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  const noted = (sync: Promise<void>): Promise<void> =>
    sync.catch(async (error: unknown) => {
      failure ??= { error };
      // At once, because a process that is killed now forgets nothing. Marks without a header are not believed.
      await marks.truncate(0).catch(() => undefined);
      throw error;
    });
  const data: DiskFile = {
    ...deps.data,
    sync: () => noted(deps.data.sync()),
    datasync: () => noted(deps.data.datasync()),
  };
  const syncs = createBackgroundSync(data);
  const has = (index: number): boolean => (table[index] ?? 0) !== 0;
  const read = (position: number, length: number): Promise<Bytes> => readAt(data, position, length);
  const content = createInOrderHash({ hasher: deps.hasher, size, has, read });
  let unasked = 0;
  let end: { readonly why: Error; readonly done: Promise<void> } | undefined;

  /** Runs one step unless the content has ended; the end waits for it. */
  async function step(work: () => Promise<void>): Promise<void> {
    if (end !== undefined) throw end.why;
    const run = work();
    running.add(run);
    try {
      await run;
    } catch (error) {
      throw fileError(directory.path, error);
    } finally {
      running.delete(run);
    }
  }

  function close(why: Error): Promise<void> {
    end ??= {
      why,
      done: (async () => {
        await Promise.allSettled(running);
        await syncs.settle().catch(() => undefined);
        const isDoubted = failure !== undefined && !(await forgotten());
        await Promise.allSettled([data.close(), marks.close()]);
        ended(isDoubted);
      })(),
    };
    return end.done;
  }

  /**
   * Forgets every block, because after a failed sync the system gives from its memory what never reached the disk, and
   * the next sync says nothing of it (fsync(2), and "Can applications recover from fsync failures?", USENIX ATC 2020).
   */
  async function forgotten(): Promise<boolean> {
    try {
      await forgetAll(data, marks, size);
      return true;
    } catch {
      return false;
    }
  }

  async function write(first: number, bytes: Bytes, leaves: Bytes, marksOf: readonly number[]): Promise<void> {
    unasked += bytes.length;
    if (unasked >= ROOM_EVERY_BYTES) {
      unasked = 0;
      const lack = await deps.room(0);
      if (lack !== undefined) throw fullError(directory.path, lack);
    }
    await writeAt(data, first * BLOCK_BYTES, [bytes]);
    await writeMarks(marks, first, marksOf);
    table.set(marksOf, first);
    syncs.wrote(bytes.length);
    content.wrote(first, bytes, leaves);
    await content.catchUp();
  }

  async function finish(leaves: Bytes): Promise<void> {
    // Nothing beyond the content goes with it, whatever an earlier run has left there.
    await data.truncate(size);
    await syncs.settle();
    if (failure !== undefined) throw failure.error;
    const found = await content.digest();
    content.restart();
    if (found.hash !== hash || !equalBytes(found.leaves, leaves)) {
      table.fill(0);
      await forgetAll(data, marks, size);
      throw damagedError(hash, 'its blocks came with another SHA-256 than its name or other leaves than its tree');
    }
    await deps.deliver({ path, handle: data, size }, hash, leaves);
    await directory.files.drop(path);
    await directory.files.drop(path + MARKS);
  }

  return {
    hash,
    size,
    has,
    async write(first, bytes, leaves) {
      const blocks = blocksOf(first, bytes, size);
      if (leaves.length !== blocks.length * BLOCK_HASH_BYTES)
        throw new RangeError(`${blocks.length} blocks came with ${leaves.length} bytes of leaf hashes.`);
      await step(async () => {
        if (blocks.every((_, i) => has(first + i))) return;
        await write(first, bytes, leaves, blocks.map(markOf));
      });
    },
    async finish(leaves) {
      const missing = table.indexOf(0);
      if (missing !== -1) throw new RangeError(`Block ${missing} of object ${hash} has not come.`);
      await step(() => finish(leaves));
      await close(closedError());
    },
    close: () => close(closedError()),
    forget: () => close(removedError(hash)),
  };
}
