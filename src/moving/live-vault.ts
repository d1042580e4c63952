import { indentedText, isObject, type OriginalObject } from '../core/original/canon.ts';
import type { OriginalValue } from '../core/original/json.ts';
import { isHash } from '../core/original/vault/index.ts';
import { counted, type ErrorCode, LatticeError } from '../core/types/index.ts';
import { type FetchOptions, fetchMembers, isAbsent, unexpected } from './live-fetch.ts';
import type { ObjectItem, ReadContext, Reading, Refusal, Source } from './plan.ts';
import { refusalOf } from './snapshot.ts';
import { readToldFile } from './vault.ts';

/** Rows of its lists: as many files of one kind as a vault directory may have. */
const MAX_ROWS = 10_000;
/** Bytes of one answer with a file, which has at most 1 MiB in its own form. */
const MAX_ANSWER_BYTES = 2 * 1024 * 1024;
/** Bytes of all files of one reading, which are in memory until they are put. */
const MAX_TOGETHER_BYTES = 64 * 1024 * 1024;
/** Requests at one time: the original answers one after the other. */
const PARALLEL = 2;
/** The members that name what a bundle or function is listed under. */
const HASH_NAMES = ['content_hash', 'full_hash', 'function_hash'] as const;
/** What an answer has that is no answer: the original has no way to give such a file. */
const NOT_GIVEN: ReadonlySet<ErrorCode> = new Set(['http-status', 'unexpected-answer']);
/** Names that a remark gives, so that it stays one sentence. */
const NAMED = 5;

interface Row {
  readonly hash: string;
  readonly fields: OriginalObject;
}

const utf8 = new TextEncoder();

/**
 * Reads what a running node of the original serves of its vault: the bundles of code that it lists, but for those whose
 * hash is among `seen`, and its functions where it serves any. Each is read as the file that the original keeps, whose
 * bytes are known because it writes every file in one form. What is told and cannot be had is a remark, because HTTP has
 * no way to it; what does not verify is a refusal. `hashes` are those of all rows that need not be read again. Rejects
 * with the reason of an aborted signal.
 */
