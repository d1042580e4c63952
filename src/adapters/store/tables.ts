import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bytes } from '../../core/types/index.ts';
import { type Cursor, FormatError, maskedCrc32c, readSlice, readVarint, snappyToBytes, u32At } from './level-bytes.ts';
import { liveTables } from './manifest.ts';

/** LevelDB `table/format.h`: a footer ends with this number, little-endian, and has 48 bytes. */
const MAGIC = Uint8Array.of(0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb);
const FOOTER_BYTES = 48;
/** Behind each block: its type, and the checksum over block and type. */
const TRAILER_BYTES = 5;
/** What is checked in one go, which takes some milliseconds. */
const GO_BYTES = 1024 * 1024;
const PLAIN = 0;
const SNAPPY = 1;

/** Where a block stands in its file. */
interface Handle {
  readonly offset: number;
  readonly size: number;
}

function readHandle(cursor: Cursor): Handle {
  return { offset: readVarint(cursor), size: readVarint(cursor) };
}

/** The block, once its checksum has been found right; compressed as it is in the file. */
function checkedBlock(file: Bytes, { offset, size }: Handle): Bytes {
  const whole = readSlice({ bytes: file, at: offset }, size + TRAILER_BYTES);
  if (u32At(whole, size + 1) !== maskedCrc32c(whole.subarray(0, size + 1)))
    throw new FormatError(`the block at byte ${offset} does not match its checksum`);
  return whole.subarray(0, size + 1);
}

/** The values of a block's entries (LevelDB `table/block.cc`). */
function blockValues(block: Bytes): Bytes[] {
  const type = block.at(-1);
  const stored = block.subarray(0, block.length - 1);
  if (type !== PLAIN && type !== SNAPPY) throw new FormatError(`a block of type ${type} is not known`);
  const bytes = type === SNAPPY ? snappyToBytes(stored) : stored;
  const end = bytes.length - 4 - 4 * u32At(bytes, bytes.length - 4);
  if (end < 0) throw new FormatError('a block has more restarts than bytes');
  const cursor: Cursor = { bytes: bytes.subarray(0, end), at: 0 };
  const values: Bytes[] = [];
  while (cursor.at < end) {
    readVarint(cursor);
    const unshared = readVarint(cursor);
    const length = readVarint(cursor);
    readSlice(cursor, unshared);
    values.push(readSlice(cursor, length));
  }
  return values;
}

/**
 * Checks every block of a table file against the checksum that LevelDB wrote with it, the index and the filter
 * included. Yields the bytes that were checked after each GO_BYTES. Throws FormatError.
 */
function* checkTable(file: Bytes): Generator<number, void, undefined> {
  if (file.length < FOOTER_BYTES) throw new FormatError('the file is too short for a table');
  if (MAGIC.some((byte, i) => file[file.length - MAGIC.length + i] !== byte))
    throw new FormatError('the file does not end as a table');
  const footer: Cursor = { bytes: file, at: file.length - FOOTER_BYTES };
  let checked = 0;
  let told = 0;
  for (const handle of [readHandle(footer), readHandle(footer)])
    for (const value of blockValues(checkedBlock(file, handle))) {
      checked += checkedBlock(file, readHandle({ bytes: value, at: 0 })).length;
      if (checked - told < GO_BYTES) continue;
      told = checked;
      yield checked;
    }
}

/** How far a check of all files has come. */
export interface FileProgress {
  readonly bytes: number;
  readonly total: number;
}

/**
 * Checks the table files of a store one after the other, and tells how far it is after each and within large ones. A file
 * that goes away meanwhile was merged into others, which are checked the next time. Throws what `damaged` makes of a
 * sentence about the first file that is not as it was written.
 */
export async function* checkTables(
  directory: string,
  damaged: (what: string) => Error,
): AsyncGenerator<FileProgress, void, undefined> {
  const tables = (await liveTables(directory)) ?? [];
  const total = tables.reduce((sum, { size }) => sum + size, 0);
  let bytes = 0;
  for (const { names, size } of tables) {
    for (const name of names) {
      const file = await readFile(join(directory, name)).catch(unlessGone);
      if (file === undefined) continue;
      try {
        if (file.length !== size) throw new FormatError(`it has ${file.length} bytes, and the manifest says ${size}`);
        for (const checked of checkTable(file)) yield { bytes: bytes + checked, total };
      } catch (error) {
        if (error instanceof FormatError) throw damaged(`${name}: ${error.message}`);
        throw error;
      }
    }
    bytes += size;
    yield { bytes, total };
  }
}

function unlessGone(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
  throw error;
}
