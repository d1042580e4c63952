import { setImmediate as turn } from 'node:timers/promises';
import type { Database } from 'sql.js';
import { encodeCbor } from '../core/cbor/index.ts';
import { AUDIT_COLUMNS, type AuditKind, type AuditRecord, checkAuditRecord } from '../core/original/audit.ts';
import { bytesToHex, type ErrorCode, type Hasher, type JsonValue, LatticeError } from '../core/types/index.ts';
import type { ReadContext, Reader, Reading, Refusal, Source } from './plan.ts';
import { readDatabase } from './sqlite-file.ts';

/** Rows of one table: as many as a node keeps of one kind (SPEC Q5). */
export const MAX_TABLE_ROWS = 100_000;
/** Refused rows that are named one by one. */
const MAX_NAMED = 100;
/** Rows that are read before others get the event loop. */
const ROWS_A_TURN = 500;

const TABLES: readonly { readonly kind: AuditKind; readonly table: string }[] = [
  { kind: 'execution', table: 'execution_logs' },
  { kind: 'attack', table: 'attack_logs' },
];
/** What is wrong with a database, as against what keeps it from being read at all. */
const FLAWS: ReadonlySet<ErrorCode> = new Set(['database-malformed', 'database-unsettled', 'file-too-large']);
const EMPTY_COPY = 'Import a copy without the rows that are not needed (`DELETE FROM …`).';
export const UNVERIFIED = 'the original has no digest or signature of its executions and attacks';

/**
 * Reads the executions and attacks of a telemetry.db (SPEC Q6), the database of the original's audit. It works on a
 * copy in memory.
 */
export const readTelemetry: Reader = async (source, context) => {
  try {
    const bytes = await readDatabase(source.at);
    context.signal?.throwIfAborted();
    // SQLite is a megabyte of WebAssembly, which a program that reads no database does not load.
    const { default: initSqlJs } = await import('sql.js');
    const sqlite = await initSqlJs();
    const database = new sqlite.Database(bytes);
    try {
      return await readTables(database, source, context);
    } finally {
      database.close();
    }
  } catch (cause) {
    if (context.signal?.aborted === true) throw cause;
    const flaw = cause instanceof LatticeError ? cause : damaged(cause);
    if (!FLAWS.has(flaw.code)) throw cause;
    return { items: [], refused: [{ source, ...toRefusal(flaw), takenUnverified: false }] };
  }
};

const toRefusal = ({ code, message, next }: LatticeError) => ({ code, reason: message, next });

/** SQLite throws an Error whose message says what is wrong with the bytes. */
function damaged(cause: unknown): LatticeError {
  if (!(cause instanceof Error)) throw cause;
  return new LatticeError('database-malformed', `it is damaged: ${cause.message}`, {
    next: 'Take another copy, or save what can be saved with `sqlite3 telemetry.db .recover`, and import that.',
    cause,
  });
}

/** All rows of a short query. */
function rowsOf(database: Database, sql: string): readonly Readonly<Record<string, unknown>>[] {
  const statement = database.prepare(sql);
  try {
    const rows: Record<string, unknown>[] = [];
    while (statement.step()) rows.push(statement.getAsObject());
    return rows;
  } finally {
    statement.free();
  }
}

async function readTables(database: Database, source: Source, context: ReadContext): Promise<Reading> {
  // A schema may be made to run more than it seems to; nothing in it is trusted, and nothing is written.
  for (const pragma of ['trusted_schema=OFF', 'query_only=ON', 'cell_size_check=ON', 'ignore_check_constraints=ON'])
    database.run(`PRAGMA ${pragma}`);

  const schema = rowsOf(database, "SELECT type, name, sql FROM sqlite_master WHERE type IN ('table', 'view')");
  const names = schema.map(({ name }) => String(name));
  const own = new Set(TABLES.map(({ table }) => table));
  if (!names.some((name) => own.has(name))) {
    throw new LatticeError(
      'database-malformed',
      `it has neither execution_logs nor attack_logs, but ${listOf(names)}`,
      { next: 'Name the telemetry.db of the original. Databases of its other parts are not imported.' },
    );
  }
  const records: AuditRecord[] = [];
  const refused: Refusal[] = [];
  const remarks: string[] = [];
  const foreign = names.filter((name) => !own.has(name) && !name.startsWith('sqlite_'));
  if (foreign.length > 0) remarks.push(`Not taken, because a node has no place for them: ${listOf(foreign)}.`);
  for (const { kind, table } of TABLES) {
    const found = schema.find(({ name }) => name === table);
    if (found === undefined) {
      remarks.push(`It has no table ${table}.`);
      continue;
    }
    const flaw = found['type'] !== 'table' || /^\s*create\s+virtual\s/i.test(String(found['sql']));
    const columns = flaw ? undefined : columnsOf(database, kind, table);
    if (columns === undefined) {
      refused.push(refusal(source, table, `${table} is not the table that the original makes`));
      continue;
    }
    checkTable(database, table);
    if (columns.more.length > 0) remarks.push(`Columns of ${table} that are not taken: ${listOf(columns.more)}.`);
    const read = await readTable(database, { kind, table, columns: columns.here }, source, context);
    for (const record of read.records) records.push(record);
    refused.push(...read.refused);
  }
  const checked = { verified: false, because: UNVERIFIED } as const;
  const items = records.length === 0 ? [] : [{ kind: 'records', source, checked, records } as const];
  return { items, refused, remarks };
}

