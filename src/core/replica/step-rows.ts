import { deadFrom } from '../floor/index.ts';
import {
  type AuthorClock,
  conflictKey,
  deadKey,
  deadValue,
  type End,
  encodeJournal,
  encodeStateMeta,
  endKey,
  endValue,
  entryKey,
  journalKey,
  listedKey,
  metaKey,
  type StateMeta,
} from '../rows/index.ts';
import { winner } from '../state/index.ts';
import type { Bytes, Entry } from '../types/index.ts';
import { encodeEntry } from '../wire/index.ts';
import { isConflict } from './entry-tree.ts';
import type { ChangedEntry, RowWrite, Told } from './step.ts';

/** The key of the state record. */
export const STATE_META = metaKey('state');
const NOTHING: Bytes = new Uint8Array(0);

/**
 * Adds the rows of one changed entry: the entry itself, its key in the list of keys, and its key in that of conflicts.
 */
export function addEntryRows(
  rows: RowWrite[],
  { key, keyHash, before, after }: ChangedEntry,
  /** What `encodeEntry` makes of the entry, where that is known already. */
  bytes: Bytes | undefined,
): void {
  if (after === undefined) rows.push({ type: 'del', key: entryKey(keyHash) }, { type: 'del', key: listedKey(key) });
  else {
    rows.push({ type: 'put', key: entryKey(keyHash), value: bytes ?? encodeEntry(after) });
    if (before === undefined) rows.push({ type: 'put', key: listedKey(key), value: NOTHING });
  }
  const ending = endOf(after, keyHash);
  const ended = endOf(before, keyHash);
  if (ended !== undefined && ended.ms !== ending?.ms) rows.push({ type: 'del', key: endKey(ended) });
  if (ending !== undefined && ending.ms !== ended?.ms)
    rows.push({ type: 'put', key: endKey(ending), value: endValue(key) });
  const dead = after === undefined ? undefined : deadFrom(after.siblings);
  const died = before === undefined ? undefined : deadFrom(before.siblings);
  if (died !== undefined && died !== dead) rows.push({ type: 'del', key: deadKey({ ms: died, keyHash }) });
  if (dead !== undefined && dead !== died)
    rows.push({ type: 'put', key: deadKey({ ms: dead, keyHash }), value: deadValue(key) });
  const conflict = isConflict(after);
  if (conflict === isConflict(before)) return;
  rows.push(conflict ? { type: 'put', key: conflictKey(key), value: NOTHING } : { type: 'del', key: conflictKey(key) });
}

/** When the winner of an entry ends; undefined for one that has no end. */
function endOf(entry: Entry | undefined, keyHash: Bytes): Omit<End, 'key'> | undefined {
  const ms = entry === undefined ? undefined : winner(entry).operation.expires;
  return ms === undefined ? undefined : { ms, keyHash };
}

/** Adds the journal's record of a step and the state after the step, and takes out the oldest record. */
export function addStateRows(
  rows: RowWrite[],
  {
    told,
    clocks,
    meta,
    journalLength,
  }: {
    readonly told: readonly Told[];
    /** The clocks of the authors of whom something newer was seen than before. */
    readonly clocks: readonly AuthorClock[];
    readonly meta: StateMeta;
    /** How many records the journal keeps. */
    readonly journalLength: number;
  },
): void {
  const { root, sequence } = meta;
  const changes = told.map(({ key, shown: { commit, index, author, hlc }, deleted, alone }) => ({
    key,
    commit,
    index,
    deleted,
    alone,
    author,
    hlc,
  }));
  rows.push({ type: 'put', key: journalKey(sequence), value: encodeJournal({ root, clocks, changes }) });
  if (sequence > journalLength) rows.push({ type: 'del', key: journalKey(sequence - journalLength) });
  rows.push({ type: 'put', key: STATE_META, value: encodeStateMeta(meta) });
}
