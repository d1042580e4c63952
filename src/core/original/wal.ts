import { LatticeError } from '../types/index.ts';
import { type OriginalNumber, type OriginalValue, parseOriginalJson } from './json.ts';

/** One line of the original's wal.log. It writes two for each operation: the first with `pending` as the root after. */
export interface WalLine {
  /** Number of the line in the file, from 1 on. */
  readonly line: number;
  readonly sequence: number;
  readonly operation: 'PUT' | 'DELETE';
  readonly key: string;
  /** Null for DELETE. */
  readonly value: OriginalValue;
  /** Seconds since the Unix epoch. */
  readonly timestamp: number;
  /** 64 hex digits, or `empty` for a state that has never been written. */
  readonly before: string;
  /** 64 hex digits; undefined while the operation is pending. */
  readonly after: string | undefined;
}

export interface ParsedWal {
  readonly lines: readonly WalLine[];
  /** Lines that are no entry, each with what is wrong and where in it. */
  readonly broken: readonly { readonly line: number; readonly reason: string }[];
  /** True: the last line has no end and is no entry. The original was stopped while it wrote it. */
  readonly torn: boolean;
}

const ROOT = /^[0-9a-f]{64}$/;
/** Broken lines that are kept: enough to see what kind of file it is. */
const MAX_BROKEN = 100;

/** Reads a wal.log, of which single lines may be broken. Never throws. */
export function parseWal(text: string): ParsedWal {
  const lines: WalLine[] = [];
  const broken: { line: number; reason: string }[] = [];
  let torn = false;
  const rows = text.split('\n');
  rows.forEach((row, index) => {
    if (row.trim() === '') return;
    try {
      lines.push(entryOf(parseOriginalJson(row), index + 1));
    } catch (error) {
      if (!(error instanceof LatticeError)) throw error;
      if (index === rows.length - 1) torn = true;
      else if (broken.length < MAX_BROKEN) {
        // The parser counts from the beginning of the row, which is line 1 for it.
        broken.push({ line: index + 1, reason: error.message.replace(/line 1, /, `line ${index + 1}, `) });
      }
    }
  });
  return { lines, broken, torn };
}

function entryOf(document: OriginalValue, line: number): WalLine {
  const fail = (what: string): never => {
    throw new LatticeError('wal-malformed', `line ${line}: ${what}`);
  };
  if (!(document instanceof Map)) return fail('not a JSON object');
  const fields = document as ReadonlyMap<string, OriginalValue>;
  const operation = fields.get('operation');
  const key = fields.get('key');
  const before = fields.get('merkle_root_before');
  const after = fields.get('merkle_root_after');
  if (operation !== 'PUT' && operation !== 'DELETE') return fail('"operation" is neither PUT nor DELETE');
  if (typeof key !== 'string') return fail('"key" is not text');
  if (operation === 'PUT' && !fields.has('value')) return fail('"value" is missing');
  if (typeof before !== 'string' || !(ROOT.test(before) || before === 'empty'))
    return fail('"merkle_root_before" is no root');
  if (typeof after !== 'string' || !(ROOT.test(after) || after === 'pending'))
    return fail('"merkle_root_after" is neither a root nor "pending"');
  const sequence = numberOf(fields.get('sequence_number'));
  if (sequence === undefined || !Number.isSafeInteger(sequence)) return fail('"sequence_number" is no whole number');
  return {
    line,
    sequence,
    operation,
    key,
    value: operation === 'PUT' ? (fields.get('value') ?? null) : null,
    timestamp: numberOf(fields.get('timestamp')) ?? 0,
    before,
    after: after === 'pending' ? undefined : after,
  };
}

function numberOf(value: OriginalValue | undefined): number | undefined {
  if (value === null || typeof value !== 'object' || value instanceof Map || Array.isArray(value)) return undefined;
  const number = Number((value as OriginalNumber).text);
  return Number.isFinite(number) ? number : undefined;
}
