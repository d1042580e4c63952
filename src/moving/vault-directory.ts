import { createHash } from 'node:crypto';
import { constants, type Dirent } from 'node:fs';
import { type FileHandle, open, readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { MAX_VAULT_FILE_BYTES, type VaultKind } from '../core/original/vault/index.ts';
import { type Bytes, fileFailure, LatticeError } from '../core/types/index.ts';

/**
 * Files of one kind. What was read of each is in memory while a plan is carried out or the original's endpoints answer.
 */
const MAX_FILES = 10_000;

/** A name in a vault directory that its place makes a file of the original's vault. */
export interface VaultPlace {
  /** Relative to the directory, with slashes. */
  readonly path: string;
  readonly fileName: string;
  /** What its place says that it is; both kinds of bundles lie in one folder. */
  readonly kind: VaultKind | 'bundle';
  /** Whether it is no regular file: a link, a directory or a device, which is never opened. */
  readonly isOdd: boolean;
}

export interface VaultDirectory {
  /** The real path of the directory. */
  readonly root: string;
  /** Those of each folder in the order of names. */
  readonly places: readonly VaultPlace[];
  /** Paths of which nothing says that they are the original's, hidden ones left out. */
  readonly others: readonly string[];
}

/** The folders that a vault directory has: those of the original, and where this node keeps its own vault. */
const FOLDERS = ['bundles', 'certificates', 'lattice'];
const LISTINGS: ReadonlyMap<string, VaultKind> = new Map([
  ['index.json', 'index'],
  ['precedents.json', 'precedents'],
]);
const FUNCTION = /^[0-9a-f]{64}\.json$/;
const CERTIFICATE = /^[0-9a-f]{64}\.cert\.json$/;

const isFileError = (error: unknown): error is NodeJS.ErrnoException => error instanceof Error && 'code' in error;

/** Whether the process has no file descriptor left, which says nothing about the file that was to be opened. */
const isShortOfDescriptors = (error: unknown): boolean =>
  isFileError(error) && (error.code === 'EMFILE' || error.code === 'ENFILE');

/** The entries of a folder. None when it is not there, is no directory, or is a link that leads out of `root`. */
async function entriesOf(folder: string, root: string): Promise<Dirent[]> {
  try {
    const real = await realpath(folder);
    if (real !== root && !real.startsWith(`${root}/`)) return [];
    return (await readdir(real, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    if (isFileError(error) && !isShortOfDescriptors(error)) return [];
    throw error;
  }
}

/**
 * What lies in a vault directory of the original. Nothing is opened, and nothing outside of it is looked at. Undefined
 * when it is not there. Rejects with LatticeError `vault-too-large` when there are more than 10,000 files of one kind,
 * because a part of them would look like all of them.
 */
export async function listVaultDirectory(directory: string): Promise<VaultDirectory | undefined> {
  let root: string;
  try {
    root = await realpath(directory);
  } catch (error) {
    if (isShortOfDescriptors(error)) throw error;
    return undefined;
  }
  const places: VaultPlace[] = [];
  const others: string[] = [];
  const take = async (folder: string, kindOf: (name: string) => VaultPlace['kind'] | undefined): Promise<void> => {
    let files = 0;
    for (const entry of await entriesOf(join(root, folder), root)) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      const kind = kindOf(entry.name);
      if (kind !== undefined) {
        places.push({ path, fileName: entry.name, kind, isOdd: !entry.isFile() });
        if (!LISTINGS.has(entry.name) && ++files > MAX_FILES) throw tooLarge(directory);
      } else if (!entry.name.startsWith('.') && !FOLDERS.includes(path)) others.push(path);
    }
  };
  await take('', (name) => (FUNCTION.test(name) ? 'function' : LISTINGS.get(name)));
  await take('certificates', (name) => (CERTIFICATE.test(name) ? 'certificate' : undefined));
  await take('bundles', (name) => (name.endsWith('.ae_bundle') ? 'bundle' : undefined));
  return { root, places, others };
}

/**
 * The bytes of a regular file. Rejects with LatticeError `file-unreadable`, which says why: it is gone, a link, no file,
 * or may not be read; or `file-too-large`.
 */
export async function readRegularFile(path: string, limit = MAX_VAULT_FILE_BYTES): Promise<Bytes> {
  let file: FileHandle | undefined;
  try {
    // Without O_NONBLOCK, opening a named pipe would wait for its other end.
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stat = await file.stat();
    if (!stat.isFile()) throw unreadable(path, 'it is no file');
    if (stat.size > limit) {
      throw new LatticeError('file-too-large', `${path} has ${stat.size} bytes, more than the ${limit} that are read`, {
        next: 'Look at what the file is: files of the original have some KiB.',
      });
    }
    // One byte more shows whether the file has grown meanwhile.
    const bytes = Buffer.alloc(stat.size + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read)
      ({ bytesRead: read } = await file.read(bytes, length, bytes.length - length, length));
    if (length > stat.size) throw unreadable(path, 'it grew while it was read');
    return new Uint8Array(bytes.buffer, bytes.byteOffset, length);
  } catch (error) {
    if (!isFileError(error) || error instanceof LatticeError || isShortOfDescriptors(error)) throw error;
    throw unreadable(path, error.code === 'ELOOP' ? 'it is a link, and links are not followed' : fileFailure(error));
  } finally {
    await file?.close();
  }
}

/** SHA-256 of bytes, in hex. */
export const hashOf = (bytes: Bytes): string => createHash('sha256').update(bytes).digest('hex');

function tooLarge(directory: string): LatticeError {
  return new LatticeError('vault-too-large', `${directory} has over ${MAX_FILES} files of one kind`, {
    next: 'Move files that are not needed out of the directory.',
  });
}

function unreadable(path: string, why: string): LatticeError {
  return new LatticeError('file-unreadable', `${path} cannot be read: ${why}`, {
    next: 'Give a regular file that this user may read.',
  });
}
