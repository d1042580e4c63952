import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parseOriginalJson } from '../core/original/json.ts';
import { isOlderSnapshot } from '../core/original/older-form.ts';
import { joined, LatticeError } from '../core/types/index.ts';
import { isNdjson } from './ndjson.ts';
import type { Source, SourceKind } from './plan.ts';
import { readHead, readWholeText, statOf } from './read-file.ts';

/** What was found, and what was passed over, as whole sentences. */
export interface Found {
  readonly sources: readonly Source[];
  readonly remarks: readonly string[];
}

/**
 * How deep directories are searched: from the directory in which the original was started, its files lie at most three
 * below (`.diotec360_state/snapshots/snapshot_….json`).
 */
const MAX_DEPTH = 3;
/** Directories that are looked into, and names in them: far more than an original has, and a second's work. */
const MAX_DIRECTORIES = 10_000;
const MAX_NAMES = 200_000;
/** Names that one remark lists. */
const MAX_SHOWN = 8;
/** Directories that hold programs. They may be large, and nothing of the original's data is in them. */
const PASSED_OVER: ReadonlySet<string> = new Set(['node_modules', '.git', '__pycache__', '.venv', 'venv', '.next']);

const SQLITE_MAGIC = 'SQLite format 3\0';
const FUNCTION_FILE = /^[0-9a-f]{64}\.json$/;

/**
 * Finds what lies at each of these paths: one file of the original, recognised by its content, or every file of the
 * original in a directory and below. Links in a directory are not followed. Rejects with LatticeError
 * `file-unreadable`, or `nothing-to-import` where there is nothing at any of them.
 */
export async function findSources(paths: readonly string[]): Promise<Found> {
  const sources: Source[] = [];
  const remarks: string[] = [];
  for (const path of paths) {
    const stats = await statOf(path);
    if (stats.isDirectory()) await searchDirectory(path, sources, remarks);
    else sources.push({ kind: await kindOfFile(path), at: path });
  }
  if (sources.length > 0) return { sources, remarks };
  throw new LatticeError('nothing-to-import', `nothing of the original lies in ${joined(paths)}`, {
    next: 'Name the directory with its snapshot.json, wal.log, vault or telemetry.db, or one of these files.',
  });
}

async function searchDirectory(path: string, sources: Source[], remarks: string[]): Promise<void> {
  const queue = [{ path, depth: 0 }];
  let names = 0;
  for (let looked = 0; queue.length > 0; looked++) {
    const directory = queue.shift();
    if (directory === undefined) break;
    const children = await childrenOf(directory.path, directory.depth > 0 ? remarks : undefined);
    names += children.length;
    if (looked >= MAX_DIRECTORIES || names > MAX_NAMES) {
      remarks.push(`${path} has too many files to search: name the original's own directories one by one.`);
      break;
    }
    const links = children.filter((child) => child.isSymbolicLink() && isOfOriginal(child.name));
    for (const { name } of links)
      remarks.push(`${join(directory.path, name)} is a link and was not followed: name what it leads to.`);
    // A store or a vault of this system may lie beside the original's files.
    if (isStore(children) || isVaultOfOurs(directory.path, children)) continue;
    const files = children.filter((child) => child.isFile()).map(({ name }) => name);
    const directories = children.filter((child) => child.isDirectory()).map(({ name }) => name);
    const isVault = looksLikeVault(files, directories);
    if (isVault) sources.push({ kind: 'vault', at: directory.path });
    for (const name of files) {
      const kind = kindByName(name, isVault);
      if (kind !== undefined) sources.push({ kind, at: join(directory.path, name) });
    }
    const others = isVault ? [] : files.filter((name) => kindByName(name, isVault) === undefined);
    if (others.length > 0 && files.length > others.length) remarks.push(notMoved(directory.path, others));
    if (directory.depth === MAX_DEPTH) continue;
    for (const name of directories) {
      if (PASSED_OVER.has(name) || (isVault && (name === 'bundles' || name === 'certificates'))) continue;
      queue.push({ path: join(directory.path, name), depth: directory.depth + 1 });
    }
  }
}

