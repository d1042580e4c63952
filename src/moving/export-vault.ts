import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type HeldFile,
  heldAs,
  indexText,
  isVaultType,
  MAX_VAULT_FILE_BYTES,
  readVaultFile,
  vaultContents,
  verifies,
} from '../core/original/vault/index.ts';
import { type Bytes, type Hasher, LatticeError } from '../core/types/index.ts';
import { pathOf } from './vault.ts';

/** All files are read before the first is written, so that an export is whole or not there. */
const MAX_EXPORT_BYTES = 256 * 1024 * 1024;
/** Objects that are read at a time. */
const PARALLEL = 4;

/** An object of the vault as it can be exported. */
export interface ExportedObject {
  readonly hash: string;
  readonly name: string;
  readonly type: string;
  readonly size: number;
  /** Unix ms of the put, by which the first of two objects of one name is told. */
  readonly at: number;
}

export interface VaultExport {
  /** What is written, by path in the directory. */
  readonly files: ReadonlyMap<string, Bytes>;
  /** Objects that are not, and why, as a phrase. */
  readonly left: readonly { readonly hash: string; readonly name: string; readonly because: string }[];
}

const utf8 = new TextEncoder();

/**
 * The files of the original's vault among objects, in its layout and in their exact bytes (SPEC I9): function entries,
 * certificates, bundles, precedents, and index.json. That is the one that was put, where it lists every row, and else
 * the one that the original would write in `directory`. Rejects as `read` does, and with `file-too-large`.
 */
export async function planVaultExport(
  objects: readonly ExportedObject[],
  read: (hash: string) => Promise<Bytes>,
  directory: string,
  hasher: Hasher,
): Promise<VaultExport> {
  const ours = objects
    .filter(({ type }) => isVaultType(type))
    .sort((a, b) => a.at - b.at || (a.hash < b.hash ? -1 : 1));
  const sum = ours.reduce((total, { size }) => total + size, 0);
  if (sum > MAX_EXPORT_BYTES) {
    throw new LatticeError('file-too-large', `the files of the original in the vault have ${sum} bytes in all`, {
      next: `At most ${MAX_EXPORT_BYTES} are exported at once: remove what is not needed.`,
    });
  }
  const left: { hash: string; name: string; because: string }[] = [];
  const held: { readonly file: HeldFile; readonly bytes: Bytes; readonly object: ExportedObject }[] = [];
  let next = 0;
  const found: ((typeof held)[number] | undefined)[] = [];
  const worker = async (): Promise<void> => {
    for (let i = next++; i < ours.length; i = next++) {
      const object = ours[i] as ExportedObject;
      const { hash, name, size } = object;
      if (size > MAX_VAULT_FILE_BYTES) {
        left.push({ hash, name, because: `it has ${size} bytes, more than a file of the original` });
        continue;
      }
      const bytes = await read(hash);
      try {
        const form = readVaultFile(bytes, hasher);
        found[i] = { file: heldAs(form, name === '' ? form.name : name), bytes, object };
      } catch (error) {
        if (!(error instanceof LatticeError)) throw error;
        left.push({ hash, name, because: error.message });
      }
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  for (const one of found) if (one !== undefined) held.push(one);

  const files = new Map<string, Bytes>();
  // Of two files of one name the first that verifies is written, as it is the one that is served.
  const ordered = held.toSorted((a, b) => Number(verifies(b.file.claims)) - Number(verifies(a.file.claims)));
  for (const { file, bytes, object } of ordered) {
    if (file.kind === 'index') continue;
    const path = pathOf(file);
    if (files.has(path)) left.push({ hash: object.hash, name: object.name, because: `another file is ${path}` });
    else files.set(path, bytes);
  }
  const { rows } = vaultContents(
    held.map(({ file }) => file),
    hasher,
  );
  const whole = held.find(({ file: { kind, fields } }) => kind === 'index' && fields.size === rows.size);
  for (const { file, object } of held)
    if (file.kind === 'index' && object !== whole?.object)
      left.push({ hash: object.hash, name: object.name, because: 'its rows are in the index of all' });
  if (rows.size > 0) files.set('index.json', whole?.bytes ?? utf8.encode(indexText(rows.values(), directory)));
  return { files, left };
}

/**
 * Writes the files into a directory that is new or empty. Rejects with LatticeError `exists`, and then has written
 * nothing, or `file-unwritable`.
 */
export async function writeVaultExport(directory: string, files: VaultExport['files']): Promise<void> {
  try {
    await mkdir(directory, { recursive: true });
    if ((await readdir(directory)).length > 0) {
      throw new LatticeError('exists', `${directory} is not empty, and what is there is left as it is`, {
        next: 'Name a new directory.',
      });
    }
    // The original makes both when it starts.
    await mkdir(join(directory, 'certificates'));
    await mkdir(join(directory, 'bundles'));
    for (const [path, bytes] of files) await writeFile(join(directory, path), bytes, { flag: 'wx' });
  } catch (cause) {
    if (cause instanceof LatticeError || !(cause instanceof Error && 'code' in cause)) throw cause;
    throw new LatticeError('file-unwritable', `cannot write into ${directory}: ${cause.message}`, {
      next: 'Name another directory.',
      cause,
    });
  }
}
