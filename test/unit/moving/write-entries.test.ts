import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { importTarget } from '../../../src/app/import-target.ts';
import { type StartedNode, startNode } from '../../../src/app/index.ts';
import { type JsonValue, LatticeError } from '../../../src/core/types/index.ts';
import { carryOut } from '../../../src/moving/carry-out.ts';
import type { EntriesItem, ImportTarget, Plan } from '../../../src/moving/plan.ts';
import { type Mirror, writeEntries } from '../../../src/moving/write-entries.ts';

let dir: string;
let node: StartedNode;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'lattice-import-'));
  node = await startNode({ dataDir: dir, name: 'target' });
});
afterAll(async () => {
  await node.stop();
  rmSync(dir, { recursive: true, force: true });
});

const MODE = { overwrite: false, dryRun: false };
type Entries = readonly (readonly [string, JsonValue])[];

/** The node, and how many commits were asked of it. */
function counting(change: (write: ImportTarget['write']) => ImportTarget['write'] = (write) => write) {
  const target = importTarget(node.lattice);
  const commits: number[] = [];
  const write: ImportTarget['write'] = async (operations, options) => {
    commits.push(operations.length);
    return await change(target.write)(operations, options);
  };
  return { target: { ...target, write }, commits };
}
const valueOf = async (key: string): Promise<unknown> => (await node.lattice.get(key))?.value;

describe('an import writes', () => {
  it('thousands of entries in commits within the limits, and nothing the second time [I2, I3]', async () => {
    const entries: Entries = Array.from({ length: 3_000 }, (_, i) => [
      `bulk/${i}`,
      i % 7 === 0 ? 'x'.repeat(9_000) : { i },
    ]);
    const first = counting();
    expect(await writeEntries(first.target, entries, MODE)).toEqual({
      taken: 3_000,
      known: 0,
      deleted: 0,
      differing: [],
      refused: [],
    });
    expect(Math.max(...first.commits)).toBeLessThanOrEqual(256);
    const again = counting();
    expect(await writeEntries(again.target, entries, MODE)).toEqual({
      taken: 0,
      known: 3_000,
      deleted: 0,
      differing: [],
      refused: [],
    });
    expect(again.commits).toEqual([]);
  });

  it('what is missing after an import that was cut, and nothing else [I3]', async () => {
    const entries: Entries = Array.from({ length: 2_000 }, (_, i) => [`cut/${i}`, i]);
    let left = 3;
    const cut = counting((write) => async (operations, options) => {
      if (left-- === 0) throw new LatticeError('unreachable', 'the connection was cut');
      return await write(operations, options);
    });
    await expect(writeEntries(cut.target, entries, MODE)).rejects.toMatchObject({ code: 'unreachable' });
    const rest = await writeEntries(counting().target, entries, MODE);
    expect(rest.taken + rest.known).toBe(2_000);
    expect(rest.known).toBeGreaterThan(0);
    expect(rest.taken).toBeGreaterThan(0);
  });

  it('around a key that somebody writes meanwhile, which it leaves alone or replaces as it was told [I2]', async () => {
    for (const overwrite of [false, true]) {
      const key = (name: string): string => `race/${String(overwrite)}/${name}`;
      let raced = false;
      const { target } = counting((write) => async (operations, options) => {
        if (!raced) await node.lattice.write([{ op: 'put', key: key('b'), value: 'theirs' }]);
        raced = true;
        return await write(operations, options);
      });
      const entries: Entries = [
        [key('a'), 1],
        [key('b'), 2],
      ];
      const written = await writeEntries(target, entries, { ...MODE, overwrite });
      expect(written).toEqual({
        taken: overwrite ? 2 : 1,
        known: 0,
        deleted: 0,
        differing: overwrite ? [] : [key('b')],
        refused: [],
      });
      expect([await valueOf(key('a')), await valueOf(key('b'))]).toEqual([1, overwrite ? 2 : 'theirs']);
    }
  });

  it('nothing for ever against somebody who always writes first', async () => {
    let n = 0;
    const { target } = counting((write) => async (operations, options) => {
      await node.lattice.write([{ op: 'put', key: 'fight', value: n++ }]);
      return await write(operations, options);
    });
    const entries: Entries = [
      ['fight', 'ours'],
      ['peace', 'ours'],
    ];
    const written = await writeEntries(target, entries, { ...MODE, overwrite: true });
    expect(written).toMatchObject({ taken: 1, refused: [{ key: 'fight', code: 'import-contended' }] });
    expect(await valueOf('peace')).toBe('ours');
  });

  it('ends with the values that have them, and refuses by its name what has ended by then [EX8, I2]', async () => {
    const end = Date.now() + 3_600_000;
    const entries = [
      ['ends', 1, end],
      ['ended', 2, Date.now() - 1],
      ['stays', 3],
    ] as const;
    const { target } = counting();
    expect(await writeEntries(target, entries, MODE)).toMatchObject({
      taken: 2,
      refused: [{ key: 'ended', code: 'invalid-expiry' }],
    });
    expect(await node.lattice.get('ends')).toMatchObject({ value: 1, expires: end });
    expect(await node.lattice.get('stays')).not.toHaveProperty('expires');
    expect(await writeEntries(target, [['ends', 1, end]], MODE)).toMatchObject({ taken: 0, known: 1 });
    expect(await writeEntries(target, [['ends', 1]], MODE)).toMatchObject({ differing: ['ends'] });
  });

  it('in halves what the node finds too large', async () => {
    let refused = 0;
    const { target, commits } = counting((write) => async (operations, options) => {
      if (refused++ === 0) throw new LatticeError('commit-too-large', 'too large');
      return await write(operations, options);
    });
    const entries: Entries = Array.from({ length: 100 }, (_, i) => [`half/${i}`, i]);
    expect((await writeEntries(target, entries, MODE)).taken).toBe(100);
    expect(commits).toEqual([100, 50, 50]);
  });

  it('all but the keys that the node refuses, which it names: those of the vault also in a dry run [I2, U5]', async () => {
    const entries: Entries = Array.from({ length: 40 }, (_, i) => [i % 10 === 3 ? `vault/${i}` : `partly/${i}`, i]);
    const reserved = ['vault/13', 'vault/23', 'vault/3', 'vault/33'].map((key) => ({ key, code: 'reserved-key' }));
    const dry = counting();
    expect(await writeEntries(dry.target, entries, { ...MODE, dryRun: true })).toMatchObject({
      taken: 36,
      refused: reserved,
    });
    expect(dry.commits).toEqual([]);
    // A node of another version, which refuses a key that this one takes.
    const { target } = counting((write) => async (operations, options) => {
      if (operations.some(({ key }) => key === 'partly/7')) throw new LatticeError('reserved-key', 'partly/7 is mine');
      return await write(operations, options);
    });
    const written = await writeEntries(target, entries, MODE);
    expect(written).toMatchObject({ taken: 35, refused: [{ key: 'partly/7', code: 'reserved-key' }, ...reserved] });
    expect([await valueOf('partly/39'), await valueOf('partly/7')]).toEqual([39, undefined]);
  });
});

