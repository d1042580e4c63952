import { describe, expect, it } from 'vitest';
import type { AuditRecord } from '../../../../src/core/original/audit.ts';
import { NO_AUDIT } from '../../../../src/core/rows/index.ts';
import { createAudit } from '../../../../src/runtime/audit/audit.ts';
import {
  countBytes,
  countRow,
  MAX_AUDIT_BYTES,
  MAX_AUDIT_ROWS,
  MAX_AUDIT_WORDS,
} from '../../../../src/runtime/audit/totals.ts';
import type { AuditService, ExecutionRow } from '../../../../src/runtime/facade/index.ts';
import { EPOCH_MS, hasher, openTestState, type TestState } from '../support.ts';

const execution = (id: string, row: AuditRecord['row'] = {}): AuditRecord => ({
  kind: 'execution',
  id,
  row: { tx_id: id, intent_name: 'transfer', status: 'PROVED', timestamp: 100, ...row },
});
const attack = (id: string, row: AuditRecord['row'] = {}): AuditRecord => ({
  kind: 'attack',
  id,
  row: {
    attack_id: id,
    timestamp: 100,
    attack_type: 'injection',
    category: 'code',
    blocked_by_layer: 'input_sanitizer',
    severity: 0.9,
    ...row,
  },
});

const openOver = ({ store, writer, clock }: TestState, isFull = () => false): AuditService =>
  createAudit({ store, writer, hasher, clock, isFull });
const open = async (): Promise<AuditService> => openOver(await openTestState());

async function all<T>(chunks: AsyncIterable<readonly T[]>): Promise<T[]> {
  const rows: T[] = [];
  for await (const chunk of chunks) rows.push(...chunk);
  return rows;
}
const idsOf = async (chunks: AsyncIterable<readonly ExecutionRow[]>): Promise<string[]> =>
  (await all(chunks)).map(({ tx_id }) => tx_id);

