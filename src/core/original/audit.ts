import { utf8Length } from '../cbor/text.ts';
import { type JsonValue, LatticeError } from '../types/index.ts';
import { pythonFloat } from './json.ts';

/**
 * What the original notes beside its state, and its endpoints list: an execution is one attempt to prove an intent, an
 * attack is one that was blocked.
 */
export const AUDIT_KINDS = ['execution', 'attack'] as const;
export type AuditKind = (typeof AUDIT_KINDS)[number];

/**
 * An execution with the keys that the original's endpoint gives it. `result`, `layer_results` and `telemetry` are JSON
 * texts.
 */
export interface ExecutionRow {
  readonly id: number;
  readonly tx_id: string;
  readonly bundle_hash: string | null;
  readonly intent_name: string;
  /** PROVED, FAILED, REJECTED or TIMEOUT, unless something else was noted. */
  readonly status: string;
  readonly result: string | null;
  readonly merkle_root_before: string | null;
  readonly merkle_root_after: string | null;
  /** Seconds since the Unix epoch. */
  readonly timestamp: number;
  readonly elapsed_ms: number | null;
  readonly layer_results: string | null;
  readonly telemetry: string | null;
  /** `YYYY-MM-DD hh:mm:ss`, UTC. */
  readonly created_at: string | null;
}

/** An attack with the keys that the original's endpoint gives it. `metadata` is a JSON text. */
export interface AttackRow {
  readonly id: number;
  readonly attack_id: string;
  /** Seconds since the Unix epoch. */
  readonly timestamp: number;
  readonly attack_type: string;
  readonly category: string;
  readonly blocked_by_layer: string;
  readonly severity: number;
  readonly code_snippet: string | null;
  readonly detection_method: string | null;
  readonly metadata: string | null;
  /** `YYYY-MM-DD hh:mm:ss`, UTC. */
  readonly created_at: string | null;
}

export type AuditRow = ExecutionRow | AttackRow;

/**
 * An execution or attack as it is added. `id` is the same whenever the same row is added, so that it is kept once.
 * Fields of `row` that may be null may be absent; `id` and `created_at` in it are given by the node where they are.
 */
export interface AuditRecord {
  readonly kind: AuditKind;
  /** 1 to 128 visible ASCII characters. */
  readonly id: string;
  readonly row: Readonly<Record<string, JsonValue>>;
}

/** What a column holds: a text, a number, or also null. A word is a short text that the statistics count by. */
export type AuditColumn = 'text' | 'word' | 'text?' | 'real' | 'real?';

/** The columns after `id`, in the order in which the original's endpoints give them. */
export const AUDIT_COLUMNS: Readonly<Record<AuditKind, Readonly<Record<string, AuditColumn>>>> = {
  execution: {
    tx_id: 'text',
    bundle_hash: 'text?',
    intent_name: 'text',
    status: 'word',
    result: 'text?',
    merkle_root_before: 'text?',
    merkle_root_after: 'text?',
    timestamp: 'real',
    elapsed_ms: 'real?',
    layer_results: 'text?',
    telemetry: 'text?',
    created_at: 'text?',
  },
  attack: {
    attack_id: 'text',
    timestamp: 'real',
    attack_type: 'word',
    category: 'text',
    blocked_by_layer: 'word',
    severity: 'real',
    code_snippet: 'text?',
    detection_method: 'text?',
    metadata: 'text?',
    created_at: 'text?',
  },
};

/** Bytes of one row as JSON. The largest that the original is known to have noted has less than one KiB. */
export const MAX_AUDIT_ROW_BYTES = 64 * 1024;
/** Bytes of a word, because the statistics repeat each of them. */
const MAX_AUDIT_WORD_BYTES = 128;
/** The greatest number of a row that is kept as it comes. The numbers after it must stay exact. */
const MAX_ROW_NUMBER = 2 ** 47;
const ID = /^[!-~]{1,128}$/;

const invalid = (what: string, next = 'give the row as the original has it'): LatticeError =>
  new LatticeError('invalid-record', what, { next });

