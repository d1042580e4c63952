import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Fleet, type Node, startFleet } from '../support/fleet.ts';
import { type RunningProcess, runCli, untilExit } from '../support/node-process.ts';
import { openDatabase, rootOf, snapshotText } from '../support/original/database.ts';
import {
  originalEntries,
  STATE_DIR,
  startOriginalNode,
  VAULT_DIR,
  writeOriginalState,
} from '../support/original-node.ts';
import { contentBundle, fileText } from '../support/original-vault.ts';
import { walText } from '../support/original-wal.ts';
import { createProxy } from '../support/proxy.ts';
import { eventually } from '../support/wait.ts';
import { fingerprint } from '../unit/moving/support.ts';

const DATABASE = new URL('../fixtures/original/telemetry.db', import.meta.url);

let fleet: Fleet;
let node: Node;
beforeEach(async () => {
  fleet = await startFleet({ nodes: 1, start: [] });
  [node] = fleet.nodes as [Node];
});
afterEach(async () => await fleet.stop());

/** Lays a snapshot.json of the original's where the node keeps its state by its settings. Gives its path and bytes. */
function layState(entries: ReadonlyMap<string, string>): { readonly path: string; readonly text: string } {
  const path = join(node.stateDir, 'snapshot.json');
  const text = snapshotText(entries, rootOf(entries), 1_767_225_600_000);
  mkdirSync(node.stateDir, { recursive: true });
  writeFileSync(path, text);
  return { path, text };
}

/** Runs the command line against the node. */
function cli(...argv: string[]): RunningProcess {
  return runCli([...argv, '--env-file', node.envFile], { cwd: fleet.dir });
}

async function ok(...argv: string[]): Promise<string> {
  const run = cli(...argv);
  const { code } = await untilExit(run);
  expect(code, run.stdout + run.stderr).toBe(0);
  return run.stdout;
}

const live = async (): Promise<number> => (await node.api.status()).live;
const keys = (entries: ReadonlyMap<string, string>): string[] => [...entries.keys()].toSorted();
const stored = async (): Promise<string[]> => (await node.api.entries()).map(({ key }) => key).toSorted();

describe('a node whose state directory is the one of the original', () => {
  it('leaves it as it is, and names in log, status and check the command that takes it in [I12]', async () => {
    const entries = originalEntries(300);
    const { path, text } = layState(entries);
    const check = await ok('config', 'check');
    expect(check).toContain(`snapshot.json in ${node.stateDir}`);
    expect(check).toContain(` import --env-file ${node.envFile} ${node.stateDir}`);
    await node.start();
    const line = await eventually('the log names the files', () =>
      node.process.log().find(({ msg }) => msg.startsWith('files of the original found')),
    );
    expect(line).toMatchObject({ store: join(node.stateDir, 'lattice'), command: `lattice import ${node.stateDir}` });
    const { warnings } = await node.api.status();
    const warning = warnings.find(({ code }) => code === 'legacy-files')?.text ?? '';
    expect(warning).toContain(path.replace(/(.*)\/(.*)/, '$2 in $1'));
    expect(await live()).toBe(0);

    const command = /lattice (import \S+)$/.exec(warning)?.[1] ?? '';
    expect(await ok(...command.split(' '))).toContain('Imported 300 keys.');
    expect(await stored()).toEqual(keys(entries));
    expect((await node.api.status()).warnings.map(({ code }) => code)).not.toContain('legacy-files');
    expect(readFileSync(path, 'utf8')).toBe(text);

    // The store stays where it is when the original's files have gone.
    await node.terminate();
    rmSync(path);
    await node.start();
    expect(await live()).toBe(300);
  });

  it('takes it in by itself with IMPORT_LEGACY=auto, once [I12]', async () => {
    const entries = originalEntries(20);
    const { path, text } = layState(entries);
    node.configure({ IMPORT_LEGACY: 'auto' });
    await node.start();
    await eventually('the snapshot is loaded', () =>
      node.process.log().some(({ msg }) => msg === `Snapshot loaded: ${path}`),
    );
    expect(await stored()).toEqual(keys(entries));
    expect(readFileSync(path, 'utf8')).toBe(text);
    for (const key of entries.keys()) await node.api.del(key);
    await node.terminate();
    await node.start();
    await eventually('writes are open', async () => (await node.api.status()).writable);
    await node.api.put('after', 1);
    expect(node.process.log().filter(({ msg }) => msg.startsWith('Snapshot loaded'))).toEqual([]);
    expect(await live()).toBe(1);
  });

  it('goes on with an import that kill -9 cut, and ends with every key once [I3, I12]', async () => {
    const entries = originalEntries(20_000);
    layState(entries);
    node.configure({ IMPORT_LEGACY: 'auto' });
    await node.start();
    await eventually('a part is written', async () => (await live()) > 0);
    await node.kill();
    await node.start();
    await fleet.status(0, 'everything is there', (status) => status.live === entries.size, 150_000);
    await eventually('the import is told', () =>
      node.process.log().some(({ msg }) => msg.startsWith('Snapshot loaded')),
    );
    const told = node.process.log().find(({ msg }) => msg.startsWith('Snapshot loaded'));
    expect(told?.['known'], 'the kill came before the end of the import').toBeGreaterThan(0);
    expect(Number(told?.['known']) + Number(told?.['taken'])).toBe(entries.size);
    expect((await node.api.status()).entries).toBe(entries.size);
  });
});

