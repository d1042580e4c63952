import {
  type AuthorClock,
  conflictKey,
  encodeJournal,
  encodeStateMeta,
  entryKey,
  journalKey,
  listedKey,
  metaKey,
  type StateMeta,
} from '../rows/index.ts';
import type { Bytes } from '../types/index.ts';
import { encodeEntry } from '../wire/index.ts';
import { isConflict } from './entry-tree.ts';
import { type ChangedEntry, type RowWrite, shownAfter } from './step.ts';

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
  const conflict = isConflict(after);
  if (conflict === isConflict(before)) return;
  rows.push(conflict ? { type: 'put', key: conflictKey(key), value: NOTHING } : { type: 'del', key: conflictKey(key) });
}

/** Adds the journal's record of a step and the state after the step, and takes out the oldest record. */
export function addStateRows(
  rows: RowWrite[],
  {
    changed,
    clocks,
    meta,
    journalLength,
  }: {
    readonly changed: readonly ChangedEntry[];
    /** The clocks of the authors of whom something newer was seen than before. */
    readonly clocks: readonly AuthorClock[];
    readonly meta: StateMeta;
    /** How many records the journal keeps. */
    readonly journalLength: number;
  },
): void {
  const { root, sequence } = meta;
  const changes = changed.map((entry) => {
    const { commit, index, operation, author, hlc } = shownAfter(entry);
    const alone = entry.after?.siblings.length === 1;
    return { key: entry.key, commit, index, deleted: operation.kind === 'delete', alone, author, hlc };
  });
  rows.push({ type: 'put', key: journalKey(sequence), value: encodeJournal({ root, clocks, changes }) });
  if (sequence > journalLength) rows.push({ type: 'del', key: journalKey(sequence - journalLength) });
  rows.push({ type: 'put', key: STATE_META, value: encodeStateMeta(meta) });
}
