import type { Entry, Receipt } from '../../client/index.ts';
import { counted, duration, joined, LatticeError } from '../../core/types/index.ts';
import type { ApiClient } from '../client.ts';
import { connect } from '../connect.ts';
import { type CliContext, type GlobalOptions, usageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { readStdin } from '../input.ts';
import { printable, shellWord } from '../output.ts';
import { type Times, timesOf } from '../times.ts';

/** Entries of one request. */
const PAGE = 500;
/** An encoded value has at most 16 KiB. Its JSON text, escapes and spaces included, is less than 64 times as long. */
const MAX_VALUE_TEXT = 1024 * 1024;

/** What a write waits for after it is durable on the node. */
interface ReceiptOptions extends GlobalOptions {
  readonly replicas?: number;
  readonly certified?: boolean;
  readonly complete?: boolean;
}
export interface ConditionalOptions extends ReceiptOptions {
  readonly ifMatch?: string;
}
export interface PutOptions extends ConditionalOptions {
  readonly string?: boolean;
  readonly ifAbsent?: boolean;
  /** Unix ms. */
  readonly expires?: number;
  /** In ms. */
  readonly ttl?: number;
}
export type DeleteOptions = ConditionalOptions;
export interface ListOptions extends GlobalOptions {
  readonly limit: number;
  readonly cursor?: string;
}

/** Why a key has no value: it ended, or was deleted, or never was there as far as its history is known. */
async function absent(client: ApiClient, key: string, times: Times): Promise<LatticeError> {
  const last = await client.getHistory(key, { limit: 1 }).then(
    ({ items }) => items.find(({ current, deleted }) => current && deleted),
    // A node that tells no history has answered all the same.
    () => undefined,
  );
  const name = JSON.stringify(key);
  if (last === undefined)
    return new LatticeError('not-found', `there is no value under the key ${name}`, {
      next: 'Check the spelling (lattice state ls lists the keys) and the URL.',
    });
  const what =
    last.expires === undefined
      ? `deleted${last.at === undefined ? '' : ` at ${times.at(last.at)}`}`
      : `there until ${times.at(last.expires)}, its end`;
  return new LatticeError('not-found', `there is no value under the key ${name}: it was ${what}`, {
    next: `See what it had: lattice history ${shellWord(printable(key))}`,
  });
}

export async function stateGet(context: CliContext, key: string, options: GlobalOptions): Promise<number> {
  const client = await connect(context, options);
  const entry = await client.getEntry(key);
  if (entry === undefined) throw await absent(client, key, timesOf(options));
  if (options.json) context.output.data(entry);
  else {
    context.output.line(printable(JSON.stringify(entry.value)));
    if (entry.expires !== undefined) context.output.remark(`It ends at ${timesOf(options).at(entry.expires)}.`);
    if (entry.conflicts)
      context.output.remark(
        `${counted(entry.conflicts, 'other value')} ${entry.conflicts === 1 ? 'is' : 'are'} concurrent with this one: lattice conflicts show ${shellWord(printable(key))}`,
      );
  }
  return EXIT.ok;
}

/** When an entry that was written ends, for people. */
function endOf({ expires }: Entry, options: GlobalOptions): string {
  return expires === undefined ? '' : `, which ends at ${timesOf(options).at(expires)}`;
}

/** How long a write waits where --timeout does not say longer, ms: a cut is complete some 20 s after what it holds. */
const CUT_WAIT_MS = 30_000;

/** What the options ask the node to wait for, --timeout at most. */
function receiptOf({ replicas, certified, complete, timeout }: ReceiptOptions) {
  if (replicas === undefined && !certified && !complete) return {};
  const waitMs = Math.min(60_000, Math.max(timeout * 1000, certified || complete ? CUT_WAIT_MS : 0));
  return { replicas, certified, complete, receiptMs: Math.max(1, Math.round(waitMs)), timeoutMs: waitMs + 10_000 };
}

/** Says what has come of what a write was to wait for. Exit code 1 when that is not all. */
function tellReceipt({ output }: CliContext, receipt: Receipt | undefined): number {
  if (receipt === undefined) return EXIT.ok;
  const names = (of: readonly { label: string }[]): string => printable(joined(of.map(({ label }) => label)));
  const { met, waitedMs, replicas, certified, complete } = receipt;
  if (replicas !== undefined) {
    const { wanted, signed, missing } = replicas;
    const who = signed.length === 0 ? 'no other writer' : names(signed);
    output.line(`Signed as durable by ${who}: ${signed.length} of ${wanted}`);
    if (signed.length < wanted) output.line(`Not yet by ${names(missing)}`);
  }
  for (const [kind, cut] of Object.entries({ certified, complete }))
    if (cut !== undefined) output.line(cut.at === undefined ? `No ${kind} cut holds it yet` : `A ${kind} cut holds it`);
  if (!met) output.remark(`The write stands; it waited ${duration(waitedMs)}. What is missing may still come.`);
  return met ? EXIT.ok : EXIT.failed;
}

export async function statePut(context: CliContext, key: string, value: string, options: PutOptions): Promise<number> {
  if (options.ifAbsent && options.ifMatch !== undefined)
    throw usageError('--if-absent and --if-match exclude each other');
  if (options.ttl !== undefined && options.expires !== undefined)
    throw usageError('--ttl and --expires exclude each other');
  const client = await connect(context, options);
  const given = value === '-' ? await readStdin(context, MAX_VALUE_TEXT) : value;
  const entry = await client.putEntryJson(key, options.string ? JSON.stringify(given) : jsonText(given), {
    ifMatch: options.ifMatch,
    ifNoneMatch: options.ifAbsent ? '*' : undefined,
    expires: options.expires,
    ttl: options.ttl === undefined ? undefined : options.ttl / 1000,
    ...receiptOf(options),
  });
  if (options.json) {
    context.output.data(entry);
    return entry.receipt?.met === false ? EXIT.failed : EXIT.ok;
  }
  context.output.line(`Wrote ${printable(key)}, version ${entry.version}${endOf(entry, options)}`);
  return tellReceipt(context, entry.receipt);
}

export async function stateDelete(context: CliContext, key: string, options: DeleteOptions): Promise<number> {
  const client = await connect(context, options);
  const receipt = await client.deleteEntry(key, { ifMatch: options.ifMatch, ...receiptOf(options) });
  if (options.json) {
    context.output.data({ key, deleted: true, ...(receipt === undefined ? {} : { receipt }) });
    return receipt?.met === false ? EXIT.failed : EXIT.ok;
  }
  context.output.line(`Deleted ${printable(key)}`);
  return tellReceipt(context, receipt);
}

export async function stateList(
  context: CliContext,
  prefix: string | undefined,
  options: ListOptions,
): Promise<number> {
  const client = await connect(context, options);
  const entries: Entry[] = [];
  let cursor = options.cursor;
  let shown = 0;
  // The loop ends, because every round goes on behind the one before. One that finds only deleted keys lists nothing.
  for (;;) {
    const page = await client.listEntries({
      prefix: prefix === '' ? undefined : prefix,
      limit: Math.min(PAGE, options.limit - shown),
      cursor,
    });
    shown += page.entries.length;
    if (options.json) entries.push(...page.entries);
    else
      for (const entry of page.entries)
        context.output.line(`${printable(entry.key)}\t${printable(JSON.stringify(entry.value))}`);
    cursor = page.cursor;
    if (cursor === undefined || shown >= options.limit) break;
  }
  if (options.json) context.output.data({ entries, ...(cursor === undefined ? {} : { cursor }) });
  else if (cursor !== undefined) context.output.remark(`There are more keys: go on with --cursor ${cursor}`);
  else if (shown === 0) context.output.remark(noKeys(prefix, options.cursor !== undefined));
  return EXIT.ok;
}

/** What is said in place of an empty list. */
function noKeys(prefix: string | undefined, later: boolean): string {
  const which = prefix === undefined || prefix === '' ? '' : ` that begins with ${printable(JSON.stringify(prefix))}`;
  return `No${later ? ' further' : ''} key${which} has a value.`;
}

export async function stateRoot(context: CliContext, options: GlobalOptions): Promise<number> {
  const client = await connect(context, options);
  const { root, entries, live, sequence } = await client.getStatus();
  if (options.json) context.output.data({ root, entries, live, sequence });
  else context.output.line(root);
  return EXIT.ok;
}

/**
 * Checks that the user's text is JSON and returns it as it was typed, because the node's strict parser must see every
 * digit and every repeated key. Throws LatticeError `usage`.
 */
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