describe('executions and attacks', () => {
  it('are kept once for each id, over restarts [Q1]', async () => {
    const state = await openTestState();
    const audit = openOver(state);
    expect(await audit.add([execution('a'), attack('a'), execution('a')])).toEqual({ added: 2, known: 1 });
    const again = openOver(state);
    expect(await again.add([execution('b'), execution('a'), attack('a')])).toEqual({ added: 1, known: 2 });
    expect((await again.stats()).executions.count).toBe(2);
    expect(await all(again.attacks())).toHaveLength(1);
  });

  it('under a known id are refused when they differ, and nothing of the call is added [Q1]', async () => {
    const audit = await open();
    await audit.add([execution('a')]);
    const differing = { code: 'record-differs', message: expect.stringContaining('"a"') };
    await expect(audit.add([execution('b'), execution('a', { status: 'FAILED' })])).rejects.toMatchObject(differing);
    await expect(audit.add([attack('a'), attack('a', { severity: 1 })])).rejects.toMatchObject(differing);
    await expect(audit.add([execution('b'), execution('c', { timestamp: null })])).rejects.toMatchObject({
      code: 'invalid-record',
    });
    expect(await idsOf(audit.executions(-1))).toEqual(['a']);
    expect((await audit.stats()).attacks.count).toBe(0);
  });

  it('are listed newest first, those of one time by number, as many as are asked for and all below zero [Q3]', async () => {
    const audit = await open();
    const times = Array.from({ length: 150 }, (_, i) => execution(`e${i}`, { timestamp: Math.floor(i / 2) }));
    await audit.add(times.toReversed());
    // The order of adding gives the numbers, so that of two at one time the one that was added later comes first.
    const order = Array.from({ length: 75 }, (_, i) => [`e${2 * (74 - i)}`, `e${2 * (74 - i) + 1}`]).flat();
    expect(await idsOf(audit.executions())).toEqual(order.slice(0, 100));
    expect(await idsOf(audit.executions(-1))).toEqual(order);
    expect(await idsOf(audit.executions(65))).toEqual(order.slice(0, 65));
    expect(await idsOf(audit.executions(1000))).toEqual(order);
    expect(await idsOf(audit.executions(0))).toEqual([]);
  });

  it('have numbers: their own where these grow, else the next one [Q3]', async () => {
    const audit = await open();
    await audit.add([
      execution('a', { id: 4 }),
      execution('b', { id: 9 }),
      execution('c', { id: 2 }),
      execution('d'),
      execution('e', { id: 2 ** 50 }),
      attack('a', { id: 1 }),
    ]);
    const rows = await all(audit.executions());
    expect(Object.fromEntries(rows.map(({ tx_id, id }) => [tx_id, id]))).toEqual({ a: 4, b: 9, c: 10, d: 11, e: 12 });
    expect((await all(audit.attacks()))[0]?.id).toBe(1);
    await audit.add([attack('b', { id: 2 ** 47 }), attack('c', { id: 2 ** 47 + 2 })]);
    const numbers = (await all(audit.attacks())).map(({ id }) => id);
    expect(new Set(numbers)).toEqual(new Set([1, 2 ** 47, 2 ** 47 + 1]));
  });

  it('are refused where the time of their addition makes them too large to be read again [Q2, Q5]', async () => {
    const audit = await open();
    let taken = 0;
    for (let over = 0; over < 40; over++) {
      const row = execution(`limit${over}`, { result: 'x'.repeat(65_536 - 640 + over * 16) });
      await audit.add([row]).then(
        () => taken++,
        (error: unknown) => expect(error).toMatchObject({ code: 'invalid-record' }),
      );
    }
    expect(taken).toBeGreaterThan(0);
    expect(taken).toBeLessThan(40);
    expect(await idsOf(audit.executions(-1))).toHaveLength(taken);
  });

  it('get the time at which they were added unless they bring one [Q2]', async () => {
    const audit = await open();
    await audit.add([execution('a'), execution('b', { created_at: '2026-02-08 21:17:13', timestamp: 99 })]);
    // Added again without it, the first is the same record.
    expect(await audit.add([execution('a')])).toEqual({ added: 0, known: 1 });
    expect((await all(audit.executions())).map(({ created_at }) => created_at)).toEqual([
      new Date(EPOCH_MS).toISOString().slice(0, 19).replace('T', ' '),
      '2026-02-08 21:17:13',
    ]);
  });

  it('come in pages with a cursor', async () => {
    const audit = await open();
    await audit.add(Array.from({ length: 7 }, (_, i) => execution(`e${i}`, { timestamp: i })));
    const first = await audit.list({ kind: 'execution', limit: 3 });
    expect(first.items.map(({ id }) => id)).toEqual(['e6', 'e5', 'e4']);
    const cursor = first.cursor ?? '';
    const second = await audit.list({ kind: 'execution', limit: 4, cursor });
    expect([second.items.map(({ id }) => id), second.cursor]).toEqual([['e3', 'e2', 'e1', 'e0'], undefined]);
    const one = await audit.list({ kind: 'execution', fits: () => false });
    expect(one.items.map(({ id }) => id)).toEqual(['e6']);
    await expect(audit.list({ kind: 'execution', cursor: '!' })).rejects.toMatchObject({ code: 'invalid-cursor' });
    await expect(audit.list({ kind: 'execution', cursor: 'AAAA' })).rejects.toMatchObject({ code: 'invalid-cursor' });
    await expect(audit.list({ kind: 'execution', limit: 0 })).rejects.toMatchObject({ code: 'invalid-limit' });
  });

  it('are counted by status, type and layer, with the mean time of those that have one [Q4]', async () => {
    const audit = await open();
    expect((await audit.stats()).executions).toEqual({ count: 0, statuses: new Map(), meanElapsedMs: 0 });
    await audit.add([
      execution('a', { elapsed_ms: 40 }),
      execution('b', { status: 'FAILED', elapsed_ms: 50.5 }),
      execution('c'),
      attack('a'),
      attack('b', { attack_type: 'dos', blocked_by_layer: 'overflow' }),
    ]);
    const { executions, attacks } = await audit.stats();
    expect(executions.meanElapsedMs).toBe(45.25);
    expect(Array.from(executions.statuses)).toEqual([
      ['FAILED', 1],
      ['PROVED', 2],
    ]);
    expect(Array.from(attacks.types)).toEqual([
      ['dos', 1],
      ['injection', 1],
    ]);
    expect(Array.from(attacks.layers)).toEqual([
      ['input_sanitizer', 1],
      ['overflow', 1],
    ]);
  });

  it('that come at the same time are added one call after the other', async () => {
    const audit = await open();
    const calls = await Promise.all(Array.from({ length: 20 }, (_, i) => audit.add([execution(`e${i % 10}`)])));
    expect(calls.reduce((sum, { added }) => sum + added, 0)).toBe(10);
    expect((await all(audit.executions())).map(({ id }) => id).sort((a, b) => a - b)).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
    ]);
  });

  it('of any number are added, in several batches', async () => {
    const audit = await open();
    const many = Array.from({ length: 600 }, (_, i) => execution(`e${i}`, { result: 'x'.repeat(i < 40 ? 65_000 : 1) }));
    expect(await audit.add(many)).toEqual({ added: 600, known: 0 });
    expect(await audit.add(many)).toEqual({ added: 0, known: 600 });
  });

  it('are refused while the disk has no room, known ones excepted [Q1]', async () => {
    const state = await openTestState();
    await openOver(state).add([execution('a')]);
    const audit = openOver(state, () => true);
    await expect(audit.add([execution('b')])).rejects.toMatchObject({ code: 'disk-full' });
    expect(await audit.add([execution('a')])).toEqual({ added: 0, known: 1 });
  });
});

