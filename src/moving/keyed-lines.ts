import { checkKey, checkValue } from '../core/cbor/index.ts';
import { counted, LatticeError } from '../core/types/index.ts';
import type { KeyedEntry, ReadContext, Reading, Source } from './plan.ts';
import { readWholeText } from './read-file.ts';

/** A key with its value, and the line of the file that it stands on, from 1. */
export interface KeyedLine {
  readonly line: number;
  readonly key: string;
  /** Gives the value. Throws LatticeError `invalid-json`. */
  value(): unknown;
  /** When it is to end, in the form that can say so: whatever the line has there. */
  readonly expires?: unknown;
  /** Who wrote it and when, where the line says so: whatever it has there. */
  readonly author?: unknown;
  readonly time?: unknown;
}

/** Entries that a progress report is apart. */
const ENTRIES_A_REPORT = 10_000;

/**
 * Reads a file of keys and values that people or programs wrote: it claims no root, so that its form alone is checked.
 * It is taken whole or not at all: one key that is there twice, or that the data model refuses, refuses the file.
 * `given` is the text of what is no file. `split` finds the lines and throws LatticeError `entries-malformed` where there are none. Rejects as `readWholeText`
 * does, and with the reason of the signal.
 */
export async function readKeyed(
  source: Source,
  context: ReadContext,
  split: (text: string) => Iterable<KeyedLine>,
  given?: string,
): Promise<Reading> {
  const text = (given ?? (await readWholeText(source.at))).replace(/^\uFEFF/, '');
  const entries = new Map<string, KeyedEntry>();
  const flawed: { what: string; reason: string }[] = [];
  try {
    for (const one of split(text)) {
      const { line } = one;
      if (context.leavesOut?.(one) === true) continue;
      const flaw = take(entries, one);
      if (flaw !== undefined) flawed.push({ what: `line ${line}`, reason: flaw });
      if (entries.size % ENTRIES_A_REPORT !== 0) continue;
      context.progress?.('lines read', entries.size);
      context.signal?.throwIfAborted();
    }
  } catch (error) {
    context.signal?.throwIfAborted();
    if (!(error instanceof LatticeError)) throw error;
    const { code, message, next } = error;
    return { items: [], refused: [{ source, code, reason: message, next, takenUnverified: false }] };
  }
  const [first] = flawed;
  if (first === undefined) {
    const checked = { verified: true, by: `its form: ${counted(entries.size, 'line')}, each key once` } as const;
    return { items: [{ kind: 'entries', source, checked, entries: [...entries.values()] }], refused: [] };
  }
  const more = flawed.length === 1 ? '' : ` and ${counted(flawed.length - 1, 'other line')}`;
  return {
    items: [],
    refused: [
      {
        source,
        code: 'entries-malformed',
        reason: `${first.what}${more} cannot be taken: ${first.reason}`,
        each: flawed,
        next: 'Nothing of this file was imported. Correct the lines, or remove them.',
        takenUnverified: false,
      },
    ],
  };
}

/** Adds an entry, or says what keeps it out. */
function take(entries: Map<string, KeyedEntry>, { key, value, expires }: KeyedLine): string | undefined {
  try {
    checkKey(key);
    if (entries.has(key)) return `the key ${JSON.stringify(key)} stands there a second time`;
    const checked = checkValue(value());
    if (expires === undefined) entries.set(key, [key, checked]);
    else if (typeof expires === 'number' && Number.isSafeInteger(expires)) entries.set(key, [key, checked, expires]);
    else return '"expires" is no whole number of Unix ms';
    return undefined;
  } catch (error) {
    if (error instanceof LatticeError) return error.message;
    throw error;
  }
}
