import { checkValue } from '../../core/cbor/value.ts';
import { hexToHlc, hlcMs } from '../../core/clock/index.ts';
import { type OriginalValue, originalJsonText, originalToPlain } from '../../core/original/json.ts';
import type { OriginalState } from '../../core/original/root.ts';
import { hasOtherForms, originalFileText, originalTime, plainToOriginal } from '../../core/original/write.ts';
import { type JsonValue, LatticeError } from '../../core/types/index.ts';
import { csvRow } from '../csv.ts';

/** The forms in which a state is exported. */
export type ExportFormat = 'snapshot' | 'ndjson' | 'csv';

/** An entry of the moment that is exported, as the API gives it. */
export interface ExportedEntry {
  readonly key: string;
  readonly value: JsonValue;
  /** 64 hex digits. */
  readonly author: string;
  /** 16 hex digits. */
  readonly hlc: string;
  /** When it ends, Unix ms; absent where it has no end. */
  readonly expires?: number | undefined;
  /** Number of other values of the key; absent where it is in no conflict. */
  readonly conflicts?: number | undefined;
}

/** One entry as a form writes it. */
export interface WrittenEntry {
  readonly text: string;
  /** What the original hashes for its root, in the form that has such a root. */
  readonly leaf?: string;
  /** The entry has another root at the original when it has another form of the same value. */
  readonly formLost?: boolean;
}

/** How a form writes a document. */
export interface Form {
  readonly head: string;
  readonly separator: string;
  entry(entry: ExportedEntry): WrittenEntry;
  /** What follows the last of `count` entries; `root` is the original's, where the form has one. */
  tail(count: number, root: string | undefined, ms: number): string;
}

const timeOf = (hlc: string): string => new Date(hlcMs(hexToHlc(hlc))).toISOString();

/** One JSON object a line, with the end of what has one. */
const ndjson: Form = {
  head: '',
  separator: '',
  entry: ({ key, value, author, hlc, expires }) => ({
    text: `${JSON.stringify({ key, value, author, time: timeOf(hlc), expires })}\n`,
  }),
  tail: () => '',
};

/** A table of RFC 4180, whose values are JSON. */
const csv: Form = {
  head: csvRow(['key', 'value', 'author', 'time']),
  separator: '',
  entry: ({ key, value, author, hlc }) => ({ text: csvRow([key, JSON.stringify(value), author, timeOf(hlc)]) }),
  tail: () => '',
};

/**
 * The original's snapshot.json (SPEC I13). Values that `like` has in the same meaning are written in its form (SPEC I14).
 */
function snapshot(like: OriginalState | undefined): Form {
  return {
    head: '{\n  "state": {',
    separator: ',',
    entry({ key, value }) {
      const known = like?.get(key);
      const kept = known !== undefined && isSame(known, value);
      const original = kept ? known : plainToOriginal(value);
      return {
        text: `\n    ${originalJsonText(key)}: ${originalFileText(original, 2)}`,
        leaf: `${key}:${originalJsonText(original)}`,
        formLost: !kept && hasOtherForms(value),
      };
    },
    tail: (count, root, ms) =>
      `${count === 0 ? '' : '\n  '}},\n  "merkle_root": "${root}",\n  "timestamp": ${originalTime(ms)}\n}`,
  };
}

/** Whether the value that the original has is imported as `value`. */
function isSame(original: OriginalValue, value: JsonValue): boolean {
  try {
    // Both have the keys of their objects in canonical order.
    return JSON.stringify(checkValue(originalToPlain(original))) === JSON.stringify(checkValue(value));
  } catch (error) {
    // What the data model refuses was never imported.
    if (error instanceof LatticeError) return false;
    throw error;
  }
}

export function formOf(format: ExportFormat, like: OriginalState | undefined): Form {
  if (format === 'snapshot') return snapshot(like);
  return format === 'csv' ? csv : ndjson;
}