async function childrenOf(path: string, remarks: string[] | undefined): Promise<Dirent[]> {
  try {
    const children = await readdir(path, { withFileTypes: true });
    return children.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    if (remarks !== undefined) {
      remarks.push(`${path} could not be searched: ${code}.`);
      return [];
    }
    throw new LatticeError('file-unreadable', `cannot read ${path}: ${code}`, {
      next: 'Check the path and its permissions.',
      cause,
    });
  }
}

const isOfOriginal = (name: string): boolean =>
  kindByName(name, false) !== undefined || FUNCTION_FILE.test(name) || name === 'bundles' || name === 'certificates';

/** A directory of LevelDB, which holds files that are named by numbers beside these two. */
const isStore = (children: readonly Dirent[]): boolean =>
  children.some(({ name }) => name === 'CURRENT') && children.some(({ name }) => name.startsWith('MANIFEST-'));

/** The directory of a node's own vault, which has a directory for each beginning of a hash below. */
const isVaultOfOurs = (path: string, children: readonly Dirent[]): boolean =>
  basename(path) === 'lattice' && children.some((child) => child.isDirectory() && child.name === 'objects');

function looksLikeVault(files: readonly string[], directories: readonly string[]): boolean {
  const parts = directories.includes('bundles') || directories.includes('certificates');
  return parts || files.some((name) => FUNCTION_FILE.test(name)) || (files.includes('index.json') && files.length <= 2);
}

function kindByName(name: string, inVault: boolean): SourceKind | undefined {
  if (name === 'snapshot.json' || /^snapshot_[0-9a-f]{16}\.json$/.test(name)) return 'snapshot';
  if (name === 'wal.log') return 'wal';
  if (name === 'telemetry.db') return 'telemetry';
  if (!inVault && name.endsWith('.ae_bundle')) return 'bundle';
  return !inVault && name.endsWith('.cert.json') ? 'certificate' : undefined;
}

/** What lies beside files of the original and is none that this system has a place for. */
function notMoved(directory: string, names: readonly string[]): string {
  const shown = names.slice(0, MAX_SHOWN).join(', ');
  const more = names.length > MAX_SHOWN ? ` and ${names.length - MAX_SHOWN} more` : '';
  return `Not imported from ${directory}: ${shown}${more}.`;
}

/** Recognises one file by its name where that is certain, else by its content. */
async function kindOfFile(path: string): Promise<SourceKind> {
  const head = new TextDecoder('latin1').decode(await readHead(path, 16));
  if (head === SQLITE_MAGIC || path.endsWith('.db')) return 'telemetry';
  const name = basename(path);
  if (name.endsWith('.ae_bundle')) return 'bundle';
  if (name.endsWith('.cert.json')) return 'certificate';
  if (name.endsWith('wal.log')) return 'wal';
  if (name === 'snapshot.json') return 'snapshot';
  if (/\.(?:ndjson|jsonl)$/.test(name)) return 'ndjson';
  if (name.endsWith('.csv')) return 'csv';
  return kindOfText(await readWholeText(path));
}

/** Recognises the text of a file of the original. What is none of its kinds is taken for a broken snapshot. */
function kindOfText(text: string): SourceKind {
  if (isNdjson(text)) return 'ndjson';
  let document: unknown;
  try {
    document = parseOriginalJson(text.replace(/^\uFEFF/, ''));
  } catch {
    return /^\s*\{"sequence_number"/.test(text) ? 'wal' : 'snapshot';
  }
  if (!(document instanceof Map)) return 'snapshot';
  const has = (...names: readonly string[]): boolean => names.every((name) => document.has(name));
  if (has('state') || has('state_data') || isOlderSnapshot(document)) return 'snapshot';
  if (has('sequence_number', 'merkle_root_before')) return 'wal';
  if (has('bundle_signature') || has('code', 'content_hash')) return 'bundle';
  if (has('signature', 'function_hash') || has('certificate_version')) return 'certificate';
  if (has('full_hash') || has('function_hash', 'ast') || has('logic_hash')) return 'function';
  const rows = [...(document as ReadonlyMap<string, unknown>).entries()];
  const isIndex = rows.length > 0 && rows.every(([key, row]) => /^[0-9a-f]{64}$/.test(key) && row instanceof Map);
  return isIndex ? 'vault-index' : 'snapshot';
}
