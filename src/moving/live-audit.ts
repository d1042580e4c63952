import type { AuditKind, AuditRecord } from '../core/original/audit.ts';
import { isObject } from '../core/original/canon.ts';
import { type OriginalValue, originalToPlain } from '../core/original/json.ts';
import { LatticeError } from '../core/types/index.ts';
import { type FetchOptions, fetchMembers, isAbsent, unexpected } from './live-fetch.ts';
import type { ReadContext, Reading, Refusal, Source } from './plan.ts';
import { refusalOf } from './snapshot.ts';
import { MAX_TABLE_ROWS, recordOf, UNVERIFIED } from './telemetry.ts';

/** How many executions and attacks the original said that it has; undefined where it did not say. */
export type AuditCounts = Readonly<Partial<Record<AuditKind, number>>>;

/** What stands where: the list of each kind, and its count among the statistics. */
const LISTS: readonly { readonly kind: AuditKind; readonly name: string; readonly count: string }[] = [
  { kind: 'execution', name: 'executions', count: 'total_executions' },
  { kind: 'attack', name: 'attacks', count: 'total_attacks_blocked' },
];
/**
 * Rows beyond those that were added since the last reading: the lists are ordered by time, so that a row that was added
 * late does not come first.
 */
const MORE_ROWS = 100;
/** Refused rows that are named one by one. */
const MAX_NAMED = 100;

/**
 * Reads the executions and attacks that a running node of the original lists: all of them, or those beyond `before`. A
 * row makes the same record as in its telemetry.db. What it answers badly is a refusal; rejects with the reason of an
 * aborted signal.
 */
export async function readLiveAudit(
  source: Source,
  before: AuditCounts,
  options: FetchOptions,
  context: ReadContext,
): Promise<Reading & { readonly counts: AuditCounts }> {
  const counts = await countsOf(source, options, context);
  const records: AuditRecord[] = [];
  const refused: Refusal[] = [];
  const remarks: string[] = [];
  for (const { kind, name } of LISTS) {
    const [then, now] = [before[kind], counts[kind]];
    if (then !== undefined && then === now) continue;
    // SQLite takes a negative limit for none.
    const limit = then === undefined || now === undefined || now < then ? -1 : now - then + MORE_ROWS;
    try {
      const members = await fetchMembers(`${source.at}/api/persistence/${name}?limit=${limit}`, options, context);
      const read = recordsOf(source, kind, name, members.get(name), context);
      // One by one: so many arguments do not fit a call.
      for (const record of read.records) records.push(record);
      refused.push(...read.refused);
    } catch (error) {
      context.signal?.throwIfAborted();
      if (isAbsent(error)) remarks.push(`It serves no list of ${name}.`);
      else refused.push({ ...refusalOf(source, error), what: name });
    }
  }
  const checked = { verified: false, because: UNVERIFIED } as const;
  const items = records.length === 0 ? [] : [{ kind: 'records', source, checked, records } as const];
  return { items, refused, remarks, counts };
}

/** The totals of the statistics. Of a node that does not tell them everything is read. */
async function countsOf(source: Source, options: FetchOptions, context: ReadContext): Promise<AuditCounts> {
  let stats: ReadonlyMap<string, OriginalValue>;
  try {
    stats = await fetchMembers(`${source.at}/api/persistence/stats`, options, context);
  } catch (error) {
    context.signal?.throwIfAborted();
    if (!(error instanceof LatticeError)) throw error;
    return {};
  }
  const counts: Partial<Record<AuditKind, number>> = {};
  for (const { kind, name, count } of LISTS) {
    const part = stats.get(name);
    const total = isObject(part) ? originalToPlain(part.get(count) ?? null) : undefined;
    if (Number.isSafeInteger(total)) counts[kind] = total as number;
  }
  return counts;
}

function recordsOf(
  source: Source,
  kind: AuditKind,
  name: string,
  rows: OriginalValue | undefined,
  { hasher }: ReadContext,
): { readonly records: readonly AuditRecord[]; readonly refused: readonly Refusal[] } {
  if (!Array.isArray(rows)) throw unexpected(source.at, `its ${name} are no list`);
  if (rows.length > MAX_TABLE_ROWS) {
    throw new LatticeError('audit-full', `it lists ${rows.length} ${name}, and a node keeps ${MAX_TABLE_ROWS}`, {
      next: 'Import its telemetry.db without the rows that are not needed.',
    });
  }
  const records: AuditRecord[] = [];
  const flaws: { readonly what: string; readonly reason: string }[] = [];
  for (const [place, row] of (rows as readonly OriginalValue[]).entries()) {
    try {
      const plain = isObject(row) ? (originalToPlain(row) as Record<string, unknown>) : undefined;
      if (plain === undefined) throw new LatticeError('invalid-record', 'it is no object');
      if (!Number.isSafeInteger(plain['id'])) throw new LatticeError('invalid-record', 'it has no number as its id');
      records.push(recordOf(kind, plain, hasher));
    } catch (error) {
      if (!(error instanceof LatticeError)) throw error;
      flaws.push({ what: `${kind} ${place + 1} of the list`, reason: error.message });
    }
  }
  // As they stand in its table, so that they keep their numbers.
  records.sort((a, b) => Number(a.row['id']) - Number(b.row['id']));
  if (flaws.length === 0) return { records, refused: [] };
  const [first] = flaws;
  const refusal: Refusal = {
    source,
    what: flaws.length === 1 ? first?.what : `${flaws.length} of ${rows.length} ${name}`,
    code: 'invalid-record',
    reason: flaws.length === 1 ? (first?.reason ?? '') : 'they do not have the form of its rows',
    each: flaws.length === 1 ? undefined : flaws.slice(0, MAX_NAMED),
    takenUnverified: false,
  };
  return { records, refused: [refusal] };
}
