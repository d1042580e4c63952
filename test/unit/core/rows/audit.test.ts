import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkAuditRecord } from '../../../../src/core/original/audit.ts';
import {
  addExactly,
  auditOrderOf,
  auditOrderToKey,
  auditRange,
  auditRecordKey,
  decodeAuditRecord,
  decodeAuditTotals,
  encodeAuditRecord,
  encodeAuditTotals,
  NO_AUDIT,
} from '../../../../src/core/rows/index.ts';
import { compareBytes } from '../../../../src/core/types/index.ts';
import { codeOf } from '../wire/commits.ts';

const { row } = checkAuditRecord({
  kind: 'attack',
  id: 'x',
  row: {
    attack_id: 'a',
    timestamp: -0.5,
    attack_type: 'injection',
    category: 'c',
    blocked_by_layer: 'l',
    severity: 0.9,
    code_snippet: 'x'.repeat(60_000),
  },
});

describe('rows of executions and attacks', () => {
  it('have the order of timestamps, then that of numbers (property) [Q3]', () => {
    const time = fc.oneof(fc.double({ noNaN: true }), fc.constantFrom(0, 1, -1, 1_770_585_433.05));
    const number = fc.integer({ min: 0, max: 2 ** 48 - 1 });
    fc.assert(
      fc.property(time, number, time, number, (a, n, b, m) => {
        const order = a === b ? n - m : a - b;
        const keys = [auditRecordKey('attack', a + 0, n), auditRecordKey('attack', b + 0, m)] as const;
        expect(Math.sign(compareBytes(...keys))).toBe(Math.sign(order));
      }),
    );
  });

  it('of one kind are a range, which can begin anywhere', () => {
    const [first, second] = [auditRecordKey('execution', -1e9, 1), auditRecordKey('execution', 1e9, 2)];
    const attack = auditRecordKey('attack', -1e300, 0);
    const within = (key: Uint8Array, { gte, lt }: ReturnType<typeof auditRange>): boolean =>
      compareBytes(gte, key) <= 0 && compareBytes(key, lt) < 0;
    expect([first, second, attack].map((key) => within(key, auditRange('execution')))).toEqual([true, true, false]);
    expect([first, second].map((key) => within(key, auditRange('execution', second)))).toEqual([true, false]);
    expect(auditOrderToKey('execution', auditOrderOf(first))).toEqual(first);
    expect(auditOrderToKey('execution', new Uint8Array(13))).toBeUndefined();
  });

  it('are read as they were written, and damage is found', () => {
    const bytes = encodeAuditRecord('attack', 'x', 9, row);
    expect(decodeAuditRecord('attack', bytes)).toEqual({ kind: 'attack', id: 'x', row: { id: 9, ...row } });
    expect(codeOf(() => decodeAuditRecord('execution', bytes))).toBe('damaged-row');
    expect(codeOf(() => decodeAuditRecord('attack', bytes.subarray(1)))).toBe('damaged-row');
  });
});

describe('the totals', () => {
  it('are read as they were written, floats of any size among them', () => {
    expect(decodeAuditTotals(encodeAuditTotals(NO_AUDIT))).toEqual(NO_AUDIT);
    const totals = {
      bytes: 5,
      executions: {
        count: 2,
        next: 9,
        statuses: new Map([['PROVED', 2]]),
        elapsedMs: { sum: 1e300, rest: -0.1, count: 2 },
      },
      attacks: { count: 1, next: 2, types: new Map([['x', 1]]), layers: new Map([['y', 1]]) },
    };
    expect(decodeAuditTotals(encodeAuditTotals(totals))).toEqual(totals);
    expect(codeOf(() => decodeAuditTotals(Uint8Array.of(0x83)))).toBe('damaged-row');
  });

  it('add what a plain sum loses', () => {
    const sum = [1e15, 0.3, -1e15, 0.4].reduce(addExactly, { sum: 0, rest: 0, count: 0 });
    expect(sum.count).toBe(4);
    expect(sum.sum + sum.rest).toBeCloseTo(0.7, 12);
    expect(1e15 + 0.3 - 1e15 + 0.4).not.toBeCloseTo(0.7, 2);
  });
});