/** Has SQLite check a table. It computes columns that are computed, so that this must not be asked of any other. */
function checkTable(database: Database, table: string): void {
  const [first] = rowsOf(database, `PRAGMA quick_check("${table}")`);
  const verdict = first === undefined ? 'no answer' : Object.values(first)[0];
  if (verdict !== 'ok') throw new Error(String(verdict).replaceAll(/\s+/g, ' ').slice(0, 200));
}

const listOf = (names: readonly string[]): string => {
  const shown = names.slice(0, 12).map((name) => name.slice(0, 64));
  return names.length > shown.length ? `${shown.join(', ')} and ${names.length - shown.length} more` : shown.join(', ');
};

function refusal(source: Source, what: string, reason: string, next?: string): Refusal {
  return { source, what, code: 'database-malformed', reason, next, takenUnverified: false };
}

/**
 * The columns that the table has of the original's, and others. Undefined where one is missing that a row cannot do
 * without, or one is computed: that may take for ever.
 */
function columnsOf(
  database: Database,
  kind: AuditKind,
  table: string,
): { readonly here: readonly string[]; readonly more: readonly string[] } | undefined {
  const rows = rowsOf(database, `PRAGMA table_xinfo("${table}")`);
  const found = rows.map(({ name }) => String(name));
  const known = AUDIT_COLUMNS[kind];
  const needed = ['id', ...Object.keys(known).filter((name) => known[name]?.endsWith('?') === false)];
  if (rows.some(({ hidden }) => hidden !== 0) || needed.some((name) => !found.includes(name))) return undefined;
  const isKnown = (name: string): boolean => name === 'id' || Object.hasOwn(known, name);
  return { here: found.filter(isKnown), more: found.filter((name) => !isKnown(name)) };
}

async function readTable(
  database: Database,
  { kind, table, columns }: { readonly kind: AuditKind; readonly table: string; readonly columns: readonly string[] },
  source: Source,
  { hasher, signal, progress }: ReadContext,
): Promise<{ readonly records: readonly AuditRecord[]; readonly refused: readonly Refusal[] }> {
  const records: AuditRecord[] = [];
  const refused: Refusal[] = [];
  let flawed = 0;
  const selected = columns.map((name) => `"${name}"`).join(', ');
  const statement = database.prepare(`SELECT ${selected} FROM "${table}" ORDER BY "id" LIMIT ${MAX_TABLE_ROWS + 1}`);
  try {
    for (let count = 0; statement.step(); ) {
      if (++count > MAX_TABLE_ROWS) {
        const reason = `${table} has more than ${MAX_TABLE_ROWS} rows, which is what a node keeps`;
        return { records: [], refused: [{ ...refusal(source, table, reason, EMPTY_COPY), code: 'audit-full' }] };
      }
      const row = statement.getAsObject() as Record<string, unknown>;
      try {
        records.push(recordOf(kind, row, hasher));
      } catch (error) {
        if (!(error instanceof LatticeError) || error.code !== 'invalid-record') throw error;
        flawed++;
        const what = `${table} row ${String(row['id']).slice(0, 32)}`;
        if (flawed <= MAX_NAMED) refused.push({ ...refusal(source, what, error.message), code: error.code });
      }
      if (count % ROWS_A_TURN !== 0) continue;
      await turn();
      signal?.throwIfAborted();
      progress?.(`rows of ${table} read`, count);
    }
  } finally {
    statement.free();
  }
  if (flawed > MAX_NAMED) {
    const reason = `${flawed - MAX_NAMED} more rows of ${table} do not have the form of the original's rows`;
    refused.push({ ...refusal(source, table, reason), code: 'invalid-record' });
  }
  return { records, refused };
}

/** A row as a record. Its id is the SHA-256 of kind and row. Throws LatticeError `invalid-record`. */
export function recordOf(kind: AuditKind, row: Readonly<Record<string, unknown>>, hasher: Hasher): AuditRecord {
  for (const [name, value] of Object.entries(row)) {
    if (value instanceof Uint8Array)
      throw new LatticeError('invalid-record', `${name} is bytes, where the original has text or a number`);
  }
  const record = { kind, id: 'unnamed', row: row as Readonly<Record<string, JsonValue>> };
  const { row: checked } = checkAuditRecord(record);
  const whole = { id: row['id'] as number, ...checked };
  const id = bytesToHex(hasher.hash(encodeCbor([kind, whole])));
  return { kind, id, row: whole };
}
