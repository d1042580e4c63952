import { basename, join } from 'node:path';
import {
  brokenDigest,
  type Claim,
  type HeldFile,
  heldAs,
  indexClaims,
  readVaultFile,
  type VaultForm,
  vaultType,
  withNodeChecked,
} from '../core/original/vault/index.ts';
import { type Author, type Bytes, LatticeError } from '../core/types/index.ts';
import { isObjectName } from '../core/vault/index.ts';
import type { ObjectItem, PlanItem, ReadContext, Reader, Reading, Refusal, Source, Verification } from './plan.ts';
import { withoutPath } from './snapshot.ts';
import { hashOf, listVaultDirectory, readRegularFile, type VaultPlace } from './vault-directory.ts';

/** Files that are read at a time. */
const PARALLEL = 8;
/** Names that a remark gives, so that it stays one sentence. */
const NAMED = 8;

interface Read {
  /** What a refusal calls it. */
  readonly what: string;
  readonly file: HeldFile;
  readonly hash: string;
  readonly size: number;
  content(): AsyncIterable<Bytes>;
}

/** What each kind is checked by, as a phrase. */
const BY: Readonly<Record<VaultForm['kind'], string>> = {
  function: 'the hashes of its AST and of its logic',
  certificate: 'its signature',
  'signed-bundle': 'the hash of its AST, its bundle signature, and its certificate',
  'content-bundle': 'the hash of its code',
  index: 'the files that its rows name',
  precedents: 'the hash of each record',
};

const TAKE_UNVERIFIED = 'Take another copy, or take it as it is with --unverified.';

/**
 * Reads the original's vault (SPEC I9): a directory of it, index.json with the files that lie beside it, or one
 * function, bundle or certificate. Every item is a file in exactly its bytes.
 */
export const readVault: Reader = async (source, context) => {
  if (source.kind === 'vault') return await readDirectory(source, source.at, context);
  if (source.kind === 'vault-index') return await readDirectory(source, join(source.at, '..'), context);
  const refused: Refusal[] = [];
  const read = await readOne(source, source.at, basename(source.at), undefined, context, refused);
  const items = read === undefined ? [] : itemsOf(source, [read], context, refused);
  return { items, refused, remarks: remarksOn(items, read === undefined ? [] : [read], []) };
};

async function readDirectory(source: Source, directory: string, context: ReadContext): Promise<Reading> {
  const listed = await listVaultDirectory(directory);
  if (listed === undefined) {
    throw new LatticeError('file-unreadable', `${directory} cannot be read: it is not there`, {
      next: 'Give the path of a vault directory.',
    });
  }
  const { root, places, others } = listed;
  const refused: Refusal[] = [];
  const reads: (Read | undefined)[] = [];
  let next = 0;
  let done = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < places.length; i = next++) {
      context.signal?.throwIfAborted();
      const place = places[i] as VaultPlace;
      reads[i] = place.isOdd
        ? refuseOdd(source, place, refused)
        : await readOne(source, join(root, place.path), place.path, place, context, refused);
      context.progress?.('vault files', ++done, places.length);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  const found = reads.filter((read) => read !== undefined);
  const items = itemsOf(source, found, context, refused);
  refused.sort((a, b) => ((a.what ?? '') < (b.what ?? '') ? -1 : 1));
  return { items, refused, remarks: remarksOn(items, found, others) };
}

/**
 * The same of one function or bundle that a running node of the original has told, as the bytes of the file that it keeps.
 * `fileName` is the name of that file, where it is known.
 */
export async function readToldFile(
  source: Source,
  bytes: Bytes,
  { what, fileName }: { readonly what: string; readonly fileName: string | undefined },
  context: ReadContext,
): Promise<Reading> {
  const refused: Refusal[] = [];
  try {
    const form = await checkNode(readVaultFile(bytes, context.hasher), context);
    const name = fileName !== undefined && isObjectName(fileName) ? ownName(form, fileName) : form.name;
    const content = async function* (): AsyncIterable<Bytes> {
      yield bytes;
    };
    const read = { what, file: heldAs(form, name), hash: hashOf(bytes), size: bytes.length, content };
    const items = itemsOf(source, [read], context, refused);
    return { items, refused, remarks: [] };
  } catch (error) {
    if (!(error instanceof LatticeError)) throw error;
    const { code, message: reason, next } = error;
    return { items: [], refused: [{ source, what, code, reason, next, takenUnverified: false }] };
  }
}

function refuseOdd(source: Source, place: VaultPlace, refused: Refusal[]): undefined {
  const reason = 'it is a link, a directory or a device, and only regular files are read';
  const next = 'Put the file itself there.';
  refused.push({ source, what: place.path, code: 'file-unreadable', reason, next, takenUnverified: false });
}