function checkedField(name: string, column: AuditColumn, value: JsonValue | undefined): JsonValue {
  if (value === undefined || value === null) {
    if (column.endsWith('?')) return null;
    throw invalid(`${name} is missing`);
  }
  if (column.startsWith('real')) {
    if (typeof value !== 'number') throw invalid(`${name} is not a number`);
    // What JSON carries exactly everywhere. Adding 0 makes 0 of -0.
    if (!(Math.abs(value) <= Number.MAX_SAFE_INTEGER)) throw invalid(`${name} is beyond ±(2^53−1)`);
    return value + 0;
  }
  if (typeof value !== 'string') throw invalid(`${name} is not a text`);
  const bytes = utf8Length(value);
  if (bytes < 0) throw invalid(`${name} is not well-formed Unicode`);
  if (column === 'word' && bytes > MAX_AUDIT_WORD_BYTES)
    throw invalid(`${name} has ${bytes} bytes, over ${MAX_AUDIT_WORD_BYTES}`, 'shorten it');
  return value;
}

/**
 * Checks a record and gives it the form of the original's row: every column in its order, and `id` where the record
 * has one. Throws LatticeError `invalid-record`, which names the column.
 */
export function checkAuditRecord(record: AuditRecord): {
  readonly kind: AuditKind;
  readonly id: string;
  /** The number that the row has where it comes from; undefined where it has none, or one that cannot be kept. */
  readonly number: number | undefined;
  readonly row: Readonly<Record<string, JsonValue>>;
} {
  const { kind, id, row } = record;
  if (!AUDIT_KINDS.includes(kind)) throw invalid('kind is neither execution nor attack');
  if (typeof id !== 'string' || !ID.test(id)) throw invalid('id is not 1 to 128 visible ASCII characters');
  const columns = AUDIT_COLUMNS[kind];
  for (const name of Object.keys(row))
    if (name !== 'id' && !Object.hasOwn(columns, name)) throw invalid(`an ${kind} has no ${JSON.stringify(name)}`);
  const checked: Record<string, JsonValue> = {};
  for (const [name, column] of Object.entries(columns)) checked[name] = checkedField(name, column, row[name]);
  const bytes = utf8Length(JSON.stringify(checked));
  if (bytes > MAX_AUDIT_ROW_BYTES)
    throw invalid(`the row has ${bytes} bytes as JSON, over ${MAX_AUDIT_ROW_BYTES}`, 'leave out what is not needed');
  const given = row['id'];
  if (given !== undefined && given !== null && !(Number.isSafeInteger(given) && (given as number) >= 0))
    throw invalid('id of the row is not a whole number');
  const number = typeof given === 'number' && given <= MAX_ROW_NUMBER ? given : undefined;
  return { kind, id, number, row: checked };
}

/** A row as the original's endpoints write it: compact JSON, in which a column of floats always has a fraction. */
export function auditRowText(kind: AuditKind, row: AuditRow): string {
  const parts = [`"id":${row.id}`];
  for (const [name, column] of Object.entries(AUDIT_COLUMNS[kind])) {
    const value = (row as unknown as Readonly<Record<string, JsonValue>>)[name] ?? null;
    const text = typeof value === 'number' && column.startsWith('real') ? pythonFloat(value) : JSON.stringify(value);
    parts.push(`${JSON.stringify(name)}:${text}`);
  }
  return `{${parts.join(',')}}`;
}

const DAY_MS = 86_400_000;
const pad = (value: number, width = 2): string => String(value).padStart(width, '0');

/**
 * SQLite's CURRENT_TIMESTAMP at a time in Unix ms: `YYYY-MM-DD hh:mm:ss`, UTC. The date is computed by the algorithm
 * `civil_from_days` of Howard Hinnant's paper "chrono-Compatible Low-Level Date Algorithms".
 */
export function sqliteTime(ms: number): string {
  const days = Math.floor(ms / DAY_MS);
  const seconds = Math.floor((ms - days * DAY_MS) / 1000);
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const time = `${pad(Math.floor(seconds / 3600))}:${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`;
  return `${pad(year, 4)}-${pad(month)}-${pad(day)} ${time}`;
}
