import type { AuditKind, AuditRow } from '../../core/original/audit.ts';
import { type AuditTotals, addExactly, type WordCounts } from '../../core/rows/index.ts';
import { LatticeError } from '../../core/types/index.ts';

/**
 * Rows of one kind. The original keeps all for ever and reads them with one query; so many are years of a busy node, and
 * a list of all of them is still an answer.
 */
export const MAX_AUDIT_ROWS = 100_000;
/** Bytes of all rows. It is a small part of what a node's disk must have free. */
export const MAX_AUDIT_BYTES = 64 * 1024 * 1024;
/**
 * Different words of one column. The original knows a handful of each; the totals, which are written with every batch,
 * have them all.
 */
export const MAX_AUDIT_WORDS = 256;

/** A row that is to be counted. */
export interface CountedRow {
  readonly kind: AuditKind;
  /** The number that it is to have; undefined for the next one. */
  readonly number: number | undefined;
  readonly row: AuditRow;
}

function full(what: string): LatticeError {
  return new LatticeError('audit-full', `this node keeps no more records: ${what}`, {
    next: 'What is there stays and is listed as before. Add further records to another node, or keep them elsewhere.',
  });
}

function counted(words: WordCounts, word: string, what: string): WordCounts {
  if (!words.has(word) && words.size >= MAX_AUDIT_WORDS) throw full(`there are ${MAX_AUDIT_WORDS} different ${what}`);
  return new Map(words).set(word, (words.get(word) ?? 0) + 1);
}

/**
 * The totals with one row more, and the number that the row gets: its own where that is greater than all before, so
 * that rows that come in their order keep their numbers, and else the next one. Throws LatticeError `audit-full`.
 */
export function countRow(
  totals: AuditTotals,
  { kind, number, row }: CountedRow,
): { totals: AuditTotals; number: number } {
  const before = kind === 'execution' ? totals.executions : totals.attacks;
  if (before.count >= MAX_AUDIT_ROWS) throw full(`there are ${MAX_AUDIT_ROWS} of kind ${kind}`);
  const given = number !== undefined && number >= before.next ? number : before.next;
  const more = { count: before.count + 1, next: given + 1 };
  if ('tx_id' in row) {
    const { statuses, elapsedMs } = totals.executions;
    const executions = {
      ...more,
      statuses: counted(statuses, row.status, 'statuses'),
      elapsedMs: row.elapsed_ms === null ? elapsedMs : addExactly(elapsedMs, row.elapsed_ms),
    };
    return { totals: { ...totals, executions }, number: given };
  }
  const { types, layers } = totals.attacks;
  const attacks = {
    ...more,
    types: counted(types, row.attack_type, 'types of attacks'),
    layers: counted(layers, row.blocked_by_layer, 'layers'),
  };
  return { totals: { ...totals, attacks }, number: given };
}

/** The totals with so many bytes more. Throws LatticeError `audit-full`. */
export function countBytes(totals: AuditTotals, bytes: number): AuditTotals {
  if (totals.bytes + bytes > MAX_AUDIT_BYTES) throw full(`they have ${MAX_AUDIT_BYTES / 2 ** 20} MiB`);
  return { ...totals, bytes: totals.bytes + bytes };
}
