import type { Conflict } from '../../client/index.ts';
import { resolution } from '../../client/resolution.ts';
import { type JsonValue, LatticeError } from '../../core/types/index.ts';
import type { ApiClient } from '../client.ts';
import { connect } from '../connect.ts';
import { type CliContext, type GlobalOptions, usageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { type FleetOptions, fleetTable } from '../fleet-table.ts';
import { type Names, readNames } from '../names.ts';
import { alignColumns, printable, SHORT_ROOT, shellWord } from '../output.ts';
import { type Times, timeOfHlc, timesOf } from '../times.ts';
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

export async function conflictsList(context: CliContext, options: ConflictsOptions & FleetOptions): Promise<number> {
  if (options.fleet !== undefined) return await conflictsOfFleet(context, options);
  const client = await connect(context, options);
  const found: Conflict[] = [];
  let cursor: string | undefined;
  // The loop ends, because every round goes on behind the one before.
  do {
    const page = await client.listConflicts({ limit: Math.min(PAGE, options.limit - found.length), cursor });
    found.push(...page.conflicts);
    ({ cursor } = page);
  } while (cursor !== undefined && found.length < options.limit);

  if (options.json) {
    context.output.data({ conflicts: found, ...(cursor === undefined ? {} : { cursor }) });
    return EXIT.ok;
  }
  const { output } = context;
  if (found.length === 0) output.line('No key is in conflict.');
  else {
    const writers = { names: await readNames(client), times: timesOf(options) };
    for (const conflict of found) show(context, conflict, writers);
    output.remark('A write to such a key replaces every value that is listed here: lattice conflicts resolve KEY.');
  }
  if (cursor !== undefined) output.remark('There are more conflicts: raise --limit.');
  return EXIT.ok;
}

export async function conflictsShow(context: CliContext, key: string, options: GlobalOptions): Promise<number> {
  const client = await connect(context, options);
  const conflict = await find(client, key);
  if (options.json) context.output.data(conflict);
  else {
    show(context, conflict, { names: await readNames(client), times: timesOf(options) });
    context.output.remark(`Keep one of them: lattice conflicts resolve ${shellWord(printable(key))} --take N`);
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
    options.take === undefined
      ? { deleted: options.delete === true, value, expires: undefined }
      : siblingOf(conflict, options.take);
  const { results } = await client.commit([resolution(conflict, chosen)]);
  const version = results[0]?.version;
  if (options.json)
    context.output.data({ key, version, replaced: conflict.siblings.map((sibling) => sibling.version) });
  else
    context.output.line(
      `${printable(key)} has one value in place of ${conflict.siblings.length}. Its version is ${version}.`,
    );
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
    if (cursor === undefined) break;
    if (last !== undefined && Buffer.compare(Buffer.from(last), Buffer.from(key)) > 0) break;
  }
  throw new LatticeError('no-conflict', `${JSON.stringify(key)} is not in conflict`, {
    next: 'See lattice conflicts ls.',
  });
}

function siblingOf({ siblings }: Conflict, choice: string): Sibling {
  const found = siblings.find((sibling, i) => sibling.version === choice || String(i + 1) === choice);
  if (found !== undefined) return found;
  throw usageError(
    `${JSON.stringify(choice)} is not one of its ${siblings.length} values`,
    'Give a number or version: lattice conflicts show KEY.',
  );
}

function show(
  { output }: CliContext,
  { key, siblings }: Conflict,
  { names, times }: { readonly names: Names; readonly times: Times },
): void {
  output.line(output.paint('bold', printable(key)));
  const rows = siblings.map((sibling, i) => [
    `  ${i + 1}`,
    i === 0 ? 'shown' : 'other',
    sibling.deleted
      ? sibling.expires === undefined
        ? '(deleted)'
        : '(ended)'
      : printable(JSON.stringify(sibling.value)),
    `by ${printable(names.ofAuthor(sibling.author))} at ${times.exact(timeOfHlc(sibling.hlc))}`,
    `version ${sibling.version}`,
  ]);
  for (const line of alignColumns(rows)) output.line(line);
}

/** Keys that one row of the table of a fleet names. */
const SHOWN_KEYS = 5;

async function conflictsOfFleet(context: CliContext, options: ConflictsOptions & FleetOptions): Promise<number> {
  const limit = Math.min(PAGE, options.limit);
  return await fleetTable(
    context,
    options,
    async (client) => {
      const [{ conflicts, root }, page] = await Promise.all([client.getStatus(), client.listConflicts({ limit })]);
      return { conflicts, root, keys: page.conflicts.map(({ key }) => key) };
    },
    {
      columns: ['CONFLICTS', 'ROOT', 'KEYS'],
      rows: ({ conflicts, root, keys }) => [
        [
          String(conflicts),
          root.slice(0, SHORT_ROOT),
          keys.slice(0, SHOWN_KEYS).map(printable).join(', ') + (conflicts > SHOWN_KEYS ? ', …' : ''),
        ],
      ],
      data: (value) => value,
    },
  );
}