/** A plan of one state, as a reader makes it. */
function planOf(entries: Entries): Plan {
  const source = { kind: 'live', at: 'http://old' } as const;
  const item: EntriesItem = { kind: 'entries', source, checked: { verified: true, by: 'a test' }, entries };
  return { from: source.at, sources: [source], items: [item], refused: [], remarks: [] };
}

describe('rounds of one import', () => {
  const round = async (mirror: Mirror, entries: Entries) =>
    await carryOut(planOf(entries), importTarget(node.lattice), { ...MODE, mirror });

  it('follow changes and deletes of the source, where nobody else has written since [I8]', async () => {
    const mirror: Mirror = new Map();
    const state: [string, JsonValue][] = Array.from({ length: 6 }, (_, i) => [`follow/${i}`, i]);
    expect((await round(mirror, state)).items[0]?.taken).toBe(6);
    await node.lattice.write([
      { op: 'put', key: 'follow/1', value: 'ours' },
      { op: 'put', key: 'follow/3', value: 'ours' },
    ]);
    // 0 is changed and 2 deleted at the source; 1 is changed and 3 deleted there too, but others have written these here.
    const next: Entries = [
      ['follow/0', 'new'],
      ['follow/1', 'new'],
      ['follow/4', 4],
      ['follow/5', 5],
    ];
    const report = await round(mirror, next);
    expect(report.items).toMatchObject([{ taken: 1, known: 2, deleted: 1, differing: ['follow/1', 'follow/3'] }]);
    const values = await Promise.all(state.map(([key]) => valueOf(key)));
    expect(values).toEqual(['new', 'ours', undefined, 'ours', 4, 5]);
    // Back to an earlier value, which must not be taken for the write of then.
    expect(
      (
        await round(mirror, [
          ['follow/0', 0],
          ['follow/4', 4],
          ['follow/5', 5],
        ])
      ).items[0]?.taken,
    ).toBe(1);
    expect(await valueOf('follow/0')).toBe(0);
  });

  it('go on from those before a restart, because this node wrote the same value [I8]', async () => {
    const state: Entries = [
      ['again/0', 0],
      ['again/1', 1],
      ['again/2', 2],
    ];
    await round(new Map(), state);
    const mirror: Mirror = new Map();
    await round(mirror, state);
    expect((await round(mirror, state.slice(1))).items[0]).toMatchObject({ deleted: 1 });
    expect(await valueOf('again/0')).toBeUndefined();
  });

  it('try a delete again that failed, and then it is gone [I8]', async () => {
    const mirror: Mirror = new Map();
    const state: Entries = [
      ['retried/0', 0],
      ['retried/1', 1],
      ['retried/2', 2],
    ];
    await round(mirror, state);
    const { target } = counting(() => async () => {
      throw new LatticeError('deadline', 'no answer within 10 s');
    });
    await expect(carryOut(planOf(state.slice(1)), target, { ...MODE, mirror })).rejects.toMatchObject({
      code: 'deadline',
    });
    expect((await round(mirror, state.slice(1))).items[0]).toMatchObject({ deleted: 1, differing: [] });
    expect(await valueOf('retried/0')).toBeUndefined();
  });

  it('take of several states each key from the newest, also when they overwrite or follow [I2, I8]', async () => {
    const newer = planOf([['several/0', 'new']]);
    const older = planOf([
      ['several/0', 'old'],
      ['several/1', 'old'],
    ]);
    const both: Plan = { ...newer, items: [...newer.items, ...older.items] };
    const mirror: Mirror = new Map();
    for (const overwrite of [true, false, true]) {
      await carryOut(both, importTarget(node.lattice), { ...MODE, overwrite, mirror });
      expect([await valueOf('several/0'), await valueOf('several/1')]).toEqual(['new', 'old']);
    }
  });

  it('leave a key alone that is in conflict, and name it [I8]', async () => {
    const mirror: Mirror = new Map();
    await round(mirror, [['conflicted/0', 0]]);
    const { get, ...target } = importTarget(node.lattice);
    const conflicted: ImportTarget = {
      ...target,
      async get(key) {
        const entry = await get(key);
        return entry === undefined ? undefined : { ...entry, conflicts: 1 };
      },
    };
    for (const entries of [[['conflicted/0', 1]], []] as const)
      expect((await carryOut(planOf(entries), conflicted, { ...MODE, mirror })).items[0]?.taken).toBe(0);
    expect(await valueOf('conflicted/0')).toBe(0);
  });

  it('delete nothing while a state of the source is refused [I8]', async () => {
    const mirror: Mirror = new Map();
    const state: Entries = [
      ['torn/0', 0],
      ['torn/1', 1],
      ['torn/2', 2],
    ];
    await round(mirror, state);
    const plan = planOf(state.slice(1));
    const torn = {
      source: { kind: 'snapshot', at: '/old/snapshot.json' },
      code: 'snapshot-malformed',
      reason: 'it ends in the middle',
      takenUnverified: false,
    } as const;
    const report = await carryOut({ ...plan, refused: [torn] }, importTarget(node.lattice), { ...MODE, mirror });
    expect(report.items[0]?.deleted).toBe(0);
    expect(await valueOf('torn/0')).toBe(0);
  });

  it('delete nothing when most of the source is gone at once, and say so [I8]', async () => {
    const mirror: Mirror = new Map();
    const state: Entries = Array.from({ length: 10 }, (_, i) => [`gone/${i}`, i]);
    await round(mirror, state);
    const report = await round(mirror, state.slice(0, 2));
    expect(report.items[0]?.deleted).toBe(0);
    expect(report.remarks.join(' ')).toContain('8 of 10 imported keys are gone at the source');
    expect(await valueOf('gone/9')).toBe(9);
  });
});
