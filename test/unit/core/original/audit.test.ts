import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AuditRecord,
  auditRowText,
  checkAuditRecord,
  type ExecutionRow,
  MAX_AUDIT_ROW_BYTES,
  sqliteTime,
} from '../../../../src/core/original/audit.ts';
import { LatticeError } from '../../../../src/core/types/index.ts';

const execution = { tx_id: 't', intent_name: 'i', status: 'PROVED', timestamp: 1.5 };
const attack = {
  attack_id: 'a',
  timestamp: 2,
  attack_type: 'injection',
  category: 'c',
  blocked_by_layer: 'l',
  severity: 0.9,
};

const reasonOf = (record: AuditRecord): string => {
  try {
    checkAuditRecord(record);
  } catch (error) {
    if (error instanceof LatticeError && error.code === 'invalid-record') return error.message;
    throw error;
  }
  return '';
};

describe('a record', () => {
  it('has every column of the original, in its order, null where it was not given [Q2]', () => {
    const { row, number } = checkAuditRecord({ kind: 'execution', id: 'x', row: { ...execution, id: 7 } });
    expect(number).toBe(7);
    expect(Object.entries(row)).toEqual([
      ['tx_id', 't'],
      ['bundle_hash', null],
      ['intent_name', 'i'],
      ['status', 'PROVED'],
      ['result', null],
      ['merkle_root_before', null],
      ['merkle_root_after', null],
      ['timestamp', 1.5],
      ['elapsed_ms', null],
      ['layer_results', null],
      ['telemetry', null],
      ['created_at', null],
    ]);
    expect(Object.keys(checkAuditRecord({ kind: 'attack', id: 'x', row: attack }).row)).toEqual([
      'attack_id',
      'timestamp',
      'attack_type',
      'category',
      'blocked_by_layer',
      'severity',
      'code_snippet',
      'detection_method',
      'metadata',
      'created_at',
    ]);
  });

  it.each<[string, AuditRecord, string]>([
    ['a column that there is not', { kind: 'execution', id: 'x', row: { ...execution, more: 1 } }, '"more"'],
    ['an attack that is said to be an execution', { kind: 'execution', id: 'x', row: attack }, 'an execution has no'],
    ['a missing column', { kind: 'attack', id: 'x', row: { ...attack, severity: null } }, 'severity is missing'],
    [
      'a text for a number',
      { kind: 'attack', id: 'x', row: { ...attack, timestamp: '2' } },
      'timestamp is not a number',
    ],
    ['a number for a text', { kind: 'attack', id: 'x', row: { ...attack, metadata: 2 } }, 'metadata is not a text'],
    ['a number beyond what is exact', { kind: 'attack', id: 'x', row: { ...attack, severity: 1e300 } }, 'severity'],
    ['no number', { kind: 'attack', id: 'x', row: { ...attack, severity: Number.NaN } }, 'severity'],
    ['half of a surrogate pair', { kind: 'attack', id: 'x', row: { ...attack, metadata: '\ud800' } }, 'metadata'],
    [
      'a long word',
      { kind: 'attack', id: 'x', row: { ...attack, attack_type: 'é'.repeat(65) } },
      '130 bytes, over 128',
    ],
    ['a number of a row that is none', { kind: 'attack', id: 'x', row: { ...attack, id: 'x' } }, 'id of the row'],
    ['no id', { kind: 'attack', id: '', row: attack }, 'id is not'],
    ['an id with a blank', { kind: 'attack', id: 'a b', row: attack }, 'id is not'],
    ['another kind', { kind: 'other' as 'attack', id: 'x', row: attack }, 'kind is neither'],
    [
      'too many bytes',
      { kind: 'attack', id: 'x', row: { ...attack, code_snippet: 'x'.repeat(MAX_AUDIT_ROW_BYTES) } },
      'over 65536',
    ],
  ])('with %s is refused by name [Q2]', (_, record, reason) => {
    expect(reasonOf(record)).toContain(reason);
  });

  it('is written as the original writes it: floats keep their fraction, text is not escaped [Q4]', () => {
    const row: ExecutionRow = {
      id: 3,
      ...(checkAuditRecord({
        kind: 'execution',
        id: 'x',
        row: { ...execution, timestamp: 1_770_585_433, elapsed_ms: 0.00001, result: '{"é": "\n"}' },
      }).row as unknown as Omit<ExecutionRow, 'id'>),
    };
    expect(auditRowText('execution', row)).toBe(
      '{"id":3,"tx_id":"t","bundle_hash":null,"intent_name":"i","status":"PROVED","result":"{\\"é\\": \\"\\n\\"}",' +
        '"merkle_root_before":null,"merkle_root_after":null,"timestamp":1770585433.0,"elapsed_ms":1e-05,' +
        '"layer_results":null,"telemetry":null,"created_at":null}',
    );
  });
});

describe('the time of SQLite', () => {
  it('is that of the calendar in UTC (property)', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 253_402_300_799_999 }), (ms) => {
        expect(sqliteTime(ms)).toBe(new Date(ms).toISOString().slice(0, 19).replace('T', ' '));
      }),
    );
  });
});
