import type { Hasher } from '../../types/index.ts';
import { compareCodePoints, indentedText, isObject, type OriginalObject, textHash } from '../canon.ts';
import type { OriginalValue } from '../json.ts';
import { isIntact, ruleClaim, verifies } from './claims.ts';
import { isHash, type VaultForm } from './forms.ts';
import { indexedName } from './listings.ts';

/** A file of the original's vault where it lies. */
export interface HeldFile extends VaultForm {
  /** The name under which it lies, without any directory. */
  readonly fileName: string;
  /** The SHA-256 by which the vault of the fleet names it; undefined for what lies elsewhere. */
  readonly object?: string;
}

/** A file that was read, under the name under which it lies: a function and a certificate are named by their hash. */
export function heldAs(form: VaultForm, fileName: string): HeldFile {
  if ((form.kind !== 'function' && form.kind !== 'certificate') || fileName === form.name) return { ...form, fileName };
  const misnamed = ruleClaim('file name', false, `it is named ${fileName} and not ${form.name}`);
  return { ...form, fileName, claims: [...form.claims, misnamed] };
}

/** One row of what the original counts, which has a hash for its name. */
export interface VaultRow {
  readonly hash: string;
  /** What index.json says of it, or would say, with the place of the bundle here. */
  readonly fields: OriginalObject;
  /** The row in the bytes of index.json; undefined where it lists no such row. */
  readonly indexed: OriginalObject | undefined;
  /** The function entry and the bundle of this hash, where they are there. */
  readonly entry?: HeldFile | undefined;
  readonly bundle?: HeldFile | undefined;
  /** Whether the file has the hash of the row. False where an index calls a bundle by another hash. */
  readonly named: boolean;
}

/** What the original's vault holds, as the original lists and counts it (SPEC I10). */
export interface VaultContents {
  /** In the order of index.json, then whatever that does not list. */
  readonly rows: ReadonlyMap<string, VaultRow>;
  readonly certificates: ReadonlyMap<string, HeldFile>;
  /** How many bundles there are, and certificates. */
  readonly counts: { readonly bundles: number; readonly certificates: number };
  /** SHA-256 over the concatenation of the sorted hashes of all rows. Null when there are none. */
  readonly root: string | null;
}

/** Of several files of one hash the first one that verifies counts, else the first one. */
function byHash(files: readonly HeldFile[], kinds: readonly VaultForm['kind'][]): Map<string, HeldFile> {
  const found = new Map<string, HeldFile>();
  for (const file of files) {
    if (!kinds.includes(file.kind)) continue;
    const other = found.get(file.hash);
    if (other === undefined || (!verifies(other.claims) && verifies(file.claims))) found.set(file.hash, file);
  }
  return found;
}

/** The row that the original would write into its index for a file. */
function ownRow(entry: HeldFile | undefined, bundle: HeldFile | undefined): OriginalObject {
  const file = entry ?? bundle;
  const row = new Map<string, OriginalValue>();
  if (file === undefined) return row;
  const { fields } = file;
  const put = (name: string, value: OriginalValue | undefined): void => {
    if (value !== undefined) row.set(name, value);
  };
  if (file.kind === 'content-bundle') {
    const metadata = fields.get('metadata');
    put('intent_name', (isObject(metadata) ? metadata.get('intent_name') : undefined) ?? 'unknown');
    put('bundle_path', `bundles/${file.fileName}`);
    put('timestamp', fields.get('timestamp'));
    return row;
  }
  put('intent_name', fields.get('intent_name'));
  put('logic_hash', fields.get('logic_hash'));
  put('created_at', fields.get('created_at'));
  row.set('status', 'MATHEMATICALLY_PROVED');
  return row;
}

/**
 * Puts the files of a vault together. The first of several files of one hash, and of several rows of one hash in
 * several indexes, comes before the others.
 */
export function vaultContents(files: readonly HeldFile[], hasher: Hasher): VaultContents {
  const entries = byHash(files, ['function']);
  const bundles = byHash(files, ['signed-bundle', 'content-bundle']);
  const certificates = byHash(files, ['certificate']);
  const byName = new Map(Array.from(bundles.values(), (file) => [file.fileName, file]));

  const rows = new Map<string, VaultRow>();
  const add = (hash: string, indexed: OriginalValue | undefined): void => {
    if (!isHash(hash) || rows.has(hash)) return;
    const entry = entries.get(hash);
    const own = bundles.get(hash);
    // An index that calls a file by another hash than the file does is served with that file, as the original does.
    const name = own === undefined && entry === undefined ? indexedName(indexed) : undefined;
    const bundle = own ?? (name === undefined ? undefined : byName.get(name));
    const fields = new Map(isObject(indexed) ? indexed : ownRow(entry, bundle));
    // The path of a bundle is that of the file here, not that on the machine that wrote the index.
    if (bundle !== undefined && fields.has('bundle_path')) fields.set('bundle_path', `bundles/${bundle.fileName}`);
    rows.set(hash, {
      hash,
      fields,
      indexed: isObject(indexed) ? indexed : undefined,
      entry,
      bundle,
      named: entry !== undefined || own !== undefined,
    });
  };
  for (const { kind, fields } of files) if (kind === 'index') for (const [hash, row] of fields) add(hash, row);
  for (const hash of [...bundles.keys(), ...entries.keys()]) add(hash, undefined);

  return {
    rows,
    certificates,
    counts: {
      bundles: files.filter(({ kind }) => kind === 'signed-bundle' || kind === 'content-bundle').length,
      certificates: files.filter(({ kind }) => kind === 'certificate').length,
    },
    root: vaultRoot(rows.keys(), hasher),
  };
}

/** The root of the original's vault (SPEC I10): null for none, as the original computes it. */
function vaultRoot(hashes: Iterable<string>, hasher: Hasher): string | null {
  const sorted = Array.from(hashes).sort(compareCodePoints);
  return sorted.length === 0 ? null : textHash(sorted.join(''), hasher);
}

/** `ok`, or what is wrong with a row: no file is there, or its digests do not hold. */
export function rowState(row: VaultRow, file: HeldFile | undefined): 'ok' | 'missing' | 'corrupted' {
  if (file === undefined) return 'missing';
  return row.named && verifies(file.claims) ? 'ok' : 'corrupted';
}

/** Whether everything that matters in the file was checked and is as it should be, under the hash of the row. */
export function isRowIntact(row: VaultRow, file: HeldFile | undefined): boolean {
  return file !== undefined && row.named && isIntact(file.claims);
}

/**
 * The text of the index.json that the original would write for these rows: a row that it has written comes as it was,
 * and a new one names its bundle in `directory`, the path of the vault.
 */
export function indexText(rows: Iterable<VaultRow>, directory: string): string {
  const index = new Map<string, OriginalValue>();
  for (const { hash, fields, indexed, bundle } of rows) {
    const row = new Map(indexed ?? fields);
    if (indexed === undefined && bundle !== undefined && row.has('bundle_path'))
      row.set('bundle_path', `${directory}/bundles/${bundle.fileName}`);
    index.set(hash, row);
  }
  return indentedText(index);
}
