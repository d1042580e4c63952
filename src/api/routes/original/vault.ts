import { createHash } from 'node:crypto';
import { constants, type Dirent } from 'node:fs';
import { type FileHandle, open, readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { type OriginalValue, originalJsonText, parseOriginalJson } from '../../../core/original/json.ts';
import { LatticeError } from '../../../core/types/index.ts';
import type { Timers } from '../../../timing/index.ts';

/** A file of the original's vault. `verified` means that its content has the hash and the signature that it names. */
export interface VaultFile {
  /** The hash under which the file is listed, 64 hex digits. */
  readonly hash: string;
  /** The path relative to the vault, with slashes. */
  readonly path: string;
  readonly verified: boolean;
  readonly fields: OriginalObject;
}

/** What one look at the vault has found. */
export interface VaultContents {
  /** Bundles by content hash, or by function hash where a bundle is a signed function, in the order of file names. */
  readonly bundles: ReadonlyMap<string, VaultFile>;
  /** Functions by function hash. */
  readonly functions: ReadonlyMap<string, VaultFile>;
  /** The rows of index.json by hash, which add fields to those of the files. */
  readonly index: OriginalObject;
}

export type OriginalObject = ReadonlyMap<string, OriginalValue>;

/**
 * Bytes of one file. The original's largest has some KiB, and parsing this much does not block the event loop for long.
 */
const MAX_FILE_BYTES = 1024 * 1024;
/** Files of one kind that are read, because all that was read is in memory while a look at the vault is kept. */
const MAX_FILES = 10_000;
/** Files that are read at a time. */
const PARALLEL = 8;
/** How long the outcome of a look answers later requests too, so that a flood of them reads the directory only once. */
const FRESH_MS = 1000;
/** The same in multiples of the time that the look took, so that looks take at most a fifth of the node's time. */
const FRESH_LOOKS = 4;

const HASH = /^[0-9a-f]{64}$/;
const EMPTY: OriginalObject = new Map();

const sha256 = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex');
const isObject = (value: OriginalValue | undefined): value is OriginalObject => value instanceof Map;

/** The text that the original hashes and signs: that of Python's json.dumps with sorted keys and without blanks. */
function canonicalText(value: OriginalValue): string {
  if (isObject(value)) {
    // Python sorts by code point, which is the order of the UTF-8 bytes.
    const keys = Array.from(value.keys()).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    return `{${keys.map((key) => `${originalJsonText(key)}:${canonicalText(value.get(key) ?? null)}`).join(',')}}`;
  }
  if (Array.isArray(value)) return `[${(value as readonly OriginalValue[]).map(canonicalText).join(',')}]`;
  return originalJsonText(value);
}

/** Compact JSON with every number as Python would write it. NaN and the infinities, which JSON lacks, become null. */
export function compactJson(value: OriginalValue): string {
  if (isObject(value))
    return `{${Array.from(value, ([key, item]) => `${JSON.stringify(key)}:${compactJson(item)}`).join(',')}}`;
  if (Array.isArray(value)) return `[${(value as readonly OriginalValue[]).map(compactJson).join(',')}]`;
  if (typeof value === 'string') return JSON.stringify(value);
  const text = originalJsonText(value);
  return /^-?(?:NaN|Infinity)$/.test(text) ? 'null' : text;
}

/**
 * The bundle in a file: content that is named by the hash of its code, or a function with certificate and signature.
 * Undefined when it is neither.
 */
function readBundle(path: string, fields: OriginalObject): VaultFile | undefined {
  const contentHash = fields.get('content_hash');
  if (typeof contentHash === 'string') {
    const code = fields.get('code');
    return HASH.test(contentHash)
      ? { hash: contentHash, path, fields, verified: typeof code === 'string' && sha256(code) === contentHash }
      : undefined;
  }
  const functionHash = fields.get('function_hash');
  if (typeof functionHash !== 'string' || !HASH.test(functionHash)) return undefined;
  const ast = fields.get('ast') ?? null;
  const signed = new Map<string, OriginalValue>([
    ['function_hash', functionHash],
    ['ast', ast],
    ['certificate', fields.get('certificate') ?? null],
  ]);
  const verified =
    sha256(canonicalText(ast)) === functionHash && sha256(canonicalText(signed)) === fields.get('bundle_signature');
  return { hash: functionHash, path, fields, verified };
}

/** The function in a file, whose name begins with the function hash. */
function readFunction(path: string, fields: OriginalObject): VaultFile {
  const hash = path.slice(0, 64);
  const verified = fields.get('full_hash') === hash && sha256(canonicalText(fields.get('ast') ?? null)) === hash;
  return { hash, path, fields, verified };
}

/** Whether the process has no file descriptor left, which says nothing about the file that was to be opened. */
const isShortOfDescriptors = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'EMFILE' || error.code === 'ENFILE');

