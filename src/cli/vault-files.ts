import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, lstat, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { fileFailure, LatticeError } from '../core/types/index.ts';
import type { CliContext } from './context.ts';
import { printable } from './output.ts';
import { plainTarget } from './plain-target.ts';

/** Bytes that are read of a file at a time. */
const PIECE_BYTES = 256 * 1024;

/** Media types by the end of a file's name, where the user names none. */
const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css',
  '.csv': 'text/csv',
  '.gif': 'image/gif',
  '.gz': 'application/gzip',
  '.html': 'text/html',
  '.jpeg': 'image/jpeg',
  '.jpg': 'image/jpeg',
  '.json': 'application/json',
  '.md': 'text/markdown',
  '.pdf': 'application/pdf',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.tar': 'application/x-tar',
  '.txt': 'text/plain',
  '.xml': 'application/xml',
  '.zip': 'application/zip',
};

export const typeOf = (file: string): string | undefined => TYPES[extname(file).toLowerCase()];

/** The bytes of a file that the user has named. Rejects with LatticeError `file-unreadable`. */
export async function* fileBytes(context: CliContext, file: string): AsyncGenerator<Uint8Array> {
  const path = resolve(context.cwd, file);
  try {
    for await (const piece of createReadStream(path, { highWaterMark: PIECE_BYTES })) yield piece as Buffer;
  } catch (cause) {
    throw new LatticeError('file-unreadable', `cannot read ${printable(path)}: ${printable(fileFailure(cause))}`, {
      next: 'Check the path and its permissions.',
      cause,
    });
  }
}

export const isThere = async (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );

/** LatticeError `exists`, for a file that is left as it is. */
const exists = (path: string): LatticeError =>
  new LatticeError('exists', `cannot write ${printable(path)}: it exists, and is left as it is`, {
    next: 'Replace it with --force, or name another file with --out.',
  });

/**
 * Writes what `pieces` yields to a file that gets its name only when all of it is there and on disk: whoever sees the
 * name sees the whole. What was written is removed when `pieces` rejects. One that is there is replaced only with
 * `force`. Rejects with LatticeError `exists`, `file-unwritable`, or as `pieces` does.
 */
export async function writeWhole(named: string, pieces: AsyncIterable<Uint8Array>, force: boolean): Promise<void> {
  if (!force && (await isThere(named))) throw exists(named);
  const path = force ? plainTarget(named) : named;
  const unwritable = (cause: unknown): LatticeError =>
    new LatticeError('file-unwritable', `cannot write ${printable(path)}: ${printable(fileFailure(cause))}`, {
      next: 'Name another file with --out.',
      cause,
    });
  const part = join(dirname(path), `.${basename(path).slice(0, 100)}.${randomBytes(6).toString('hex')}.part`);
  const file = await open(part, 'wx').catch((cause: unknown) => Promise.reject(unwritable(cause)));
  try {
    try {
      for await (const piece of pieces) await file.write(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    if (force) await rename(part, path);
    else
      await link(part, path).catch(async (cause: NodeJS.ErrnoException) => {
        if (cause.code === 'EEXIST') throw exists(path);
        // Some file systems have no links.
        if (await isThere(path)) throw exists(path);
        await rename(part, path);
      });
  } catch (cause) {
    throw cause instanceof LatticeError || !(cause instanceof Error && 'syscall' in cause) ? cause : unwritable(cause);
  } finally {
    await rm(part, { force: true });
  }
}
