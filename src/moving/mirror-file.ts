import { readFile, rename, writeFile } from 'node:fs/promises';
import { LatticeError } from '../core/types/index.ts';
import type { Mirror } from './write-entries.ts';

/** What the file says that it is. */
const FORMAT = 'diotec360-lattice-import/1';

/**
 * Reads what earlier imports from the same source remembered of their writes; nothing where there is no file yet. Rejects
 * with LatticeError `file-unreadable` for a file that is something else, and `other-source` for what an import from
 * another source remembers: what that one has and this one lacks would be deleted.
 */
export async function readMirror(path: string, source: string): Promise<Mirror> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return new Map();
    throw unusable(path, cause);
  }
  let kept: { readonly format?: unknown; readonly source?: unknown; readonly versions?: unknown };
  let entries: [string, unknown][];
  try {
    kept = JSON.parse(text) as typeof kept;
    entries = Object.entries(kept.versions ?? {});
    const isForm = kept.format === FORMAT && typeof kept.source === 'string';
    if (!isForm || entries.some(([, version]) => typeof version !== 'string')) throw new Error('not its form');
  } catch (cause) {
    throw unusable(path, cause);
  }
  if (kept.source !== source)
    throw new LatticeError('other-source', `${path} is what an import from ${String(kept.source)} remembers`, {
      next: `Name another file with --remember for ${source}.`,
    });
  return new Map(entries as [string, string][]);
}

/** Writes it, whole or not at all. Rejects with LatticeError `file-unwritable`. */
export async function writeMirror(path: string, source: string, mirror: Mirror): Promise<void> {
  try {
    const text = JSON.stringify({ format: FORMAT, source, versions: Object.fromEntries(mirror) });
    await writeFile(`${path}.new`, `${text}\n`, { mode: 0o600, flush: true });
    await rename(`${path}.new`, path);
  } catch (cause) {
    throw new LatticeError('file-unwritable', `cannot write ${path}: ${String(cause)}`, {
      next: 'Check the path of --remember and the permissions of its directory.',
      cause,
    });
  }
}

function unusable(path: string, cause: unknown): LatticeError {
  return new LatticeError('file-unreadable', `${path} is not what an import remembers`, {
    next: 'Name another file with --remember, or remove this one: the import then changes nothing that is there.',
    cause,
  });
}
