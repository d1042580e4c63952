import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileFailure, LatticeError } from '../core/types/index.ts';
import type { CliContext, GlobalOptions } from './context.ts';

/** The options of commands that write what they fetched to a file. */
export interface OutOptions extends GlobalOptions {
  readonly out?: string;
  /** Replaces the file where there is one. */
  readonly force?: boolean;
}

/**
 * Writes a file, and resolves with its path. One that is there is replaced only with `force`. Rejects with LatticeError
 * `exists` or `file-unwritable`.
 */
export async function writeOut(context: CliContext, file: string, text: string, force = false): Promise<string> {
  const path = resolve(context.cwd, file);
  try {
    await writeFile(path, text, { flag: force ? 'w' : 'wx' });
  } catch (cause) {
    const exists = (cause as NodeJS.ErrnoException).code === 'EEXIST';
    throw new LatticeError(
      exists ? 'exists' : 'file-unwritable',
      `cannot write ${path}: ${exists ? 'it exists, and is left as it is' : fileFailure(cause)}`,
      {
        next: exists ? 'Replace it with --force, or name another file with --out.' : 'Name another file with --out.',
        cause,
      },
    );
  }
  return path;
}
