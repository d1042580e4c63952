import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { LatticeError } from '../core/types/index.ts';
import type { CliContext } from './context.ts';

/** Writes a new file and resolves with its path. Rejects with LatticeError `exists` or `file-unwritable`. */
export async function writeNew(context: CliContext, file: string, text: string): Promise<string> {
  const path = resolve(context.cwd, file);
  try {
    await writeFile(path, text, { flag: 'wx' });
  } catch (cause) {
    const exists = (cause as NodeJS.ErrnoException).code === 'EEXIST';
    throw new LatticeError(
      exists ? 'exists' : 'file-unwritable',
      `cannot write ${path}: ${exists ? 'it exists' : (cause as Error).message}`,
      { next: 'Name another file with --out.', cause },
    );
  }
  return path;
}
