import { existsSync, readFileSync } from 'node:fs';

const NAME = 'diotec360-lattice';
/** Folders between a file of `src` or `dist` and the package at most. */
const MAX_DEPTH = 6;

function findPackage(): URL {
  let folder = new URL('.', import.meta.url);
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const file = new URL('package.json', folder);
    if (existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as { name?: unknown }).name === NAME) return folder;
    folder = new URL('..', folder);
  }
  throw new Error(`the package.json of ${NAME} is not in any folder above this program: install the package again`);
}

const PACKAGE = findPackage();

/**
 * A file that comes with the package, such as `samples/snapshot-6-keys.json`. The place of the code within the package
 * says nothing about it, because the command line is built into few files.
 */
export const packageFile = (path: string): URL => new URL(path, PACKAGE);
