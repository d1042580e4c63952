import { basename, dirname } from 'node:path';
import type { OriginalState } from '../core/original/root.ts';
import { originalEntries } from '../core/original/snapshot.ts';
import type { WalLine } from '../core/original/wal.ts';
import { applyWal, type WalBase } from '../core/original/wal-branches.ts';
import { counted } from '../core/types/index.ts';
import type { EntriesItem, PlanItem, ReadContext, Reading, Refusal, Source, Verification } from './plan.ts';
import { readWholeText } from './read-file.ts';
import { refusalOf, type ToldState, tellSnapshot } from './snapshot.ts';
import { replayAll, type ToldWal, tellWal } from './wal.ts';

/** Keys that a refusal names one by one. */
const MAX_NAMED = 5;

/**
 * Reads the snapshots and write-ahead logs of the original that were found together. Those of one state directory make
 * one state: that of snapshot.json, and of wal.log where that goes on from it. Any snapshot may be what a log goes on
 * from, wherever it lies. Of several state directories the newest comes first. Rejects with the reason of an aborted
 * signal only.
 */
export async function readStates(
  sources: readonly Source[],
  bases: readonly Source[],
  context: ReadContext,
): Promise<Reading> {
  const refused: Refusal[] = [];
  const told: ToldState[] = [];
  const extra: ToldState[] = [];
  const logs: { source: Source; text: string }[] = [];
  let read = 0;
  for (const source of [...sources, ...bases]) {
    context.signal?.throwIfAborted();
    context.progress?.('files of the state read', read++, sources.length + bases.length);
    try {
      const text = await readWholeText(source.at);
      if (source.kind === 'wal') logs.push({ source, text });
      else (bases.includes(source) ? extra : told).push(tellSnapshot(source, text, context.hasher));
    } catch (error) {
      refused.push(refusalOf(source, error));
    }
  }
  const walBases = [...told, ...extra].flatMap(({ source, state, root }): WalBase[] =>
    root === undefined ? [] : [{ name: source.at, state }],
  );
  const readings: { items: PlanItem[]; refused: Refusal[]; remarks: string[]; timestamp: number }[] = [];
  const wals = logs.map(({ source, text }) => tellWal(source, text, walBases, context.hasher));
  const directories = new Set([...told, ...wals].map(({ source }) => stateDirectoryOf(source)));
  for (const directory of directories) {
    const inIt = ({ source }: { readonly source: Source }): boolean => stateDirectoryOf(source) === directory;
    readings.push(chooseState(told.filter(inIt), wals.filter(inIt), context.unverified));
  }
  readings.sort((a, b) => b.timestamp - a.timestamp);
  return {
    items: readings.flatMap(({ items }) => items),
    refused: [...refused, ...readings.flatMap((reading) => reading.refused)],
    remarks: readings.flatMap(({ remarks }) => remarks),
  };
}

/** The state directory that a file belongs to: its parts may lie in directories below it. */
function stateDirectoryOf({ at }: Source): string {
  const directory = dirname(at);
  return ['snapshots', 'wal'].includes(basename(directory)) ? dirname(directory) : directory;
}

/** The state that is taken of one directory, and what is left beside it. */
export function chooseState(told: readonly ToldState[], wals: readonly ToldWal[], unverified: boolean) {
  const items: PlanItem[] = [];
  const refused: Refusal[] = [];
  const remarks: string[] = [];
  const note = (source: Source, texts: readonly string[]): void => {
    for (const text of texts) remarks.push(`${source.at}: ${text}`);
  };
  const take = (
    source: Source,
    state: OriginalState,
    checked: Verification,
    about: Partial<EntriesItem> = {},
  ): void => {
    try {
      items.push({ kind: 'entries', source, checked, entries: originalEntries(state), ...about });
    } catch (error) {
      refused.push(refusalOf(source, error));
    }
  };

  // The older form has its own kind of root, and no log goes on from it.
  for (const older of told.filter(({ root }) => root === undefined)) {
    note(older.source, older.remarks);
    if (older.refusal === undefined || unverified)
      take(older.source, older.state, older.checked, { root: older.ownRoot });
    else refused.push(older.refusal);
  }
  const snapshots = told.filter(({ root }) => root !== undefined);
  const primary = snapshots.find(({ source }) => basename(source.at) === 'snapshot.json') ?? newest(snapshots);
  const copies = snapshots.filter((one) => one !== primary);
  if (copies.length > 0 && primary !== undefined) {
    const verb = copies.length === 1 ? 'is' : 'are';
    note(primary.source, [`${counted(copies.length, 'other copy', 'other copies')} of the state ${verb} not taken.`]);
  }
  // An empty log is what a run leaves that wrote nothing.
  const wal = wals.find((one) => one.wal.lines.length > 0 || one.wal.broken.length > 0);
  if (wal !== undefined) note(wal.source, wal.remarks);
  for (const one of wals) {
    const { lines, broken } = one.wal;
    if (one === wal || lines.length + broken.length === 0) continue;
    refused.push(secondLog(one.source, lines.length + broken.length, wal));
  }

  const end = wal !== undefined && (wal.refusal === undefined || unverified) ? wal.history.end : undefined;
  const follows = end !== undefined && primary?.root !== undefined && wal?.history.way.roots.has(primary.root) === true;
  const about = { root: primary?.root, timestamp: primary?.timestamp };
  let state: OriginalState | undefined;
  if (primary !== undefined && primary.refusal === undefined && (!follows || end?.root === primary.root)) {
    ({ state } = primary);
    take(primary.source, state, primary.checked, about);
  } else if (wal !== undefined && end !== undefined) {
    ({ state } = end);
    const by = `the root ${end.root} of its last line${primary === undefined ? '' : `, on from ${baseOf(wal)}`}`;
    take(wal.source, state, { verified: true, by }, { root: end.root, timestamp: lastTime(wal) });
  } else if (unverified && (primary !== undefined || wal !== undefined)) {
    const whole = wal === undefined ? primary?.state : replayAll(primary?.state ?? new Map(), wal.wal.lines);
    const flaws = [primary?.refusal?.reason, wal?.refusal?.reason].filter((reason) => reason !== undefined);
    const source = (wal ?? primary)?.source;
    if (source !== undefined && whole !== undefined)
      take(source, whole, { verified: false, because: flaws.join('; ') });
    state = whole;
  }
  const left = leftOver(primary, wal, end === undefined || !isTaken(items, wal), state);
  if (unverified) {
    for (const { source, entries, because } of left) take(source, entries, { verified: false, because });
  } else {
    if (primary?.refusal !== undefined) refused.push(primary.refusal);
    if (wal?.refusal !== undefined) refused.push(wal.refusal);
    else
      for (const { source, entries, because } of left)
        if (source === wal?.source) refused.push(forked(source, entries, because));
  }
  const timestamp = Math.max(primary?.timestamp ?? 0, wal === undefined ? 0 : lastTime(wal));
  return { items, refused, remarks, timestamp };
}

