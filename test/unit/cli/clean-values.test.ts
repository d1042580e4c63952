import { describe, expect, it } from 'vitest';
import { type CleanTarget, cleanValues, type Decision, decide } from '../../../src/cli/clean-values.ts';
import type { AuthoredKey, Operation } from '../../../src/client/index.ts';
import { LatticeError } from '../../../src/core/types/index.ts';
import type { KeyedEntry } from '../../../src/moving/plan.ts';

const THIEF = 'aa'.repeat(32);
const version = (n: number): string => `${String(n).padStart(2, '0').repeat(32)}.0`;
const sibling = (n: number, value: number | undefined, author = 'bb'.repeat(32)): AuthoredKey['siblings'][number] => ({
  version: version(n),
  author,
  hlc: '0'.repeat(16),
  deleted: value === undefined,
  ...(value === undefined ? {} : { value }),
});
const bad = (value: number | undefined) => sibling(9, value, THIEF);
const keyOf = (...siblings: AuthoredKey['siblings']): AuthoredKey => ({ key: 'door', written: version(9), siblings });
const backup = (...entries: KeyedEntry[]): Map<string, KeyedEntry> => new Map(entries.map((one) => [one[0], one]));

describe('what an author wrote is replaced', () => {
  it('by a deletion, where nothing else is known of the key [RO14]', () => {
    expect(decide(keyOf(bad(1)), undefined, 0)).toEqual({
      key: 'door',
      does: 'deleted',
      operation: { op: 'delete', key: 'door', ifMatch: version(9) },
    });
    expect(decide(keyOf(bad(1)), backup(['window', 7]), 0).does).toBe('deleted');
  });

  it('by the value and end of a backup that has the key, unless that value has ended [RO14]', () => {
    const operation = { op: 'put', key: 'door', value: 7, expires: 50, ifMatch: version(9) };
    expect(decide(keyOf(bad(1)), backup(['door', 7, 50]), 49)).toEqual({ key: 'door', does: 'from-backup', operation });
    expect(decide(keyOf(bad(1)), backup(['door', 7, 50]), 50).does).toBe('deleted');
  });

  it('by what it hides: a value of somebody else stays, whichever of the two is shown [RO14]', () => {
    for (const siblings of [
      [bad(1), sibling(3, 5)],
      [sibling(3, 5), bad(1)],
    ])
      expect(decide(keyOf(...siblings), backup(['door', 7]), 0)).toEqual({
        key: 'door',
        does: 'settled',
        operation: { op: 'put', key: 'door', value: 5, ifMatch: siblings[0]?.version },
      });
    // A deletion that wins over the value of somebody else.
    expect(decide(keyOf(bad(undefined), sibling(3, 5)), undefined, 0)).toEqual({
      key: 'door',
      does: 'settled',
      operation: { op: 'put', key: 'door', value: 5, ifNoneMatch: '*' },
    });
  });

  it('by nothing, where people have to decide, the vault has to, or nothing is shown [RO14]', () => {
    expect(decide(keyOf(bad(1), sibling(3, 5), sibling(4, 6)), backup(['door', 7]), 0).does).toBe('in-conflict');
    expect(decide(keyOf(bad(undefined)), undefined, 0).does).toBe('shows-nothing');
    expect(decide(keyOf(bad(undefined)), backup(['door', 7]), 0).does).toBe('from-backup');
    expect(decide({ ...keyOf(bad(1)), key: `vault/${'ab'.repeat(32)}` }, undefined, 0).does).toBe('vault');
  });
});

/** A node of `count` keys, a page of which has as many as are asked for. */
function target(count: number, commit: (operations: readonly Operation[]) => void): CleanTarget & { left(): string[] } {
  const left = new Map(Array.from({ length: count }, (_, i) => [`k${String(i).padStart(5, '0')}`, bad(i)]));
  return {
    left: () => [...left.keys()],
    values({ limit, cursor }) {
      const after = [...left].filter(([key]) => cursor === undefined || key > cursor);
      const values = after.slice(0, limit).map(([key, one]) => ({ key, written: one.version, siblings: [one] }));
      const last = values.at(-1)?.key;
      return Promise.resolve({ values, ...(after.length > limit && last !== undefined ? { cursor: last } : {}) });
    },
    async commit(operations) {
      commit(operations);
      for (const { key } of operations) left.delete(key);
      return Promise.resolve({ commit: '00'.repeat(32) });
    },
  };
}

async function clean(node: CleanTarget, dryRun = false): Promise<Decision[]> {
  const told: Decision[] = [];
  const signal = new AbortController().signal;
  const options = { backup: undefined, dryRun, signal, now: () => 0, progress: () => undefined };
  await cleanValues(node, { ...options, tell: (one) => void told.push(one) });
  return told;
}

describe('cleaning', () => {
  it('goes through all pages in commits of 64 operations at most, and tells each key once [RO14]', async () => {
    const sizes: number[] = [];
    const node = target(2300, (operations) => sizes.push(operations.length));
    const told = await clean(node);
    expect(Math.max(...sizes)).toBe(64);
    expect([node.left(), new Set(told.map(({ key }) => key)).size, told.length]).toEqual([[], 2300, 2300]);
  });

  it('writes nothing in a dry run [RO14]', async () => {
    const node = target(10, () => expect.unreachable());
    expect((await clean(node, true)).map(({ does }) => does)).toEqual(Array(10).fill('deleted'));
  });

  it('leaves a key that somebody wrote meanwhile, and does the others of its commit [RO14]', async () => {
    const node = target(20, (operations) => {
      if (operations.some(({ key }) => key === 'k00007')) throw new LatticeError('precondition-failed', 'changed');
    });
    const told = await clean(node);
    expect(told.filter(({ does }) => does === 'changed').map(({ key }) => key)).toEqual(['k00007']);
    expect(node.left()).toEqual(['k00007']);
  });

  it('ends with the first error that is of no one key, and goes on where it stopped [RO14]', async () => {
    let commits = 0;
    let broken = true;
    const node = target(3000, () => {
      if (broken && ++commits > 4) throw new LatticeError('read-only', 'the node takes no writes');
    });
    await expect(clean(node)).rejects.toMatchObject({ code: 'read-only' });
    const left = node.left().length;
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(3000);
    broken = false;
    expect(await clean(node)).toHaveLength(left);
    expect(node.left()).toEqual([]);
  });
});
