import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, lstatSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileFailure, LatticeError } from '../core/types/index.ts';
import type { CliContext } from './context.ts';
import { plainTarget } from './plain-target.ts';

/** A file that is there whole or not at all: its bytes go to one beside it, which takes its name at the end. */
export interface OutFile {
  /** The absolute path. */
  readonly path: string;
  /** Throws LatticeError `file-unwritable`. */
  write(bytes: Uint8Array): void;
  /** Makes the file durable under its name. Throws LatticeError `exists` or `file-unwritable`. */
  finish(): void;
  /** Removes what was written, unless it is finished. */
  abandon(): void;
}

/**
 * Begins to write a file. One that is there is replaced only with `force`. Throws LatticeError `exists` or
 * `file-unwritable`.
 */
export function openOutFile(context: Pick<CliContext, 'cwd'>, file: string, force: boolean): OutFile {
  const named = resolve(context.cwd, file);
  const path = force ? plainTarget(named) : named;
  const part = join(dirname(path), `.${basename(path)}.${randomBytes(8).toString('hex')}.part`);
  const exists = (cause?: unknown): LatticeError =>
    new LatticeError('exists', `cannot write ${path}: it exists, and is left as it is`, {
      next: 'Replace it with --force, or name another file with --out.',
      cause,
    });
  const attempt = <T>(work: () => T): T => {
    try {
      return work();
    } catch (cause) {
      if (cause instanceof LatticeError) throw cause;
      if ((cause as NodeJS.ErrnoException).code === 'EEXIST') throw exists(cause);
      throw new LatticeError('file-unwritable', `cannot write ${path}: ${fileFailure(cause)}`, {
        next: 'Name another file with --out.',
        cause,
      });
    }
  };
  // Told before a long export and not after it. The link below still holds what comes meanwhile.
  if (!force && lstatSync(path, { throwIfNoEntry: false }) !== undefined) throw exists();
  const handle = attempt(() => openSync(part, 'wx', 0o600));
  let isOpen = true;
  const close = (): void => {
    if (isOpen) closeSync(handle);
    isOpen = false;
  };
  return {
    path,
    write: (bytes) =>
      attempt(() => {
        for (let at = 0; at < bytes.length; ) at += writeSync(handle, bytes, at);
      }),
    finish: () =>
      attempt(() => {
        fsyncSync(handle);
        close();
        if (force) renameSync(part, path);
        else {
          linkSync(part, path);
          rmSync(part);
        }
        syncDirectory(dirname(path));
      }),
    abandon() {
      close();
      rmSync(part, { force: true });
    },
  };
}

/** Makes a new name durable where the system can; Windows cannot open a directory. */
function syncDirectory(path: string): void {
  try {
    const handle = openSync(path, 'r');
    fsyncSync(handle);
    closeSync(handle);
  } catch {
    // The bytes are durable; only the name may be lost by a power cut.
  }
}