describe('the limit', () => {
  const counted = (totals: typeof NO_AUDIT, record: AuditRecord) =>
    countRow(totals, { kind: record.kind, number: undefined, row: record.row as never });
  const full = (what: string) =>
    expect.objectContaining({ code: 'audit-full', message: expect.stringContaining(what) });

  it('of rows, bytes and words refuses by name [Q5]', () => {
    const { executions, attacks } = NO_AUDIT;
    const rows = { ...NO_AUDIT, executions: { ...executions, count: MAX_AUDIT_ROWS } };
    expect(() => counted(rows, execution('a'))).toThrow(full('100000 of kind execution'));
    expect(counted(rows, attack('a')).totals.attacks.count).toBe(1);
    expect(() => countBytes({ ...NO_AUDIT, bytes: MAX_AUDIT_BYTES }, 1)).toThrow(full('64 MiB'));
    expect(countBytes(NO_AUDIT, MAX_AUDIT_BYTES).bytes).toBe(MAX_AUDIT_BYTES);
    const words = new Map(Array.from({ length: MAX_AUDIT_WORDS }, (_, i) => [`w${i}`, 1] as const));
    const layers = { ...NO_AUDIT, attacks: { ...attacks, layers: words } };
    expect(() => counted(layers, attack('a'))).toThrow(full('256 different layers'));
    expect(counted(layers, attack('a', { blocked_by_layer: 'w7' })).totals.attacks.layers.get('w7')).toBe(2);
  });

  it('leaves what is there as it was, and the whole call out [Q5]', async () => {
    const audit = await open();
    await audit.add([execution('a')]);
    const many = Array.from({ length: MAX_AUDIT_WORDS }, (_, i) => execution(`s${i}`, { status: `S${i}` }));
    await expect(audit.add(many)).rejects.toMatchObject({ code: 'audit-full' });
    expect(await idsOf(audit.executions(-1))).toEqual(['a']);
    expect((await audit.stats()).executions.count).toBe(1);
    expect(await audit.add(many.slice(1))).toEqual({ added: MAX_AUDIT_WORDS - 1, known: 0 });
  });
});