export async function readLiveVault(
  source: Source,
  seen: ReadonlySet<string>,
  options: FetchOptions,
  context: ReadContext,
): Promise<Reading & { readonly hashes: readonly string[] }> {
  const items: ObjectItem[] = [];
  const refused: Refusal[] = [];
  const remarks: string[] = [];
  /** Hashes of rows whose file may be read another time. */
  const unread = new Set<string>();
  let bytes = 0;

  async function list(path: string, rowsOf: (members: OriginalObject) => Row[]): Promise<Row[]> {
    try {
      const rows = rowsOf(await fetchMembers(source.at + path, options, context));
      if (rows.length <= MAX_ROWS) return rows;
      throw new LatticeError('vault-too-large', `${source.at}${path} has over ${MAX_ROWS} rows`, {
        next: 'Import its vault directory.',
      });
    } catch (error) {
      context.signal?.throwIfAborted();
      if (isAbsent(error)) remarks.push(`It does not serve ${path}.`);
      else refused.push({ ...refusalOf(source, error), what: path });
      return [];
    }
  }

  /** Reads the file of a row. Rejects with LatticeError `http-status` or `unexpected-answer` where it is not given. */
  async function take(row: Row, path: string, name: string): Promise<void> {
    const url = `${source.at}${path}/${row.hash}`;
    const file = (await fetchMembers(url, { ...options, maxBytes: MAX_ANSWER_BYTES }, context)).get(name);
    if (!isObject(file)) throw unexpected(url, `its ${name} is no object`);
    if (!HASH_NAMES.some((member) => file.get(member) === row.hash)) throw unexpected(url, 'it is another file');
    const content = utf8.encode(indentedText(file));
    if ((bytes += content.length) > MAX_TOGETHER_BYTES)
      throw new LatticeError('vault-too-large', `the files before it have ${MAX_TOGETHER_BYTES >> 20} MiB together`, {
        next: 'Import its vault directory.',
      });
    const reading = await readToldFile(source, content, { what: row.hash, fileName: fileNameOf(row) }, context);
    for (const item of reading.items) if (item.kind === 'object') items.push(item);
    refused.push(...reading.refused);
  }

  /** Takes each of the rows. Answers those that are not given, as against those that are wrong. */
  async function takeAll(rows: readonly Row[], path: string, name: string): Promise<Row[]> {
    const lost: Row[] = [];
    const queue = rows.values();
    let done = 0;
    const worker = async (): Promise<void> => {
      for (const row of queue) {
        context.signal?.throwIfAborted();
        try {
          await take(row, path, name);
        } catch (error) {
          context.signal?.throwIfAborted();
          if (!(error instanceof LatticeError)) throw error;
          if (NOT_GIVEN.has(error.code)) lost.push(row);
          else {
            unread.add(row.hash);
            refused.push({ ...refusalOf(source, error), what: row.hash });
          }
        }
        context.progress?.('files of its vault read', ++done, rows.length);
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, worker));
    return lost;
  }

  const isNew = ({ hash }: Row): boolean => !seen.has(hash);
  const bundles = await list('/api/persistence/bundles', (members) => bundleRows(source, members.get('bundles')));
  const functions = await list('/api/vault/list', (members) => functionRows(source, members.get('functions')));
  // Both lists have the same rows, and those with a path are bundles.
  const isBundle = ({ fields }: Row): boolean => fields.has('bundle_path');
  const lost = await takeAll(bundles.filter(isBundle).filter(isNew), '/api/persistence/bundle', 'bundle');
  const byHash = new Map([...bundles, ...functions].map((row) => [row.hash, row]));
  const others = [...byHash.values()].filter((row) => !isBundle(row) && isNew(row));
  // The original's code fails for whatever function is asked for, so that one is enough to know.
  const refusedFirst = await takeAll(others.slice(0, 1), '/api/vault', 'function');
  const kept = refusedFirst.length > 0 ? others : await takeAll(others.slice(1), '/api/vault', 'function');
  const hashes = [...byHash.keys()].filter((hash) => !unread.has(hash));
  return { items, refused, remarks: [...remarks, ...remarksOn(lost, kept)], hashes };
}

function bundleRows({ at }: Source, list: OriginalValue | undefined): Row[] {
  if (!Array.isArray(list)) throw unexpected(at, 'its bundles are no list');
  return (list as readonly OriginalValue[]).flatMap((row) => {
    const hash = isObject(row) ? row.get('content_hash') : undefined;
    // A name that is no hash is never made part of a path.
    return isObject(row) && typeof hash === 'string' && isHash(hash) ? [{ hash, fields: row }] : [];
  });
}

function functionRows({ at }: Source, list: OriginalValue | undefined): Row[] {
  if (!isObject(list)) throw unexpected(at, 'its functions are no object');
  return Array.from(list).flatMap(([hash, row]) => (isHash(hash) && isObject(row) ? [{ hash, fields: row }] : []));
}

/** The name of the file of a row, on whatever machine its path was written. */
function fileNameOf({ fields }: Row): string | undefined {
  const path = fields.get('bundle_path');
  return typeof path === 'string' ? path.split(/[\\/]/).at(-1) : undefined;
}

function remarksOn(bundles: readonly Row[], functions: readonly Row[]): string[] {
  const remarks: string[] = [];
  const names = (rows: readonly Row[]): string => {
    const shown = rows.slice(0, NAMED).map(({ hash, fields }) => {
      const name = fields.get('intent_name');
      return typeof name === 'string' ? `${JSON.stringify(name.slice(0, 60))} (${hash.slice(0, 12)})` : hash;
    });
    return `${shown.join(', ')}${rows.length > NAMED ? ` and ${rows.length - NAMED} more` : ''}`;
  };
  if (bundles.length > 0)
    remarks.push(`It lists ${counted(bundles.length, 'bundle')} that it does not give: ${names(bundles)}.`);
  if (functions.length > 0)
    remarks.push(`It lists ${counted(functions.length, 'function')} that it does not give: ${names(functions)}.`);
  return remarks;
}
