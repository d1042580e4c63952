import { existsSync, lstatSync, realpathSync } from 'node:fs';
import { LatticeError } from '../core/types/index.ts';
import { printable } from './output.ts';

/**
 * The file that takes the place of what is there under a path: what a link names is replaced, and the link stays.
 * Throws LatticeError `file-unwritable` where a device, a pipe or a directory is there, which a file is not to replace.
 */
export function plainTarget(path: string): string {
  if (!existsSync(path)) return path;
  const target = realpathSync(path);
  if (lstatSync(target).isFile()) return target;
  throw new LatticeError('file-unwritable', `cannot write ${printable(path)}: it is no plain file`, {
    next: 'Name a plain file with --out, or write to standard output and send that there.',
  });
}