/** The JSON object in a regular file. Undefined for a link, for a file that is too large, and for other content. */
async function readJsonObject(path: string): Promise<OriginalObject | undefined> {
  let file: FileHandle | undefined;
  try {
    // Without O_NONBLOCK, opening a named pipe would wait for its other end.
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stat = await file.stat();
    if (!stat.isFile() || stat.size > MAX_FILE_BYTES) return undefined;
    // One byte more shows whether the file has grown meanwhile.
    const bytes = Buffer.alloc(stat.size + 1);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
    const value = parseOriginalJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, bytesRead)));
    return isObject(value) ? value : undefined;
  } catch (error) {
    if (isShortOfDescriptors(error)) throw error;
    // The file is gone, a link, unreadable, not UTF-8 (TypeError) or not JSON, and so cannot be served.
    if (error instanceof LatticeError || error instanceof TypeError || (error instanceof Error && 'code' in error))
      return undefined;
    throw error;
  } finally {
    await file?.close();
  }
}

/**
 * The names of regular files in a directory. None when it does not exist, or is a link that leads out of `root`. Rejects
 * with LatticeError `vault-too-large` when there are more than MAX_FILES.
 */
async function namesIn(directory: string, root: string, wanted: (name: string) => boolean): Promise<string[]> {
  let entries: Dirent[];
  try {
    const real = await realpath(directory);
    if (real !== root && !real.startsWith(`${root}/`)) return [];
    entries = await readdir(real, { withFileTypes: true });
  } catch (error) {
    if (error instanceof Error && 'code' in error && !isShortOfDescriptors(error)) return [];
    throw error;
  }
  const names = entries.filter((entry) => entry.isFile() && wanted(entry.name)).map((entry) => entry.name);
  if (names.length > MAX_FILES) {
    // A part of them would look like all of them.
    throw new LatticeError('vault-too-large', `the vault has ${names.length} files of one kind, over ${MAX_FILES}`, {
      next: 'move files that are not needed out of DIOTEC360_VAULT_DIR',
    });
  }
  return names.sort();
}

/** Reads the files at `paths`, relative to `root`, and maps them by hash. */
async function readAll(
  root: string,
  paths: readonly string[],
  read: (path: string, fields: OriginalObject) => VaultFile | undefined,
): Promise<Map<string, VaultFile>> {
  const files: (VaultFile | undefined)[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < paths.length; at = next++) {
      const path = paths[at] as string;
      const fields = await readJsonObject(join(root, path));
      files[at] = fields === undefined ? undefined : read(path, fields);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  const byHash = new Map<string, VaultFile>();
  for (const file of files) {
    // Of several files with one hash the first one that is verified counts, else the first one.
    if (file !== undefined && (file.verified || !byHash.has(file.hash)) && !byHash.get(file.hash)?.verified)
      byHash.set(file.hash, file);
  }
  return byHash;
}

async function readVault(directory: string): Promise<VaultContents> {
  let root: string;
  try {
    root = await realpath(directory);
  } catch {
    return { bundles: new Map(), functions: new Map(), index: EMPTY };
  }
  const index = (await readJsonObject(join(root, 'index.json'))) ?? EMPTY;
  const bundleNames = await namesIn(join(root, 'bundles'), root, (name) => name.endsWith('.ae_bundle'));
  const functionNames = await namesIn(root, root, (name) => name.endsWith('.json') && HASH.test(name.slice(0, -5)));
  const bundles = await readAll(
    root,
    bundleNames.map((name) => `bundles/${name}`),
    readBundle,
  );
  return { index, bundles: withIndexed(bundles, index), functions: await readAll(root, functionNames, readFunction) };
}

/**
 * Adds the bundles that index.json lists by another hash than their file names. They count as not verified, because the
 * file is not what the index promises.
 */
function withIndexed(bundles: ReadonlyMap<string, VaultFile>, index: OriginalObject): ReadonlyMap<string, VaultFile> {
  const byPath = new Map(Array.from(bundles.values(), (file) => [file.path, file]));
  const all = new Map(bundles);
  for (const [hash, row] of index) {
    const path = isObject(row) ? row.get('bundle_path') : undefined;
    if (typeof path !== 'string' || !HASH.test(hash) || all.has(hash)) continue;
    // The paths in the index are those of the machine that wrote it, some with backslashes, so that only the name
    // counts.
    const file = byPath.get(`bundles/${path.split(/[\\/]/).at(-1) ?? ''}`);
    if (file !== undefined) all.set(hash, { ...file, hash, verified: false });
  }
  return all;
}

/** Reads the original's vault in `directory`. It writes nothing, and reads nothing outside of the directory. */
export function createOriginalVault(directory: string, clock: Timers): () => Promise<VaultContents> {
  let current: Promise<VaultContents> | undefined;
  return () => {
    if (current !== undefined) return current;
    const from = performance.now();
    const look = readVault(directory);
    current = look;
    const forget = (): void => {
      current = undefined;
    };
    look.then(() => clock.after(Math.max(FRESH_MS, FRESH_LOOKS * (performance.now() - from)), forget), forget);
    return look;
  };
}
