import { createHash } from 'node:crypto';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LatticeError } from '../../../src/core/types/index.ts';
import { planPaths } from '../../../src/moving/make-plan.ts';
import type { Plan } from '../../../src/moving/plan.ts';
import { originalData } from '../../support/original-data.ts';
import { walText } from '../../support/original-wal.ts';
import { context, directoryOf, fingerprint, keysOf, rootOf, snapshotText } from './support.ts';

const plan = (path: string, unverified = false, bases: readonly string[] = []): Promise<Plan> =>
  planPaths([path], bases, {}, context({ unverified }));
const codes = ({ refused }: Plan): string[] => refused.map(({ code }) => code);
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

describe('a directory of the original', () => {
  it('gives the state of its snapshot.json, and nothing in it is changed [I1, I4]', async () => {
    const dir = directoryOf({ 'snapshot.json': snapshotText({ a: 1, b: { c: 2 } }) });
    const before = fingerprint(dir);
    const found = await plan(dir);
    expect(keysOf(found)).toEqual([[true, ['a', 'b']]]);
    expect(found.items[0]).toMatchObject({ root: rootOf({ a: 1, b: { c: 2 } }), timestamp: 1_767_225_600.5 });
    expect(found.refused).toEqual([]);
    expect(fingerprint(dir)).toBe(before);
  });

  it('with a snapshot whose root is another one gives nothing, or what it has with --unverified [I1, I4]', async () => {
    const stored = rootOf({ a: 1 });
    const dir = directoryOf({ 'snapshot.json': snapshotText({ a: 2 }, { merkle_root: stored }) });
    const refused = await plan(dir);
    expect(refused.items).toEqual([]);
    expect(refused.refused).toMatchObject([
      { code: 'snapshot-root-mismatch', stored, computed: rootOf({ a: 2 }), takenUnverified: true },
    ]);
    const taken = await plan(dir, true);
    expect(keysOf(taken)).toEqual([[false, ['a']]]);
    expect(taken.refused).toEqual([]);
  });

  it('that was never written is empty [I1]', async () => {
    const dir = directoryOf({ 'snapshot.json': '{"state": {}, "merkle_root": null, "timestamp": 1.5}' });
    expect(keysOf(await plan(dir))).toEqual([[true, []]]);
  });

  it('gives what its wal.log has beyond the snapshot [I6]', async () => {
    const dir = directoryOf({
      'snapshot.json': snapshotText({ a: 1, b: 1 }),
      'wal.log': walText({ a: 1, b: 1 }, [
        ['PUT', 'c', 3],
        ['DELETE', 'a'],
      ]),
    });
    const found = await plan(dir);
    expect(keysOf(found)).toEqual([[true, ['b', 'c']]]);
    expect(found.items[0]).toMatchObject({ root: rootOf({ b: 1, c: 3 }), source: { kind: 'wal' } });
    expect(found.refused).toEqual([]);
  });

  it('whose log ends where the snapshot is gives the snapshot [I6]', async () => {
    const dir = directoryOf({
      'snapshot.json': snapshotText({ a: 1 }),
      'wal.log': walText({}, [['PUT', 'a', 1]]),
    });
    const found = await plan(dir);
    expect(found.items).toMatchObject([{ source: { kind: 'snapshot' }, checked: { verified: true } }]);
    expect(found.refused).toEqual([]);
  });

  it('with a second log gives the state of the first, and names the second [I6]', async () => {
    const dir = directoryOf({
      'snapshot.json': snapshotText({ a: 1 }),
      'wal.log': walText({ a: 1 }, [['PUT', 'b', 2]]),
      'wal/wal.log': walText({ a: 1 }, [['PUT', 'c', 3]]),
    });
    const found = await plan(dir);
    expect(keysOf(found)).toEqual([[true, ['a', 'b']]]);
    expect(found.refused).toMatchObject([{ code: 'wal-forked', source: { at: join(dir, 'wal/wal.log') } }]);
    expect(found.refused[0]?.reason).toContain(`${join(dir, 'wal.log')} was read`);
    // An empty one is what a run leaves that wrote nothing.
    writeFileSync(join(dir, 'wal/wal.log'), '');
    expect((await plan(dir)).refused).toEqual([]);
  });

  it('whose log forks gives the last run, and names the keys of the others [I6]', async () => {
    const base = { a: 1 };
    const dir = directoryOf({
      'snapshot.json': snapshotText(base),
      'wal.log': walText(base, [['PUT', 'lost', 1]]) + walText(base, [['PUT', 'kept', 1]], 3),
    });
    const found = await plan(dir);
    expect(keysOf(found)).toEqual([[true, ['a', 'kept']]]);
    expect(found.refused).toMatchObject([{ code: 'wal-forked', what: '1 key', takenUnverified: true }]);
    expect(found.refused[0]?.reason).toContain('"lost"');
    expect(found.remarks.join('\n')).toContain('It forks: 2 runs');
    expect(keysOf(await plan(dir, true))).toEqual([
      [true, ['a', 'kept']],
      [false, ['lost']],
    ]);
  });

  it('whose log belongs to another snapshot gives its own, and the log once its base is named [I6]', async () => {
    const base = directoryOf({ 'older.json': snapshotText({ x: 1 }) });
    const dir = directoryOf({
      'snapshot.json': snapshotText({ a: 2 }, { merkle_root: rootOf({ x: 1 }) }),
      'wal.log': walText({ x: 1 }, [['PUT', 'y', 2]]),
    });
    const alone = await plan(dir);
    expect(alone.items).toEqual([]);
    expect(codes(alone)).toEqual(['snapshot-root-mismatch', 'wal-unanchored']);
    expect(alone.refused[1]).toMatchObject({ stored: rootOf({ x: 1 }) });
    const based = await plan(dir, false, [join(base, 'older.json')]);
    expect(keysOf(based)).toEqual([[true, ['x', 'y']]]);
    expect(codes(based)).toEqual(['snapshot-root-mismatch']);
    expect(keysOf(await plan(dir, true))).toEqual([[false, ['a', 'y']]]);
  });

  it('with an unfinished operation or broken lines in the log says so, and takes them unverified only [I6]', async () => {
    const begun = walText({ a: 1 }, [['PUT', 'b', 1]], 3).split('\n')[0] ?? '';
    const unfinished = directoryOf({ 'wal.log': `${walText({}, [['PUT', 'a', 1]])}${begun}\n` });
    expect(codes(await plan(unfinished))).toEqual(['wal-forked']);
    expect(keysOf(await plan(unfinished, true))).toEqual([
      [true, ['a']],
      [false, ['b']],
    ]);
    const broken = directoryOf({ 'wal.log': `{"sequence_number": 0,\n${walText({}, [['PUT', 'a', 1]])}` });
    const refused = await plan(broken);
    expect(refused.refused).toMatchObject([{ code: 'wal-malformed', what: 'line 1' }]);
    expect(refused.items).toEqual([]);
    expect(keysOf(await plan(broken, true))).toEqual([[true, ['a']]]);
  });

  it('with accounts in the older form is checked by the rule of that form, of both of its ages [I5]', async () => {
    const account = (balance: number, key?: string): object => ({
      balance,
      nonce: 1,
      ...(key === undefined ? {} : { public_key: key }),
      hash: sha256(key === undefined ? `${balance}:1` : `${balance}:1:${key}`),
    });
    const accounts = { Zoe: account(5), Ann: account(7, 'ab'), Bob: account(0, '') };
    const root = sha256(
      [accounts.Ann, accounts.Bob, accounts.Zoe].map((one) => (one as { hash: string }).hash).join(''),
    );
    const older = (change: object): string =>
      JSON.stringify({ root_hash: root, accounts, total_supply: 12, timestamp: '2026-01-01T00:00:00', ...change });
    const dir = directoryOf({ 'snapshot.json': older({}) });
    const found = await plan(dir);
    expect(keysOf(found)).toEqual([[true, ['account:Zoe', 'account:Ann', 'account:Bob']]]);
    expect(found.remarks.join('\n')).toContain('names are taken as they stand');
    for (const [change, why] of [
      [{ root_hash: '0'.repeat(64) }, 'its account hashes have root'],
      [{ accounts: { ...accounts, Zoe: { ...accounts.Zoe, balance: 6 } } }, 'the hash of "Zoe"'],
      [{ total_supply: 13 }, 'a total supply of 13'],
    ] as const) {
      const path = join(directoryOf({ 'snapshot.json': older(change) }), 'snapshot.json');
      const refused = await plan(path);
      expect(refused.refused).toMatchObject([{ code: 'snapshot-root-mismatch', takenUnverified: true }]);
      expect(refused.refused[0]?.reason).toContain(why);
      expect(keysOf(await plan(path, true))).toEqual([[false, ['account:Zoe', 'account:Ann', 'account:Bob']]]);
    }
  });

  it('with copies in snapshots/ uses them as bases of the log', async () => {
    const copy = (state: object): string =>
      JSON.stringify({ snapshot_id: 'x', merkle_root: rootOf(state), state_data: state, timestamp: 5, metadata: {} });
    const dir = directoryOf({
      'snapshots/snapshot_0123456789abcdef.json': copy({ a: 1 }),
      'wal.log': walText({ a: 1 }, [['PUT', 'b', 1]], 201),
    });
    expect(keysOf(await plan(dir))).toEqual([[true, ['a', 'b']]]);
  });

  it('is found from the directory in which the original was started, newest state first', async () => {
    const dir = directoryOf({
      '.aethel_state/snapshot.json': snapshotText({ old: 1 }, { timestamp: 1 }),
      '.diotec360_state/snapshot.json': snapshotText({ new: 1 }, { timestamp: 2 }),
      '.diotec360_state/gauntlet.db': 'other',
      'node_modules/x/snapshot.json': snapshotText({ no: 1 }),
      '.diotec360_vault/lattice/objects/snapshot.json': snapshotText({ no: 1 }),
      'api/main.py': '',
    });
    const found = await plan(dir);
    expect(keysOf(found)).toEqual([
      [true, ['new']],
      [true, ['old']],
    ]);
    expect(found.remarks.join('\n')).toMatch(/Not imported from .*diotec360_state: gauntlet\.db\./);
  });

  it('is not left by a link, which is named', async () => {
    const outside = directoryOf({ 'snapshot.json': snapshotText({ secret: 1 }) });
    const dir = directoryOf({ 'a/wal.log': walText({}, [['PUT', 'a', 1]]) });
    symlinkSync(join(outside, 'snapshot.json'), join(dir, 'a/snapshot.json'));
    symlinkSync(outside, join(dir, 'b'));
    const found = await plan(dir);
    expect(keysOf(found)).toEqual([[true, ['a']]]);
    expect(found.remarks.join('\n')).toContain('a/snapshot.json is a link and was not followed');
  });

  it('with nothing of the original is an error, and so is a path without anything', async () => {
    const dir = directoryOf({ 'notes.txt': 'x' });
    mkdirSync(join(dir, 'empty'));
    const error = async (path: string): Promise<string> =>
      await plan(path).then(
        () => '',
        (cause: unknown) => (cause instanceof LatticeError ? cause.code : String(cause)),
      );
    expect(await error(dir)).toBe('nothing-to-import');
    expect(await error(join(dir, 'none'))).toBe('file-unreadable');
    writeFileSync(join(dir, 'snapshot.json'), '{"state": {"a": 1},\n "merkle_root": }');
    const broken = await plan(dir);
    expect(broken.refused).toMatchObject([{ code: 'snapshot-malformed', takenUnverified: false }]);
    expect(broken.refused[0]?.reason).toContain('line 2, column 17');
    writeFileSync(join(dir, 'snapshot.json'), Buffer.from([0x7b, 0xff]));
    expect(codes(await plan(dir, true))).toEqual(['file-unreadable']);
    writeFileSync(join(dir, 'snapshot.json'), `{"state": ${'{"a":'.repeat(100_000)}`);
    expect((await plan(dir, true)).refused[0]?.reason).toContain('nesting');
  });
});

describe.skipIf(originalData === undefined)('real files of the original', () => {
  const at = (name: string): string => new URL(name, originalData).pathname;

  it("are read as their README says (skipped without the original's files)", async () => {
    expect(keysOf(await plan(at('snapshot-6-keys.json')))[0]?.[1]).toHaveLength(6);
    expect(codes(await plan(at('snapshot-root-mismatch.json')))).toEqual(['snapshot-root-mismatch']);
    const older = await plan(at('snapshot-old-format.json'));
    expect(older.refused).toEqual([]);
    expect(older.items).toMatchObject([{ source: { kind: 'older-snapshot' }, checked: { verified: true } }]);
    const wal = await plan(at('wal.log'), false, [at('snapshot-6-keys.json')]);
    expect(keysOf(wal)[0]?.[1]).toHaveLength(7);
    expect(codes(await plan(at('wal.log')))).toEqual(['wal-unanchored']);
  });
});