/** Reads one file. What cannot be taken in any case is refused by the name `what`. */
async function readOne(
  source: Source,
  at: string,
  what: string,
  place: VaultPlace | undefined,
  context: ReadContext,
  refused: Refusal[],
): Promise<Read | undefined> {
  try {
    const bytes = await readRegularFile(at);
    const kind = place === undefined || place.kind === 'bundle' ? undefined : place.kind;
    const form = await checkNode(readVaultFile(bytes, context.hasher, kind), context);
    if (place?.kind === 'bundle' && !form.kind.endsWith('-bundle')) throw misplaced(`it is no bundle but ${form.kind}`);
    const fileName = place?.fileName ?? ownName(form, basename(at));
    if (!isObjectName(fileName)) throw misplaced(`${JSON.stringify(fileName)} is no name that the vault can keep`);
    const content = async function* (): AsyncIterable<Bytes> {
      yield await readRegularFile(at);
    };
    return { what: at, file: heldAs(form, fileName), hash: hashOf(bytes), size: bytes.length, content };
  } catch (error) {
    if (!(error instanceof LatticeError) || error.code === 'vault-too-large') throw error;
    if (place === undefined && error.code === 'file-unreadable') throw error;
    const { code, message, next } = error;
    refused.push({ source, what, code, reason: withoutPath(message, at), next, takenUnverified: false });
    return undefined;
  }
}

/** A bundle that was handed on by itself keeps its name; everything else has the one that the original gives it. */
function ownName(form: VaultForm, name: string): string {
  return form.kind.endsWith('-bundle') && name.endsWith('.ae_bundle') ? name : form.name;
}

/** Checks the certificate of a node in a bundle, where there is one and signatures can be checked. */
async function checkNode(form: VaultForm, { verifier }: ReadContext): Promise<VaultForm> {
  const certificate = form.nodeCertificate;
  if (certificate === undefined || verifier === undefined) return form;
  const { author, message, signature } = certificate;
  const holds = await verifier.verify(author as Author, message, signature);
  return holds
    ? withNodeChecked(form, 'unknown', `${author} signed it`)
    : withNodeChecked(form, 'broken', `${author} did not sign this content`);
}

/** The items of files that verify, and of the others with `unverified`; without it these are refused. */
function itemsOf(source: Source, reads: readonly Read[], context: ReadContext, refused: Refusal[]): ObjectItem[] {
  const items: ObjectItem[] = [];
  const take = (read: Read, claims: readonly Claim[]): void => {
    const broken = brokenDigest(claims);
    if (broken !== undefined && !context.unverified) refused.push(refusalOf(source, read, broken));
    else items.push(itemOf(source, read, broken));
  };
  for (const read of reads) if (read.file.kind !== 'index') take(read, read.file.claims);
  // The rows of an index are checked against what is taken with it.
  const taken = new Set(items.map(({ hash }) => hash));
  const beside = reads.filter(({ hash }) => taken.has(hash)).map(({ file }) => file);
  for (const read of reads) {
    if (read.file.kind === 'index') take(read, indexClaims(read.file.fields, beside));
  }
  return items;
}

function refusalOf(source: Source, { file, what }: Read, broken: Claim): Refusal {
  const { stored, computed } = broken;
  return {
    source,
    what: pathOf(file) ?? what,
    code: 'vault-file-mismatch',
    reason: `${broken.claim}: ${broken.reason}`,
    next: TAKE_UNVERIFIED,
    ...(stored === undefined ? {} : { stored }),
    ...(computed === undefined ? {} : { computed }),
    takenUnverified: true,
  };
}

function itemOf(source: Source, { file, hash, size, content }: Read, broken: Claim | undefined): ObjectItem {
  const checked: Verification =
    broken === undefined
      ? { verified: true, by: BY[file.kind] }
      : { verified: false, because: `${broken.claim}: ${broken.reason}` };
  return {
    kind: 'object',
    source,
    checked,
    name: file.fileName,
    type: vaultType(file.kind),
    size,
    hash,
    content,
  };
}

/** The path of a file in a vault directory of the original. */
export function pathOf(file: Pick<HeldFile, 'kind' | 'fileName'>): string {
  if (file.kind === 'certificate') return `certificates/${file.fileName}`;
  return file.kind.endsWith('-bundle') ? `bundles/${file.fileName}` : file.fileName;
}

function remarksOn(items: readonly PlanItem[], reads: readonly Read[], others: readonly string[]): readonly string[] {
  const remarks: string[] = [];
  const uncovered = reads.filter(({ file }) =>
    file.claims.some(({ about, checked }) => about === 'content' && !checked),
  ).length;
  if (uncovered > 0 && items.length > 0) {
    remarks.push(
      `In ${uncovered} functions and bundles no digest of the original is over the code: whether that was changed before ` +
        "this import cannot be told. From the import on, the vault's hash is over every byte.",
    );
  }
  if (others.length > 0) {
    const named = others.slice(0, NAMED).map((path) => JSON.stringify(path));
    const more = others.length > NAMED ? ` and ${others.length - NAMED} more` : '';
    remarks.push(`No files of the original's vault, and left where they are: ${named.join(', ')}${more}.`);
  }
  return remarks;
}

function misplaced(message: string): LatticeError {
  return new LatticeError('vault-file-malformed', message, { next: 'Put the file where the original keeps its kind.' });
}
