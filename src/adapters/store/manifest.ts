import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bytes } from '../../core/types/index.ts';
import { type Cursor, FormatError, readSlice, readVarint } from './level-bytes.ts';

/** LevelDB `db/log_format.h`: a log is blocks of this size; a record has a head, and no head crosses a block. */
const BLOCK_BYTES = 32 * 1024;
const HEAD_BYTES = 7;
const FULL = 1;
const FIRST = 2;
const LAST = 4;

/**
 * The complete records of a log; one at its end may be on its way to the disk. Checksums are left to LevelDB, which
 * refuses a manifest that does not match its own.
 */
function recordsOf(log: Bytes): Bytes[] {
  const records: Bytes[] = [];
  let parts: Bytes[] = [];
  for (let at = 0; at + HEAD_BYTES <= log.length; ) {
    const left = BLOCK_BYTES - (at % BLOCK_BYTES);
    if (left < HEAD_BYTES) {
      at += left;
      continue;
    }
    const length = (log[at + 4] as number) | ((log[at + 5] as number) << 8);
    const type = log[at + 6] as number;
    if (type === 0 && length === 0) break;
    if (at + HEAD_BYTES + length > log.length) break;
    const part = readSlice({ bytes: log, at: at + HEAD_BYTES }, length);
    at += HEAD_BYTES + length;
    if (type === FULL || type === FIRST) parts = [];
    parts.push(part);
    if (type === FULL || type === LAST) records.push(new Uint8Array(Buffer.concat(parts)));
  }
  return records;
}

/** LevelDB `db/version_edit.cc`: the fields of an edit, by tag. Applies an edit to the sizes of tables by number. */
function apply(edit: Bytes, sizes: Map<number, number>): void {
  const cursor: Cursor = { bytes: edit, at: 0 };
  const skipBytes = (): void => void readSlice(cursor, readVarint(cursor));
  while (cursor.at < edit.length) {
    const tag = readVarint(cursor);
    if (tag === 1) skipBytes();
    else if (tag === 2 || tag === 3 || tag === 4 || tag === 9) readVarint(cursor);
    else if (tag === 5) {
      readVarint(cursor);
      skipBytes();
    } else if (tag === 6) {
      readVarint(cursor);
      sizes.delete(readVarint(cursor));
    } else if (tag === 7) {
      readVarint(cursor);
      const number = readVarint(cursor);
      sizes.set(number, readVarint(cursor));
      skipBytes();
      skipBytes();
    } else throw new FormatError(`a manifest has no field ${tag}`);
  }
}

/** A table file that belongs to the store, and its size as the manifest says it. */
export interface LiveTable {
  /** The names that the file may have: older versions of LevelDB used another ending. */
  readonly names: readonly string[];
  readonly size: number;
}

/**
 * The table files that the newest manifest names. Others in the directory are leftovers, or are still being written.
 * Undefined where the manifest is missing or does not parse: LevelDB says better what is wrong with it.
 */
export async function liveTables(directory: string): Promise<LiveTable[] | undefined> {
  const sizes = new Map<number, number>();
  try {
    const name = (await readFile(join(directory, 'CURRENT'), 'latin1')).trim();
    if (!/^MANIFEST-\d+$/.test(name)) return undefined;
    for (const record of recordsOf(await readFile(join(directory, name)))) apply(record, sizes);
  } catch (error) {
    if (error instanceof FormatError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return Array.from(sizes, ([number, size]) => {
    const stem = String(number).padStart(6, '0');
    return { names: [`${stem}.ldb`, `${stem}.sst`], size };
  });
}

/**
 * Compares the size of each table file with what the manifest says, and returns a sentence about the first that
 * differs. LevelDB compares nothing when it opens a store. A missing file is left to LevelDB.
 */
export async function wrongSize(directory: string): Promise<string | undefined> {
  for (const { names, size } of (await liveTables(directory)) ?? []) {
    for (const name of names) {
      const found = await stat(join(directory, name)).catch(() => undefined);
      if (found !== undefined && found.size !== size)
        return `${name} has ${found.size} bytes, and the manifest says ${size}`;
    }
  }
  return undefined;
}
