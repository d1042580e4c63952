import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { type Bytes, equalBytes, type Hasher } from '../../core/types/index.ts';
import { BLOCK_BYTES, blockCount, blockLength, createContentHash, isContentHash } from '../../core/vault/index.ts';
import type { PartialObject, StoredObject } from '../../ports/index.ts';
import { createBackgroundSync } from './background-sync.ts';
import type { VaultDirectory } from './directory.ts';
import type { DiskFile } from './disk-files.ts';
import { closedError, damagedError, fileError, fullError, removedError, strangeError } from './errors.ts';
import { readAt, readPieces, writeAt } from './pieces.ts';
import type { Deliver, Room } from './uploads.ts';

/** Where content lies that comes block by block: `<hash>`, each block at its place, and `<hash>.blocks`. */
const PARTIAL = 'partial';
const MARKS = '.blocks';
/**
 * A file of marks begins with the size of the content (u64), and has for each block the CRC-32 of its bytes (u32), 0
 * where it has not come. So a block counts as had only where its bytes are there, whatever a crash of the process or of
 * the machine has kept of the two files, and the marks are never synced.
 */
const HEADER_BYTES = 8;
const MARK_BYTES = 4;
/** After so many bytes the disk is asked again whether it has room. */
const ROOM_EVERY_BYTES = 16 * 1024 * 1024;

/** The mark of a block, never 0. */
const markOf = (block: Bytes): number => crc32(block) || 1;

/** The files of content that comes block by block. */
export interface Partials {
  resume(hash: string, size: number, deliver: Deliver): Promise<PartialObject>;
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
  let closed = false;
  // A crash between the two steps of the end of a content leaves its marks without bytes.
  for (const name of await files.names(place)) {
    if (isContentHash(name)) begun.add(name);
    const hash = name.endsWith(MARKS) ? name.slice(0, -MARKS.length) : '';
    if (isContentHash(hash) && (await files.stat(join(place, hash))) === undefined)
      await files.remove(join(place, name));
  }

  async function openPartial(hash: string, size: number, deliver: Deliver): Promise<OpenPartial> {
    const path = join(place, hash);
    const [data, marks] = await openBoth(directory, path);
    try {
      const table = await readMarks(data, marks, size);
      const had = bytesOf(table, size);
      const lack = await room(size - had);
      if (lack !== undefined) throw fullError(directory.path, lack);
      return createPartial({ directory, room, hasher, hash, size, path, data, marks, table, deliver }, () =>
        open.delete(hash),
      );
    } catch (error) {
      // What has no block of the content is not kept.
      const isEmpty = (await data.stat()).size === 0;
      await Promise.all([data.close(), marks.close()]);
      if (isEmpty) for (const one of [path + MARKS, path]) await files.remove(one);
      throw error;
    }
  }

  return {
    async resume(hash, size, deliver) {
      if (closed) throw closedError();
      blockCount(size); // RangeError for what is no size
      if (open.has(hash)) throw new Error(`Object ${hash} is being taken in already.`);
      begun.add(hash);
      const opening = openPartial(hash, size, deliver);
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

/** What the bytes of a file of marks say. A file that is cut has marks of 0 for the rest. */
function parseMarks(bytes: Bytes): { readonly size: number; readonly table: Uint32Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = bytes.length < HEADER_BYTES ? 0 : Number(view.getBigUint64(0));
  const table = new Uint32Array(size <= Number.MAX_SAFE_INTEGER ? countOf(size) : 0);
  for (let i = 0, at = HEADER_BYTES; i < table.length && at + MARK_BYTES <= bytes.length; i++, at += MARK_BYTES)
    table[i] = view.getUint32(at);
  return { size, table };
}

function countOf(size: number): number {
  try {
    return blockCount(size);
  } catch {
    return 0; // No content has this size, so the file is not ours to believe.
  }
}

/**
 * The marks of the blocks that are there, each checked against its bytes. Where the files are those of another size,
 * everything is forgotten.
 */
async function readMarks(data: DiskFile, marks: DiskFile, size: number): Promise<Uint32Array> {
  const count = blockCount(size);
  const length = Math.min((await marks.stat()).size, HEADER_BYTES + count * MARK_BYTES);
  const told = parseMarks(await readAt(marks, 0, length));
  if (told.size !== size || length < HEADER_BYTES) {
    await forgetAll(data, marks, size);
    return new Uint32Array(count);
  }
  const { table } = told;
  for (const [index, mark] of table.entries()) {
    if (mark === 0) continue;
    const block = await readAt(data, index * BLOCK_BYTES, blockLength(size, index));
    if (block.length === blockLength(size, index) && markOf(block) === mark) continue;
    table[index] = 0;
    await writeMark(marks, index, 0);
  }
  return table;
}

async function forgetAll(data: DiskFile, marks: DiskFile, size: number): Promise<void> {
  await marks.truncate(0);
  await data.truncate(0);
  const header = new Uint8Array(HEADER_BYTES);
  new DataView(header.buffer).setBigUint64(0, BigInt(size));
  await writeAt(marks, 0, [header]);
}

async function writeMark(marks: DiskFile, index: number, mark: number): Promise<void> {
  const bytes = new Uint8Array(MARK_BYTES);
  new DataView(bytes.buffer).setUint32(0, mark);
  await writeAt(marks, HEADER_BYTES + index * MARK_BYTES, [bytes]);
}

function bytesOf(table: Uint32Array, size: number): number {
  let bytes = 0;
  table.forEach((mark, index) => {
    if (mark !== 0) bytes += blockLength(size, index);
  });
  return bytes;
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

function createPartial(deps: PartialDeps, ended: () => void): OpenPartial {
  const { directory, hash, size, path, data, marks, table } = deps;
  const running = new Set<Promise<void>>();
  const syncs = createBackgroundSync(data);
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
        await Promise.allSettled([data.close(), marks.close()]);
        ended();
      })(),
    };
    return end.done;
  }

  async function write(index: number, block: Bytes): Promise<void> {
    unasked += block.length;
    if (unasked >= ROOM_EVERY_BYTES) {
      unasked = 0;
      const lack = await deps.room(0);
      if (lack !== undefined) throw fullError(directory.path, lack);
    }
    const mark = markOf(block);
    await writeAt(data, index * BLOCK_BYTES, [block]);
    await writeMark(marks, index, mark);
    table[index] = mark;
    syncs.wrote(block.length);
  }

  async function finish(leaves: Bytes): Promise<void> {
    // Nothing beyond the content goes with it, whatever an earlier run has left there.
    await data.truncate(size);
    await syncs.settle();
    const running = createContentHash(deps.hasher);
    for await (const piece of readPieces(data, 0, size)) running.update(piece);
    const found = running.digest();
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
    has: (index) => (table[index] ?? 0) !== 0,
    async write(index, block) {
      if (block.length !== blockLength(size, index))
        throw new RangeError(`Block ${index} has ${blockLength(size, index)} bytes, not ${block.length}.`);
      await step(async () => {
        if (table[index] === 0) await write(index, block);
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
