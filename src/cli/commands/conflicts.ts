import type { Conflict, Operation } from '../../client/index.ts';
import { type JsonValue, LatticeError } from '../../core/types/index.ts';
import type { ApiClient } from '../client.ts';
import { connect } from '../connect.ts';
import { type CliContext, type GlobalOptions, usageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { printable } from '../output.ts';
import { jsonText } from './state.ts';

export interface ConflictsOptions extends GlobalOptions {
  readonly limit: number;
}

export interface ResolveOptions extends GlobalOptions {
  /** A version, or the number that `conflicts show` gives it. */
  readonly take?: string;
  /** JSON text. */
  readonly value?: string;
  readonly delete?: boolean;
}

type Sibling = Conflict['siblings'][number];

/** Keys of one request. Each may have many siblings. */
const PAGE = 100;
/** Pages that are searched for one key. A fleet with 100,000 conflicts has another problem. */
const MAX_PAGES = 1000;

export async function conflictsList(context: CliContext, options: ConflictsOptions): Promise<number> {
  const client = await connect(context, options);
  const found: Conflict[] = [];
  let cursor: string | undefined;
  // The loop ends, because every round finds at least one conflict or is the last.
  do {
    const page = await client.listConflicts({ limit: Math.min(PAGE, options.limit - found.length), cursor });
    found.push(...page.conflicts);
    cursor = page.conflicts.length === 0 ? undefined : page.cursor;
  } while (cursor !== undefined && found.length < options.limit);

  if (options.json) {
    context.output.data({ conflicts: found, ...(cursor === undefined ? {} : { cursor }) });
    return EXIT.ok;
  }
  const { output } = context;
  if (found.length === 0) output.line('no conflicts');
  for (const conflict of found) show(context, conflict);
  if (found.length > 0)
    output.remark('A write to such a key replaces every value that is listed here: lattice conflicts resolve KEY.');
  if (cursor !== undefined) output.remark('There are more: raise --limit.');
  return EXIT.ok;
}

export async function conflictsShow(context: CliContext, key: string, options: GlobalOptions): Promise<number> {
  const conflict = await find(await connect(context, options), key);
  if (options.json) context.output.data(conflict);
  else {
    show(context, conflict);
    context.output.remark(`take one: lattice conflicts resolve KEY --take N`);
  }
  return EXIT.ok;
}

/** Writes one value in place of all siblings. Fails when the winner has changed since the conflict was read. */
export async function conflictsResolve(context: CliContext, key: string, options: ResolveOptions): Promise<number> {
  const given = [options.take, options.value, options.delete].filter((choice) => choice !== undefined);
  if (given.length !== 1)
    throw usageError('give one of --take, --value and --delete', 'See the values: lattice conflicts show KEY.');
  const value = options.value === undefined ? undefined : (JSON.parse(jsonText(options.value)) as JsonValue);
  const client = await connect(context, options);
  const conflict = await find(client, key);
  const chosen =
    options.take === undefined ? { deleted: options.delete === true, value } : siblingOf(conflict, options.take);
  const winner = conflict.siblings[0] as Sibling;
  // The condition keeps us from overwriting a write that we have not seen. A deleted key has no version to name.
  const unchanged = winner.deleted ? {} : { ifMatch: winner.version };
  const operation: Operation =
    chosen.deleted || chosen.value === undefined
      ? { op: 'delete', key, ...unchanged }
      : { op: 'put', key, value: chosen.value, ...unchanged };
  const { results } = await client.commit([operation]);
  const version = results[0]?.version;
  if (options.json)
    context.output.data({ key, version, replaced: conflict.siblings.map((sibling) => sibling.version) });
  else context.output.line(`${printable(key)}: one value in place of ${conflict.siblings.length}, version ${version}`);
  return EXIT.ok;
}

async function find(client: ApiClient, key: string): Promise<Conflict> {
  let cursor: string | undefined;
  for (let pages = 0; pages < MAX_PAGES; pages++) {
    const page = await client.listConflicts({ limit: PAGE, cursor });
    const found = page.conflicts.find((conflict) => conflict.key === key);
    if (found !== undefined) return found;
    cursor = page.cursor;
    // Conflicts come in key order, so the key cannot come after a greater one.
    const last = page.conflicts.at(-1)?.key;
    if (cursor === undefined || last === undefined || Buffer.compare(Buffer.from(last), Buffer.from(key)) > 0) break;
  }
  throw new LatticeError('no-conflict', `${JSON.stringify(key)} is not in conflict`, {
    next: 'See lattice conflicts ls.',
  });
}

function siblingOf({ siblings }: Conflict, choice: string): Sibling {
  const found = siblings.find((sibling, i) => sibling.version === choice || String(i + 1) === choice);
  if (found !== undefined) return found;
  throw usageError(
    `${JSON.stringify(choice)} is none of its ${siblings.length} values`,
    'Give a number or version: lattice conflicts show KEY.',
  );
}

function show({ output }: CliContext, { key, siblings }: Conflict): void {
  output.line(output.paint('bold', printable(key)));
  siblings.forEach((sibling, i) => {
    const value = sibling.deleted ? '(deleted)' : printable(JSON.stringify(sibling.value));
    output.line(
      `  ${i + 1} ${i === 0 ? 'shown' : 'other'}  ${value}  by ${sibling.author} at ${sibling.hlc}  version ${sibling.version}`,
    );
  });
}
