import { describe, expect, it } from 'vitest';
import { LatticeError } from '../../../src/core/types/index.ts';
import { addRecords } from '../../../src/moving/add-records.ts';
import { carryOut } from '../../../src/moving/carry-out.ts';
import type { AuditRecord, ImportTarget, ObjectItem, Plan, RecordsItem } from '../../../src/moving/plan.ts';

const source = { kind: 'telemetry', at: '/old/telemetry.db' } as const;
const recordsOf = (count: number, kind: AuditRecord['kind'] = 'execution'): AuditRecord[] =>
  Array.from({ length: count }, (_, i) => ({ kind, id: `${kind}-${i}`, row: { id: i } }));
const itemOf = (records: readonly AuditRecord[]): RecordsItem => ({
  kind: 'records',
  source,
  checked: { verified: false, because: 'nothing is over it' },
  records,
});

/** A node with so much room for executions, which takes all of a request or nothing, as a node does. */
function nodeWith(room: number, differing: readonly string[] = []) {
  const there = new Set<string>();
  let requests = 0;
  const add: NonNullable<ImportTarget['addRecords']> = async (records) => {
    requests++;
    const added = records.filter(({ id }) => !there.has(id));
    const differs = added.find(({ id }) => differing.includes(id));
    if (differs !== undefined) throw new LatticeError('record-differs', `another record has the id ${differs.id}`);
    const executions = [...there, ...added.map(({ id }) => id)].filter((id) => id.startsWith('execution'));
    if (executions.length > room) throw new LatticeError('audit-full', 'this node keeps no more records');
    for (const { id } of added) there.add(id);
    return { added: added.length, known: records.length - added.length };
  };
  return { add, there, requests: () => requests };
}

describe('executions and attacks of an import', () => {
  it('are added as far as there is room, and the others are counted and named [Q5]', async () => {
    const node = nodeWith(300);
    const item = itemOf([...recordsOf(450), ...recordsOf(50, 'attack')]);
    const first = await addRecords(item, node.add, {});
    expect([first.taken, first.known]).toEqual([350, 0]);
    expect(first.refused).toMatchObject([{ what: '150 of 450 executions', code: 'audit-full' }]);
    expect(first.refused[0]?.each?.[0]).toEqual({ what: 'execution 300', reason: 'this node keeps no more records' });
    expect(first.refused[0]?.each).toHaveLength(100);
    const again = await addRecords(item, node.add, {});
    expect([again.taken, again.known, again.refused.length]).toEqual([0, 350, 1]);
  });

  it('are not all tried at a node that is full, and what was not tried is said', async () => {
    const node = nodeWith(10);
    const result = await addRecords(itemOf([...recordsOf(20_000), ...recordsOf(5, 'attack')]), node.add, {});
    expect(result.taken).toBe(15);
    expect(result.refused).toMatchObject([{ what: '19990 of 20000 executions', code: 'audit-full' }]);
    expect(result.refused[0]?.reason).toContain('19734 of them were not tried after 256');
    expect(node.requests()).toBeLessThan(1_000);
  });

  it('under an id that another one has are refused alone, by number [Q1]', async () => {
    const node = nodeWith(1_000, ['execution-17']);
    const result = await addRecords(itemOf(recordsOf(100)), node.add, {});
    expect(result.taken).toBe(99);
    expect(result.refused).toMatchObject([{ what: 'execution 17', code: 'record-differs', each: undefined }]);
  });

  it('that are refused keep neither the vault nor later records from being taken [I2]', async () => {
    const object: ObjectItem = {
      kind: 'object',
      source: { kind: 'vault', at: '/old/vault' },
      checked: { verified: true, by: 'its hash' },
      name: 'a.json',
      type: 'application/json',
      size: 0,
      hash: '0'.repeat(64),
      content: async function* () {},
    };
    const plan: Plan = {
      from: '/old',
      sources: [source],
      items: [itemOf(recordsOf(5)), itemOf(recordsOf(3, 'attack')), object],
      refused: [],
      remarks: [],
    };
    const node = nodeWith(0);
    const put: string[] = [];
    const target: ImportTarget = {
      write: async () => Promise.reject(new Error('there is nothing to write')),
      get: async () => undefined,
      entries: async function* () {},
      author: async () => '',
      addRecords: node.add,
      putObject: async (_content, { name }) => {
        put.push(name);
        return { known: false };
      },
    };
    const report = await carryOut(plan, target, { overwrite: false, dryRun: false });
    expect(report.refused.map(({ code, what }) => [code, what])).toEqual([['audit-full', '5 of 5 executions']]);
    expect([report.items.map(({ taken }) => taken), put]).toEqual([[0, 3, 1], ['a.json']]);
  });
});
