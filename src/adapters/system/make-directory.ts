import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a directory and those above it that are missing, each with `mode`. One that exists is left as it is. Throws
 * what the file system throws, ENOTDIR where a file stands in the way.
 *
 * `mkdirSync` with `recursive` does not return in a place such as /proc, where making a directory fails with ENOENT
 * although the one above it exists.
 */
export function makeDirectory(path: string, mode: number): void {
  const missing: string[] = [];
  for (let at = path; ; at = dirname(at)) {
    const found = statSync(at, { throwIfNoEntry: false });
    if (found?.isDirectory() === true) break;
    missing.push(at);
    // The root is its own parent. Where something else than a directory stands, making the one below it tells so.
    if (found !== undefined || dirname(at) === at) break;
  }
  for (const directory of missing.reverse()) {
    try {
      mkdirSync(directory, mode);
    } catch (error) {
      // Another process may have made it in the meantime.
      if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) throw error;
    }
  }
}
