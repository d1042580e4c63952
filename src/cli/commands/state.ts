import type { EntryView, NodeStatus } from '../../runtime/facade/facade.ts';
import { connect } from '../connect.ts';
import { type CliContext, type GlobalOptions, readTextFile, usageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { printable } from '../output.ts';

const PATH = '/api/v1/state';
/** Entries asked for at once. */
const PAGE = 500;
/** A value is at most 16 KiB encoded; its JSON text, escapes and spaces included, is not a hundred times that. */
const MAX_VALUE_TEXT = 1024 * 1024;

export interface ConditionalOptions extends GlobalOptions {
  readonly ifMatch?: string;
}
export interface PutOptions extends ConditionalOptions {
  readonly string?: boolean;
  readonly ifAbsent?: boolean;
}
export type DeleteOptions = ConditionalOptions;
export interface ListOptions extends GlobalOptions {
  readonly limit: number;
  readonly cursor?: string;
}

/** A page of `GET /api/v1/state`. */
export interface EntryPage {
  readonly entries: readonly EntryView[];
  readonly cursor?: string;
}

export async function stateGet(context: CliContext, key: string, options: GlobalOptions): Promise<number> {
  const client = await connect(context, options);
  const entry = await client.json<EntryView>('GET', PATH, { query: { key } });
  if (options.json) context.output.json(entry);
  else {
    context.output.line(printable(JSON.stringify(entry.value)));
    if (entry.conflicts) context.output.remark(`${entry.conflicts} more concurrent value(s): see lattice conflicts`);
  }
  return EXIT.ok;
}

export async function statePut(context: CliContext, key: string, value: string, options: PutOptions): Promise<number> {
  if (options.ifAbsent && options.ifMatch !== undefined)
    throw usageError('--if-absent and --if-match exclude each other');
  const client = await connect(context, options);
  const given = value === '-' ? await readAll(context.stdin) : value;
  const answer = await client.json<EntryView | undefined>('PUT', PATH, {
    query: { key },
    body: options.string ? JSON.stringify(given) : jsonText(given),
    headers: {
      ...(options.ifAbsent ? { 'if-none-match': '*' } : {}),
      ...(options.ifMatch === undefined ? {} : { 'if-match': quoteTag(options.ifMatch) }),
    },
  });
  if (options.json) context.output.json(answer ?? { key });
  else
    context.output.line(
      `written ${printable(key)}${answer?.version === undefined ? '' : ` version ${answer.version}`}`,
    );
  return EXIT.ok;
}

export async function stateDelete(context: CliContext, key: string, options: DeleteOptions): Promise<number> {
  const client = await connect(context, options);
  await client.json('DELETE', PATH, {
    query: { key },
    headers: options.ifMatch === undefined ? {} : { 'if-match': quoteTag(options.ifMatch) },
  });
  if (options.json) context.output.json({ key, deleted: true });
  else context.output.line(`deleted ${printable(key)}`);
  return EXIT.ok;
}

export async function stateList(
  context: CliContext,
  prefix: string | undefined,
  options: ListOptions,
): Promise<number> {
  const client = await connect(context, options);
  const entries: EntryView[] = [];
  let cursor = options.cursor;
  let shown = 0;
  // Ends: every round lists at least one entry or is the last.
  for (;;) {
    const page = await client.json<EntryPage>('GET', PATH, {
      query: { prefix: prefix === '' ? undefined : prefix, limit: Math.min(PAGE, options.limit - shown), cursor },
    });
    shown += page.entries.length;
    if (options.json) entries.push(...page.entries);
    else
      for (const entry of page.entries)
        context.output.line(`${printable(entry.key)}\t${printable(JSON.stringify(entry.value))}`);
    cursor = page.cursor;
    if (cursor === undefined || page.entries.length === 0 || shown >= options.limit) break;
  }
  if (options.json) context.output.json({ entries, ...(cursor === undefined ? {} : { cursor }) });
  else if (cursor !== undefined) context.output.remark(`more: --cursor ${cursor}`);
  return EXIT.ok;
}

export async function stateRoot(context: CliContext, options: GlobalOptions): Promise<number> {
  const client = await connect(context, options);
  const { root, entries, live, sequence } = await client.json<NodeStatus>('GET', '/api/v1/status');
  if (options.json) context.output.json({ root, entries, live, sequence });
  else context.output.line(root);
  return EXIT.ok;
}

/** The user's JSON as typed: the node's strict parser must see every digit and every repeated key. */
export function jsonText(text: string): string {
  try {
    JSON.parse(text);
  } catch {
    throw usageError(
      `the value is not JSON: ${printable(text.length > 60 ? `${text.slice(0, 60)}…` : text)}`,
      'Quote text twice (\'"hello"\'), or give it with --string.',
    );
  }
  return text;
}

function quoteTag(version: string): string {
  return version === '*' || version.startsWith('"') ? version : `"${version}"`;
}

/** All of stdin as text. */
export async function readAll(stdin: AsyncIterable<Uint8Array>, limit = MAX_VALUE_TEXT): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stdin) {
    size += chunk.length;
    if (size > limit) throw usageError(`stdin has more than ${limit} bytes`);
    chunks.push(chunk);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}

/** A file that the user named, or stdin for "-". */
export async function readInput(context: CliContext, file: string, limit: number): Promise<string> {
  return file === '-' ? await readAll(context.stdin, limit) : await readTextFile(context, file, limit);
}
