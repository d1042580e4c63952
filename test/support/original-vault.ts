import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FILE_FORM, inForm } from './original/python-json.ts';

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type Fields = { readonly [key: string]: Json };

export const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');

/** Canonical text by rules of its own, for values with ASCII keys and whole numbers. */
function canon(value: Json): string {
  if (value === null || typeof value !== 'object') {
    return JSON.stringify(value).replace(/[^ -~]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
  }
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(canon).join(',')}]`;
  const fields = Object.entries(value as Fields).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([key, item]) => `${canon(key)}:${canon(item)}`).join(',')}}`;
}

/** A file of the original as it writes it. */
export const fileText = (fields: Fields): string => inForm(JSON.stringify(fields), FILE_FORM);

export interface OriginalFunction {
  readonly hash: string;
  readonly name: string;
  readonly entry: Fields;
  readonly certificate: Fields;
  readonly bundle: Fields;
}

/** A function of our own making with entry, certificate and bundle in the original's forms. */
export function originalFunction(name: string, judge = 'Aethel_Judge_v0.6'): OriginalFunction {
  const ast = {
    params: [{ name: 'letters', type: 'Letters', is_secret: false }],
    constraints: [{ expression: ` ${name}_in >= 0 `, is_secret: false }, { expression: 'açude > 1' }],
    ai_instructions: { priority: 'order', target: 'shelf' },
    post_conditions: [`${name}_out <= ${name}_in`, ''],
  };
  const hash = sha256(canon(ast));
  const logic = {
    constraints: [`${name}_in >= 0`, 'açude > 1'].sort(),
    post_conditions: [`${name}_out <= ${name}_in`],
    ai_instructions: ast.ai_instructions,
  };
  const verification = { status: 'PROVED', message: 'as it should be: é', timestamp: '2026-01-02T03:04:05.000006' };
  const metadata = { attempts: 1 };
  const code = `fn ${name}() { /* é */ }`;
  const created = { created_at: '2026-01-02T03:04:05.000007' };
  const entry = {
    intent_name: name,
    full_hash: hash,
    logic_hash: sha256(canon(logic)),
    ast,
    code,
    verification,
    metadata,
    immutable: true,
    ...created,
  };
  const unsigned = {
    version: '1.0',
    function_hash: hash,
    status: 'PROVED',
    message: verification.message,
    judge_version: judge,
    z3_version: '4.12.0+',
    timestamp: '2026-01-02T03:05:00.000008',
    counter_examples: [],
    metadata,
  };
  const certificate = { ...unsigned, signature: sha256(canon(unsigned)) };
  const bundle = {
    bundle_version: '1.0',
    function_hash: hash,
    intent_name: name,
    ast,
    code,
    verification,
    certificate,
    metadata,
    ...created,
    bundle_created_at: '2026-01-03T00:00:00.000009',
    bundle_signature: sha256(canon({ function_hash: hash, ast, certificate })),
  };
  return { hash, name, entry, certificate, bundle };
}

/** A bundle of code as the original keeps it. */
export function contentBundle(name: string, code: string): { readonly hash: string; readonly bundle: Fields } {
  const hash = sha256(code);
  const metadata = { intent_name: name, verification_status: 'PROVED', timestamp: 1770000000.25 };
  return { hash, bundle: { code, metadata, content_hash: hash, timestamp: 1770000000.5 } };
}

/** The record of a function in precedents.json, whose hash is over text that is not escaped. */
function precedents(of: OriginalFunction): Fields {
  const record = { v: 1, intent_name: of.entry.intent_name ?? '', full_hash: of.hash, message: 'já provado' };
  const keys = Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
  const hash = sha256(`{${keys.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`);
  return { v: 1, items: { [hash]: { ...record, record_hash: hash } } };
}

export interface WrittenVault {
  readonly directory: string;
  readonly functions: readonly OriginalFunction[];
  readonly contents: readonly { readonly hash: string; readonly bundle: Fields }[];
  /** The text of each file by its path within the directory. */
  readonly files: ReadonlyMap<string, string>;
  /** The root of the vault by the original's rule. */
  readonly root: string;
}

/** Writes a vault of two functions and two bundles of code, one of which the index names as Windows does. */
export function writeOriginalVault(directory: string, prefix = ''): WrittenVault {
  const functions = [originalFunction(`${prefix}sort_letters`), originalFunction(`${prefix}weigh_parcels`)];
  const contents = [
    contentBundle(`${prefix}stack`, `intent ${prefix}stack(a):\n    guard á > 0\n`),
    contentBundle(`${prefix}lend`, `intent ${prefix}lend(b)\n`),
  ];
  const files = new Map<string, string>();
  const index: Record<string, Json> = {};
  for (const { hash, name, entry, certificate, bundle } of functions) {
    files.set(`${hash}.json`, fileText(entry));
    files.set(`certificates/${hash}.cert.json`, fileText(certificate));
    files.set(`bundles/${name}_${hash.slice(0, 8)}.ae_bundle`, fileText(bundle));
    const { intent_name = '', logic_hash = '', created_at = '' } = entry;
    index[hash] = { intent_name, logic_hash, created_at, status: 'MATHEMATICALLY_PROVED' };
  }
  contents.forEach(({ hash, bundle }, i) => {
    const name = `${hash.slice(0, 16)}.ae_bundle`;
    files.set(`bundles/${name}`, fileText(bundle));
    const path = i === 0 ? `.OLD_vault\\bundles\\${name}` : `.old_vault/bundles/${name}`;
    index[hash] = { intent_name: `${prefix}${i === 0 ? 'stack' : 'lend'}`, bundle_path: path, timestamp: 1770000000.5 };
  });
  files.set('index.json', fileText(index));
  const [first] = functions;
  if (first !== undefined) {
    const text = inForm(JSON.stringify(precedents(first)), { ...FILE_FORM, ascii: false });
    files.set('precedents.json', text);
  }
  for (const sub of ['certificates', 'bundles']) mkdirSync(join(directory, sub), { recursive: true });
  for (const [path, text] of files) writeFileSync(join(directory, path), text);
  const root = sha256(Object.keys(index).sort().join(''));
  return { directory, functions, contents, files, root };
}
