import { crc32 } from 'node:zlib';
import type { Bytes } from '../../core/types/index.ts';
import { BLOCK_BYTES, blockCount, blockLength } from '../../core/vault/index.ts';
import type { DiskFile } from './disk-files.ts';
import { isUnreadable } from './errors.ts';
import { readAt, writeAt } from './pieces.ts';

/**
 * A file of marks begins with the size of the content (u64), and has for each block the CRC-32 of its bytes (u32), 0
 * where it has not come. So a block counts as had only where its bytes are there, whatever a crash of the process or of
 * the machine has kept of the two files, and the marks are never synced.
 */
const HEADER_BYTES = 8;
const MARK_BYTES = 4;

/** The mark of a block, never 0. */
export const markOf = (block: Bytes): number => crc32(block) || 1;

/** What the bytes of a file of marks say. A file that is cut has marks of 0 for the rest. */
export function parseMarks(bytes: Bytes): { readonly size: number; readonly table: Uint32Array } {
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
export async function readMarks(data: DiskFile, marks: DiskFile, size: number): Promise<Uint32Array> {
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
    const block = await readBlock(data, size, index);
    if (block?.length === blockLength(size, index) && markOf(block) === mark) continue;
    table[index] = 0;
    await writeMarks(marks, index, [0]);
  }
  return table;
}

/** A block, or undefined where the disk does not give it: it is fetched again. */
async function readBlock(data: DiskFile, size: number, index: number): Promise<Bytes | undefined> {
  try {
    return await readAt(data, index * BLOCK_BYTES, blockLength(size, index));
  } catch (error) {
    if (isUnreadable(error)) return undefined;
    throw error;
  }
}

export async function forgetAll(data: DiskFile, marks: DiskFile, size: number): Promise<void> {
  await marks.truncate(0);
  await data.truncate(0);
  const header = new Uint8Array(HEADER_BYTES);
  new DataView(header.buffer).setBigUint64(0, BigInt(size));
  await writeAt(marks, 0, [header]);
}

/** Writes the marks of blocks one after the other. */
export async function writeMarks(file: DiskFile, first: number, marks: readonly number[]): Promise<void> {
  const bytes = new Uint8Array(marks.length * MARK_BYTES);
  const view = new DataView(bytes.buffer);
  marks.forEach((mark, i) => view.setUint32(i * MARK_BYTES, mark));
  await writeAt(file, HEADER_BYTES + first * MARK_BYTES, [bytes]);
}

/** Bytes of the content of which the blocks have come. */
export function bytesOf(table: Uint32Array, size: number): number {
  let bytes = 0;
  table.forEach((mark, index) => {
    if (mark !== 0) bytes += blockLength(size, index);
  });
  return bytes;
}
