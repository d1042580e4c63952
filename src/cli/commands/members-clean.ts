import { resolve } from 'node:path';
import { nodeHasher } from '../../adapters/system/hasher.ts';
import type { Roster } from '../../client/index.ts';
import { type Author, counted, LatticeError } from '../../core/types/index.ts';
import { planPaths } from '../../moving/make-plan.ts';
import type { KeyedEntry } from '../../moving/plan.ts';
import { READERS } from '../../moving/readers.ts';
import type { LeftCode, ReplacedCode } from '../../runtime/facade/index.ts';
import { type Backup, type CleanTarget, cleanValues, type Decision } from '../clean-values.ts';
import type { ApiClient } from '../client.ts';
import { connect } from '../connect.ts';
import { type CliContext, type GlobalOptions, usageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { findGone, findMember, keyOf, memberName, type RosterMember } from '../operators.ts';
import { alignColumns, printable } from '../output.ts';
import { timesOf } from '../times.ts';

export interface CleanOptions extends GlobalOptions {
  /** The key, peer id or name of whose values are cleaned. */
  readonly author?: string;
  /** Unix ms. */
  readonly since?: number;
  readonly delete?: boolean;
  /** A file with earlier values. */
  readonly from?: string;
  readonly yes?: boolean;
}

/** Keys that are shown. With --json all of them are. */
const SHOWN = 20;

const WOULD: Readonly<Record<ReplacedCode, string>> = {
  deleted: 'is deleted',
  'from-backup': 'gets the value of the backup',
  settled: 'keeps the value that another author wrote beside it',
};
const LEFT: Readonly<Record<LeftCode, string>> = {
  'shows-nothing': 'is left: it is a deletion, and there is no value to put in its place',
  'in-conflict': 'is left: several others wrote it at the same time; settle it with `lattice conflicts resolve`',
  vault: 'is left: it names an object of the vault; remove that with `lattice vault rm`',
  changed: 'is left: it was written meanwhile',
  refused: 'is left: the node does not take what would be written',
};
/** What may be left without anything being wrong. */
const IN_ORDER: ReadonlySet<Decision['does']> = new Set([...Object.keys(WOULD), 'shows-nothing'] as Decision['does'][]);

/**
 * Shows what one author wrote since some time and the state still has, and with --delete or --from and --yes replaces it
 * by ordinary commits of the node that is asked.
 */
export async function membersClean(context: CliContext, options: CleanOptions): Promise<number> {
  const { since } = options;
  if (options.author === undefined || since === undefined)
    throw usageError('whose values, and since when?', 'Give --author KEY|NAME and --since TIME; --since 0 for all.');
  if (options.delete === true && options.from !== undefined)
    throw usageError('--delete and --from exclude each other', '--from deletes what the backup does not have.');
  const replaces = options.delete === true || options.from !== undefined;
  if (options.yes === true && !replaces)
    throw usageError('--yes, to do what?', 'Give --delete, or --from FILE with earlier values.');
  const client = await connect(context, options);
  const roster = await client.members.roster();
  const { author, name, member } = whose(roster, options.author);
  const writes = replaces && options.yes === true;
  if (writes) checkStopped(name, member);
  const ending = new AbortController();
  const release = context.onStop(() =>
    ending.abort(
      new LatticeError('aborted', 'the cleaning was stopped', { next: 'The same command goes on where it stopped.' }),
    ),
  );
  try {
    const backup = options.from === undefined ? undefined : await readBackup(context, options.from, author, since);
    const { found, lost } = await clean(context, client, options, {
      author,
      since,
      backup,
      writes,
      signal: ending.signal,
    });
    return await tell(context, client, options, { author, since, name, member, replaces, writes, found, lost });
  } finally {
    release();
  }
}

/** The author that is named: a member, or any key, because one that was dropped is no member. */
function whose(
  roster: Roster,
  given: string,
): { readonly author: Author; readonly name: string; readonly member: RosterMember | undefined } {
  try {
    const member = findMember(roster, given);
    return { author: member.author as Author, name: memberName(member), member };
  } catch (error) {
    if (!(error instanceof LatticeError) || error.code !== 'not-found') throw error;
    const gone = findGone(roster, given);
    if (gone !== undefined) return { author: gone.author as Author, name: memberName(gone), member: undefined };
    if (!/^[0-9a-f]{64}$/i.test(given) && !given.startsWith('12D3KooW')) throw error;
    return { author: keyOf(given), name: given, member: undefined };
  }
}

/** Whoever writes on would write again what was cleaned. */
function checkStopped(name: string, member: RosterMember | undefined): void {
  const stopped = member === undefined || member.role === 'mirror' || (member.until ?? Infinity) <= Date.now();
  if (stopped) return;
  throw new LatticeError('invalid-change', `${name} may still write`, {
    next:
      member.role === 'retired'
        ? 'Wait until its end has come: lattice members shows it.'
        : 'Remove it first: lattice members remove. Without --yes this shows what it wrote.',
  });
}

/**
 * The values of the file. What it says that the same author wrote since that time is what is to be replaced, and is not
 * put back; a snapshot does not say who wrote what.
 */
async function readBackup(context: CliContext, from: string, author: Author, since: number): Promise<Backup> {
  const { output } = context;
  const path = resolve(context.cwd, from);
  const reading = {
    hasher: nodeHasher(),
    unverified: false,
    leavesOut: (line: { readonly author?: unknown; readonly time?: unknown }) =>
      line.author === author && !(typeof line.time === 'string' && Date.parse(line.time) < since),
    progress: (step: string, done: number) => output.progress(`${step}: ${done}`),
  };
  const { items, refused } = await planPaths([path], [], READERS, reading, new Set(['state']));
  output.progress(undefined);
  const [flaw] = refused;
  if (flaw !== undefined)
    throw new LatticeError(flaw.code, `${from}: ${flaw.reason}`, {
      next: 'Nothing was written. Name an export (ndjson, csv) or a snapshot that is whole.',
    });
  const values = new Map<string, KeyedEntry>();
  for (const item of items) if (item.kind === 'entries') for (const entry of item.entries) values.set(entry[0], entry);
  return values;
}

async function clean(
  { output }: CliContext,
  client: ApiClient,
  { json }: CleanOptions,
  asked: {
    readonly author: Author;
    readonly since: number;
    readonly backup: Backup;
    readonly writes: boolean;
    readonly signal: AbortSignal;
  },
): Promise<{ readonly found: readonly Decision[]; readonly lost: number }> {
  const { author, since, backup, writes, signal } = asked;
  const found: Decision[] = [];
  const target: CleanTarget = { clean: (wish) => client.members.clean(author, { since, ...wish }) };
  const lost = await cleanValues(target, {
    backup,
    dryRun: !writes,
    signal,
    now: Date.now,
    tell: (decision) => void found.push(decision),
    progress(share) {
      if (json !== true) output.progress(`${Math.floor(100 * share)} % of all keys looked at, ${found.length} found`);
    },
  });
  output.progress(undefined);
  return { found, lost };
}

interface Told {
  readonly author: Author;
  readonly since: number;
  readonly name: string;
  readonly member: RosterMember | undefined;
  readonly replaces: boolean;
  readonly writes: boolean;
  readonly found: readonly Decision[];
  /** Requests whose answers were lost. */
  readonly lost: number;
}

async function tell(context: CliContext, client: ApiClient, options: CleanOptions, told: Told): Promise<number> {
  const { output } = context;
  const { author, since, name, member, replaces, writes, found, lost } = told;
  const counts: Partial<Record<Decision['does'], number>> = {};
  for (const { does } of found) counts[does] = (counts[does] ?? 0) + 1;
  const { at: floor } = await client.getFloor();
  // What came later than the floor may still be on its way from somebody who has been away.
  const complete = member?.until === undefined || (floor !== undefined && floor >= member.until);
  const code = writes && found.some(({ does }) => !IN_ORDER.has(does)) ? EXIT.failed : EXIT.ok;
  if (options.json === true) {
    const keys = found.map(({ key, does }) => ({ key, does }));
    output.data({
      author,
      since,
      written: writes,
      found: found.length,
      counts,
      lost,
      complete,
      floor: floor ?? null,
      keys,
    });
    return code;
  }
  const times = timesOf(options);
  if (found.length === 0) output.line(`The state has nothing that ${printable(name)} wrote since ${times.at(since)}.`);
  else {
    const rows = found
      .toSorted((a, b) => Number(IN_ORDER.has(a.does)) - Number(IN_ORDER.has(b.does)))
      .slice(0, SHOWN)
      .map(({ key, does }) => [printable(key), replaces ? output.hint({ ...WOULD, ...LEFT }[does]) : '']);
    for (const line of alignColumns([['KEY', replaces ? (writes ? 'DONE' : 'WOULD BE DONE') : ''], ...rows]))
      output.line(line.trimEnd());
    if (found.length > SHOWN) output.line(`… and ${found.length - SHOWN} more (all of them: --json)`);
    output.line(`${counted(found.length, 'key')} with what ${printable(name)} wrote since ${times.at(since)}.`);
  }
  if (replaces)
    for (const [does, count] of Object.entries(counts))
      output.say(`  ${count}: ${{ ...WOULD, ...LEFT }[does as Decision['does']]}`);
  if (lost > 0)
    output.remark(`${counted(lost, 'answer')} of the node got lost: it may have replaced more than is listed here.`);
  if (!complete)
    output.remark(
      'More of it may still come: the floor has not passed its end. Look again once lattice floor is later than that.',
    );
  if (found.length > 0 && !replaces)
    output.remark('Replace it with --delete, or with --from FILE by the values of an export or a snapshot.');
  else if (found.length > 0 && !writes) output.remark('Nothing was written. Add --yes to do it.');
  if (code !== EXIT.ok) output.remark('Not all of it is done: see above, and run the same command again.');
  return code;
}