describe('lattice import', () => {
  it('that is cut by kill -9, in the state and in the vault, is simply run again [I3, I4]', async () => {
    const old = join(fleet.dir, 'old');
    const state = new Map(originalEntries(3_000));
    writeOriginalState(old, state);
    const database = openDatabase(join(old, STATE_DIR));
    database.put('after', '1.0');
    database.delete([...state.keys()][0] ?? '');
    mkdirSync(join(old, VAULT_DIR, 'bundles'), { recursive: true });
    const bundles = Array.from({ length: 60 }, (_, n) => contentBundle(`n${n}`, `${n}\n`.repeat(10_000)));
    for (const { hash, bundle } of bundles)
      writeFileSync(join(old, VAULT_DIR, 'bundles', `${hash.slice(0, 16)}.ae_bundle`), fileText(bundle));
    mkdirSync(join(old, '.diotec360_sentinel'));
    cpSync(DATABASE, join(old, '.diotec360_sentinel', 'telemetry.db'));
    const before = fingerprint(old);
    await node.start();

    // Each kill comes before the end, however late this process looks: from there on the way is that slow.
    const way = await createProxy(Number(new URL(node.api.url).port));
    const objects = async (): Promise<number> => (await node.api.status()).vault?.objects ?? 0;
    const import_ = (): RunningProcess => cli('import', old, '--json', '--url', `http://127.0.0.1:${way.port}`);
    way.throttle(20_000);
    const first = import_();
    await eventually('a part of the state is written', async () => (await live()) > 0);
    first.signal('SIGKILL');
    await untilExit(first);
    const keysOfFirst = await live();
    way.throttle(undefined);
    const second = import_();
    await eventually('the state is written', async () => (await live()) >= database.state.size);
    way.throttle(100_000);
    await eventually('a part of the vault is put', async () => (await objects()) > 0);
    second.signal('SIGKILL');
    await untilExit(second);
    await way.close();
    const objectsOfSecond = await objects();
    expect(keysOfFirst).toBeLessThan(database.state.size);
    expect(objectsOfSecond).toBeLessThan(bundles.length);

    type Item = Readonly<Record<'kind' | 'taken' | 'known', unknown>>;
    const sums = (text: string): Readonly<Record<string, readonly [taken: number, known: number]>> => {
      const found: Record<string, [number, number]> = {};
      for (const { kind, taken, known } of (JSON.parse(text) as { items: Item[] }).items) {
        const of = (found[String(kind)] ??= [0, 0]);
        of[0] += Number(taken);
        of[1] += Number(known);
      }
      return found;
    };
    const third = sums(await ok('import', old, '--json'));
    expect(third).toMatchObject({ entries: [0, database.state.size] });
    expect(third['object']?.[0]).toBeGreaterThan(0);
    expect(third['object']?.[1]).toBeGreaterThanOrEqual(objectsOfSecond);
    const { root } = await node.api.status();
    const again = sums(await ok('import', old, '--json'));
    expect(again).toEqual({
      entries: [0, database.state.size],
      records: [0, (third['records']?.[0] ?? 0) + (third['records']?.[1] ?? 0)],
      object: [0, bundles.length],
    });
    const status = await node.api.status();
    expect([status.root, status.conflicts, status.vault?.here.objects]).toEqual([root, 0, bundles.length]);
    expect((await stored()).filter((key) => !key.startsWith('vault/'))).toEqual(keys(database.state));
    expect(fingerprint(old)).toBe(before);
  });

  it('of a directory in which everything is bad takes nothing, says what to do of each, and leaves it [I2, I4]', async () => {
    const good = contentBundle('good', 'intent good()');
    const old = join(fleet.dir, 'old');
    writeOriginalState(old, originalEntries(30));
    for (const name of [join(VAULT_DIR, 'bundles'), '.diotec360_sentinel'])
      mkdirSync(join(old, name), { recursive: true });
    const write = (name: string, text: string): void => writeFileSync(join(old, name), text);
    const snapshot = join(STATE_DIR, 'snapshot.json');
    write(snapshot, readFileSync(join(old, snapshot), 'utf8').replace('"balance": 1000', '"balance": 9000'));
    const log = walText({}, [
      ['PUT', 'a', 1],
      ['PUT', 'b', 2],
    ]);
    write(join(STATE_DIR, 'wal.log'), log.split('\n').slice(2).join('\n'));
    write(join(VAULT_DIR, 'bundles', 'broken.ae_bundle'), '{"code": "x"');
    write(join(VAULT_DIR, 'bundles', 'changed.ae_bundle'), fileText({ ...good.bundle, code: 'intent bad()' }));
    symlinkSync('/etc/hostname', join(old, VAULT_DIR, 'bundles', 'out.ae_bundle'));
    write(join('.diotec360_sentinel', 'telemetry.db'), 'no database');
    const before = fingerprint(old);
    await node.start();
    const { root } = await node.api.status();
    const bad = cli('import', old, '--json');
    expect((await untilExit(bad)).code).toBe(1);
    const { refused } = JSON.parse(bad.stdout) as { refused: { code: string; next: string }[] };
    expect(refused.map(({ code }) => code).toSorted()).toEqual([
      'database-malformed',
      'file-unreadable',
      'snapshot-root-mismatch',
      'vault-file-malformed',
      'vault-file-mismatch',
      'wal-unanchored',
    ]);
    for (const { next } of refused) expect(next).toMatch(/\w[.]$/);
    const status = await node.api.status();
    expect([status.root, status.live, status.vault?.objects]).toEqual([root, 0, 0]);
    expect((await node.api.send('GET', '/api/persistence/executions')).json()).toMatchObject({ count: 0 });
    expect(fingerprint(old)).toBe(before);

    // What is good beside them is taken all the same.
    write(join(VAULT_DIR, 'bundles', 'good.ae_bundle'), fileText(good.bundle));
    expect((await untilExit(cli('import', old))).code).toBe(4);
    expect((await node.api.status()).vault?.here.objects).toBe(1);
  });

  it('--watch of a running original follows what it writes and deletes [I7, I8]', async () => {
    const directory = join(fleet.dir, 'old');
    const original = await startOriginalNode(directory);
    for (const [key, json] of originalEntries(5)) await original.put(key, json);
    await original.put('note', '1.0');
    await node.start();
    expect(await ok('import', original.url, '--expect-root', original.root ?? '')).toContain('Imported 6 keys.');
    const other = cli('import', original.url, '--expect-root', '0'.repeat(64));
    expect((await untilExit(other)).code).toBe(1);
    expect(other.stderr).toContain('does not have the root');

    // What was written before this watch is its own too, because the value is the same.
    const following = ['import', original.url, '--watch', '--interval', '0.2', '--remember', 'import.memory'];
    const first = cli(...following);
    await eventually('a round was made', () => first.stdout.includes('6 are there already'));
    first.signal('SIGTERM');
    expect((await untilExit(first)).code).toBe(0);
    await original.put('note', '2.5');
    const watch = cli(...following);
    await eventually('a change between the two has come', async () => (await node.api.get('note'))?.value === 2.5);
    await original.put('more', '{"b":1,"a":2}');
    await original.delete('note');
    await eventually('a delete has come', async () => (await node.api.get('note')) === undefined);
    expect((await node.api.get('more'))?.value).toEqual({ a: 2, b: 1 });
    await node.api.put('more', 'ours');
    await original.put('more', '3');
    await eventually('the difference is told', () => watch.stdout.includes('Left alone 1 key with another value'));
    expect((await node.api.get('more'))?.value).toBe('ours');
    watch.signal('SIGTERM');
    expect((await untilExit(watch)).code).toBe(0);
    await original.stop();
  });
});