const newest = (states: readonly ToldState[]): ToldState | undefined =>
  states.toSorted((a, b) => (b.timestamp ?? 0) - (a.timestamp ?? 0)).find(({ refusal }) => refusal === undefined) ??
  states[0];

const lastTime = ({ wal }: ToldWal): number => wal.lines.at(-1)?.timestamp ?? 0;

const isTaken = (items: readonly PlanItem[], wal: ToldWal | undefined): boolean =>
  items.some(({ source }) => source === wal?.source);

function baseOf({ history }: ToldWal): string {
  const bases = history.branches.flatMap(({ from }) => (from !== undefined && 'base' in from ? from.base : []));
  return bases.at(-1) ?? 'the empty state';
}

interface LeftOver {
  readonly source: Source;
  readonly entries: OriginalState;
  readonly because: string;
}

/** Keys that a refused snapshot, or operations of the log that did not lead to the state, have and the state lacks. */
function leftOver(
  primary: ToldState | undefined,
  wal: ToldWal | undefined,
  wholeLog: boolean,
  state: OriginalState | undefined,
): LeftOver[] {
  if (state === undefined) return [];
  const left: LeftOver[] = [];
  const add = (source: Source, entries: Map<string, WalLine['value']>, because: string): void => {
    for (const key of entries.keys()) if (state.has(key)) entries.delete(key);
    if (entries.size > 0) left.push({ source, entries, because });
  };
  if (primary?.refusal !== undefined && state !== primary.state)
    add(primary.source, new Map(primary.state), primary.refusal.reason);
  if (wal === undefined) return left;
  const { history, wal: parsed } = wal;
  const leads = (line: WalLine): boolean => !wholeLog && history.way.lines.has(line.line);
  const unfinished = new Set(history.unfinished);
  const others = parsed.lines.filter((line) => unfinished.has(line) || (line.after !== undefined && !leads(line)));
  const entries = new Map<string, WalLine['value']>();
  applyWal(entries, others);
  // What the way to the state has put and deleted again was deleted on purpose.
  for (const line of parsed.lines) if (line.after !== undefined && leads(line)) entries.delete(line.key);
  add(wal.source, entries, 'they are of runs that the original left for an older state, or were never finished');
  return left;
}

/** One directory has one log: which of two is the newer one, neither of them says. */
function secondLog(source: Source, lines: number, other: ToldWal | undefined): Refusal {
  return {
    source,
    code: 'wal-forked',
    reason: `it is a second log of one state, with ${counted(lines, 'line')}: ${other?.source.at ?? 'another'} was read`,
    next: 'Import it alone by its path, with the snapshot that it goes on from as --base.',
    takenUnverified: false,
  };
}

function forked(source: Source, entries: OriginalState, because: string): Refusal {
  const keys = [...entries.keys()];
  const named = keys.slice(0, MAX_NAMED).map((key) => JSON.stringify(key));
  const more = keys.length > MAX_NAMED ? ` and ${keys.length - MAX_NAMED} more` : '';
  return {
    source,
    code: 'wal-forked',
    what: counted(keys.length, 'key'),
    reason: `${named.join(', ')}${more} are in no verified state: ${because}`,
    each: keys.map((key) => ({ what: key, reason: because })),
    next: 'With --unverified these keys are taken too.',
    takenUnverified: true,
  };
}
