import { open, realpath, rename, rm } from 'node:fs/promises';
import { fileFailure, LatticeError } from '../core/types/index.ts';

/** What a command says of a file that it cannot write. */
export function fileUnwritable(path: string, cause: unknown): LatticeError {
  return new LatticeError('file-unwritable', `cannot write ${path}: ${fileFailure(cause)}`, {
    next: 'Check the permissions of that directory.',
    cause,
  });
}

/**
 * Replaces a file, or makes it. It is whole or as it was, whenever the process or the machine ends. Rejects with
 * LatticeError `file-unwritable`.
 */
export async function replaceFile(named: string, content: string, mode: number): Promise<void> {
  // What a link names is replaced, and the link stays.
  const path = await realpath(named).catch(() => named);
  const fresh = `${path}.${process.pid}.${process.hrtime.bigint().toString(36)}`;
  try {
    const file = await open(fresh, 'wx', mode);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(fresh, path);
  } catch (cause) {
    await rm(fresh, { force: true }).catch(() => undefined);
    throw fileUnwritable(path, cause);
  }
}
