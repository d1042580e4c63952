import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Author, LatticeError } from '../../core/types/index.ts';
import { authorToPeerId } from '../../core/wire/peer-id.ts';
import { openError } from './errors.ts';

/** The file beside those of LevelDB that names the author of the store, as 64 hex digits and a line end. */
const OWNER = 'author';

/**
 * The author whose store the directory is. Undefined where there is no file. Rejects with LatticeError where the file
 * cannot be read or names nobody, because then nothing tells whether the key is the right one.
 */
export async function ownerOf(directory: string): Promise<Author | undefined> {
  const path = join(directory, OWNER);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    // A file or nothing in the place of the directory is told by what opens the store.
    if (isMissing(cause)) return undefined;
    throw openError(directory, cause);
  }
  const named = /^([0-9a-f]{64})\n?$/.exec(text)?.[1];
  if (named !== undefined) return named as Author;
  throw new LatticeError('store-open-failed', `${path} does not name the node whose store this is`, {
    next: `See that the node has the key that it always had. Then remove ${path} and start again: the file is made anew.`,
    details: { directory },
  });
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');

/**
 * Takes an open store for this author, who must be the one whose store it has been since it was made (SPEC N1). With
 * another key, as when two key files were swapped, the node would take its own commits for those of another node, and
 * those of another for its own. Rejects with LatticeError `other-author`, or with that of a store that cannot
 * be opened where the file cannot be read or written.
 */
export async function claimStore(directory: string, author: Author): Promise<void> {
  const owner = await ownerOf(directory);
  if (owner === author) return;
  if (owner !== undefined) throw otherAuthor(directory, owner, author);
  await writeOwner(directory, author);
}

/**
 * Gives the store to a new key of the same node, where it still is that of the old one. Rejects as `claimStore` does.
 */
export async function handOverStore(directory: string, from: Author, to: Author): Promise<void> {
  if ((await ownerOf(directory)) === from) await writeOwner(directory, to);
}

async function writeOwner(directory: string, author: Author): Promise<void> {
  const path = join(directory, OWNER);
  // It is whole or not there, whenever the process or the machine ends.
  try {
    await writeFile(`${path}.new`, `${author}\n`, { mode: 0o600, flush: true });
    await rename(`${path}.new`, path);
  } catch (cause) {
    throw openError(directory, cause);
  }
}

/** Why the key of `author` does not open the store in this directory; undefined where it does. Nothing is changed. */
export async function whyNotOwner(directory: string, author: Author): Promise<LatticeError | undefined> {
  try {
    const owner = await ownerOf(directory);
    return owner === undefined || owner === author ? undefined : otherAuthor(directory, owner, author);
  } catch (error) {
    if (error instanceof LatticeError) return error;
    throw error;
  }
}

function otherAuthor(directory: string, owner: Author, author: Author): LatticeError {
  return new LatticeError(
    'other-author',
    `The store in ${directory} is that of node ${authorToPeerId(owner)} (${owner}), and the key is that of ${authorToPeerId(author)} (${author})`,
    {
      next: `Put the key file of ${authorToPeerId(owner)} back; where two key files were swapped, swap them again. To give this store to the new key for good, remove the file ${join(directory, OWNER)} and start again.`,
      details: { directory, store: owner, key: author },
    },
  );
}
