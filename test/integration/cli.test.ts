import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSigner } from '../../src/adapters/system/index.ts';
import { createProgram } from '../../src/cli/program.ts';
import { createSignedAttestation } from '../../src/core/wire/index.ts';
import { type LiveNode, type LiveNodes, startLiveNodes } from '../support/live-nodes.ts';
import { eventually } from '../support/wait.ts';
import { type Ran, type RunOptions, run } from '../unit/cli/support.ts';

let live: LiveNodes;
let a: LiveNode;
let b: LiveNode;
/** Every command line that ran, to see in the end that none was left out. */
const ran = new Set<string>();

beforeAll(async () => {
  live = await startLiveNodes(2);
  [a, b] = live.nodes as [LiveNode, LiveNode];
  await a.api.put('greeting', { text: 'hello' });
  await live.settled();
});
afterAll(() => live?.stop());

const program = createProgram({ output: {} } as never, '0', () => undefined);

/** The command that a command line names. */
function commandOf(argv: readonly string[]): string {
  let command: Command = program;
  const path: string[] = [];
  for (const word of argv) {
    const next = command.commands.find((c) => c.name() === word || c.aliases().includes(word));
    if (next === undefined) break;
    command = next;
    path.push(next.name());
  }
  return path.join(' ');
}

/** Runs a command against the first node, with its token. */
async function lattice(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
  ran.add(commandOf(argv));
  return await run([...argv, '--url', a.url, '--token', a.token], { cwd: live.dir, ...options });
}

async function ok(...argv: string[]): Promise<string> {
  const { code, out, err } = await lattice(argv);
  expect([code, code === 0 ? '' : err], argv.join(' ')).toEqual([0, '']);
  return out;
}

async function json<T = Record<string, unknown>>(...argv: string[]): Promise<T> {
  return JSON.parse(await ok(...argv, '--json')) as T;
}

/** What people read for the second node at the first one. */
async function labelOfB(): Promise<string> {
  const { peers } = await json<{ peers: { label: string }[] }>('peers', 'ls');
  return peers[0]?.label ?? '';
}

describe('keys and values', () => {
  it('state put, get, ls, root and delete', async () => {
    expect(await ok('state', 'put', 'a/b', '{"n":1}')).toMatch(/^Wrote a\/b, version [0-9a-f]{64}\.0\n$/);
    expect(await ok('state', 'get', 'a/b')).toBe('{"n":1}\n');
    expect(await ok('state', 'ls', 'a/')).toBe('a/b\t{"n":1}\n');
    expect(await ok('state', 'root')).toMatch(/^[0-9a-f]{64}\n$/);
    expect(await ok('state', 'delete', 'a/b')).toBe('Deleted a/b\n');
    expect((await lattice(['state', 'get', 'a/b'])).code).toBe(1);
    expect((await lattice(['state', 'del', 'a/b'])).code).toBe(1);
  });

  it('proof get and verify', async () => {
    const file = join(live.dir, 'greeting.proof');
    expect(await ok('proof', 'get', 'greeting', '--out', file)).toContain('greeting is present under root');
    expect(await ok('proof', 'verify', file, '--trust', a.author)).toContain('held the value {"text":"hello"}');
    expect((await lattice(['proof', 'verify', file, '--trust', b.author])).code).toBe(1);
  });

  it('conflicts ls, show and resolve', async () => {
    const conflicted = async (key: string): Promise<void> => {
      await eventually(`${key} is in conflict`, async () => {
        // Neither has seen the other's write.
        await Promise.all([a.api.put(key, 'of a'), b.api.put(key, 'of b')]);
        await live.settled();
        return (await a.api.conflicts()).some((conflict) => conflict.key === key);
      });
    };
    await conflicted('twice');
    expect(await ok('conflicts')).toMatch(
      /twice\n {2}1 {2}shown {2}"of [ab]" {2}by \S{6,20} at \d{4}-.*\n {2}2 {2}other {2}"of [ab]" {2}by \S{6,20} at/,
    );
    expect(await ok('conflicts', 'ls', '--limit', '5')).toContain('twice');
    const { siblings } = await json<{ siblings: { version: string; value: string }[] }>('conflicts', 'show', 'twice');
    expect(siblings).toHaveLength(2);
    expect(await ok('conflicts', 'resolve', 'twice', '--take', '2')).toContain('one value in place of 2');
    expect(await json('state', 'get', 'twice')).toMatchObject({ value: siblings[1]?.value });
    expect(await ok('conflicts', 'ls')).toBe('No key is in conflict.\n');
    expect((await lattice(['conflicts', 'show', 'twice'])).code).toBe(1);

    await conflicted('again');
    const [first] = (await json<{ siblings: { version: string }[] }>('conflicts', 'show', 'again')).siblings;
    expect((await lattice(['conflicts', 'resolve', 'again', '--take', '3'])).code).toBe(2);
    expect((await lattice(['conflicts', 'resolve', 'again'])).code).toBe(2);
    expect(await ok('conflicts', 'resolve', 'again', '--take', first?.version ?? '')).toContain('again');
    await conflicted('value');
    expect(await ok('conflicts', 'resolve', 'value', '--value', '{"both":true}')).toContain('value');
    expect(await json('state', 'get', 'value')).toMatchObject({ value: { both: true } });
    await conflicted('gone');
    expect(await ok('conflicts', 'resolve', 'gone', '--delete')).toContain('gone');
    expect((await lattice(['state', 'get', 'gone'])).code).toBe(1);
    expect(await ok('conflicts')).toBe('No key is in conflict.\n');
  });

  it('history', async () => {
    await ok('state', 'put', 'greeting', '{"text":"hello again"}');
    const { items, complete } = await json<{
      items: { current: boolean; value?: unknown; author: string }[];
      complete: boolean;
    }>('history', 'greeting');
    expect(items.map(({ current, author }) => [current, author])).toEqual([
      [true, a.author],
      [false, a.author],
    ]);
    expect(complete).toBe(true);
    expect(items[0]?.value).toEqual({ text: 'hello again' });
    expect(await ok('history', 'greeting', '--limit', '1')).toMatch(
      /^\d{4}-\d\d-\d\d [\d:.]+(?:Z|[+-]\d\d:\d\d) {2}current {2}\{"text":"hello again"\}\n {2}by (\S+), version /,
    );
    expect(await ok('history', 'greeting')).toContain(`by ${a.name}, version`);
  });

  it('import', async () => {
    const snapshot = new URL('../fixtures/original/snapshot.json', import.meta.url).pathname;
    expect(await ok('import', snapshot, '--dry-run')).toContain('Would import 3 keys');
    expect(await ok('import', snapshot)).toContain('Imported 3 keys.');
  });

  it('export, and back', async () => {
    const file = join(live.dir, 'all.ndjson');
    await ok('export', '--format', 'ndjson', '--prefix', 'a', '--out', file);
    expect((await lattice(['export', '--format', 'ndjson', '--out', file])).code).toBe(1);
    const keys = readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { key: string }).key);
    expect(keys.length).toBeGreaterThan(0);
    expect(keys.every((key) => key.startsWith('a'))).toBe(true);
    expect(await ok('import', file, '--dry-run')).toContain('0 keys');
  });
});

describe('the vault', () => {
  it('put, get, ls, stat, pin, unpin, fetch, verify, export, gc and rm', async () => {
    const file = join(live.dir, 'photo.bin');
    const content = randomBytes(200_000);
    writeFileSync(file, content);
    const hash = createHash('sha256').update(content).digest('hex');
    expect(await ok('vault', 'put', file)).toContain(hash);
    expect(await ok('vault', 'ls')).toContain('photo.bin');
    const got = join(live.dir, 'got.bin');
    await ok('vault', 'get', hash.slice(0, 12), '--out', got);
    expect(readFileSync(got).equals(content)).toBe(true);
    expect(await json('vault', 'pin', hash)).toMatchObject({ pinned: true });
    expect(await json('vault', 'unpin', hash)).toMatchObject({ pinned: false });
    await ok('vault', 'fetch', hash);
    await eventually('the second node has it too', async () => (await ok('vault', 'stat', hash)).match(/yes|has it/));
    expect((await lattice(['vault', 'verify', hash])).code).toBe(0);
    const directory = join(live.dir, 'objects');
    await ok('vault', 'export', directory);
    expect(readdirSync(directory).length).toBeGreaterThan(0);
    await ok('vault', 'rm', hash);
    expect((await lattice(['vault', 'get', hash, '--out', join(live.dir, 'gone')])).code).toBe(1);
    await ok('vault', 'gc', '--dry-run');
  });

  it('original, bundle and check', async () => {
    const code = join(live.dir, 'transfer.ae');
    writeFileSync(code, 'intent transfer');
    const made = await json<{ hash: string }>('vault', 'bundle', code, '--intent', 'transfer');
    expect(await ok('vault', 'original')).toMatch(/bundle/);
    const file = join(live.dir, 'transfer.ae_bundle');
    await ok('vault', 'get', made.hash, '--out', file);
    expect((await lattice(['vault', 'check', file, '--trust', a.author])).code).toBe(0);
    expect((await lattice(['vault', 'check', file, '--trust', b.author])).code).toBe(1);
  });
});

describe('one node', () => {
  it('status, once and watched', async () => {
    await live.settled();
    const out = await ok('status');
    for (const part of [a.peerId, 'OPTIMAL', 'CONVERGED  The other node, ', await labelOfB(), 'accepted'])
      expect(out).toContain(part);
    expect(out).toMatch(new RegExp(`^others +${await labelOfB()} equal`, 'm'));
    const watched = await lattice(['status', '--watch', '--interval', '0.1', '--json'], {
      onOutput: (soFar, signal) => {
        if (soFar.split('\n').length > 2) signal();
      },
    });
    expect(watched.code).toBe(0);
    for (const line of watched.out.trim().split('\n')) expect(JSON.parse(line)).toMatchObject({ peerId: a.peerId });
  });

  it('events follow, filter and resume', async () => {
    let last = '';
    const followed = await lattice(['events', '--type', 'change', '--count', '2', '--json'], {
      onOutput: (soFar) => (last = soFar),
      onSignal: () => {
        // Once the stream is open, these come; before, they would be missed: so they go on until it has what it wants.
        const write = setInterval(() => void a.api.put('events/one', 1).catch(() => undefined), 50);
        const stop = setInterval(() => {
          if (last.split('\n').length <= 2) return;
          clearInterval(write);
          clearInterval(stop);
        }, 10);
      },
    });
    expect(followed.code).toBe(0);
    const ids = followed.out
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { id: string }).id);
    expect(ids).toHaveLength(2);
    const resumed = await lattice(['events', '--after', ids[0] ?? '', '--type', 'change', '--count', '1', '--json']);
    expect(JSON.parse(resumed.out)).toMatchObject({ id: ids[1], type: 'change', key: 'events/one' });
    expect((await lattice(['events', '--after', ids[0] ?? '', '--count', '1'])).out).toMatch(
      /^\d{4}-\S+ \S+ {2}(?:change {6}events\/one written by node|batch {7}\d+ changes?, the root is [0-9a-f]{12}\n)/,
    );
  });

  it('log, as a page and followed', async () => {
    expect(await ok('log', '--limit', '1000')).toContain('LATTICE READY');
    const { items } = await json<{ items: { msg: string; id: string }[] }>('log', '--limit', '3', '--level', 'info');
    expect(items).toHaveLength(3);
    const followed = await lattice(['log', '-f', '--after', items[0]?.id ?? '', '--json'], {
      onOutput: (soFar, signal) => {
        if (soFar.split('\n').length > 2) signal();
      },
    });
    expect(followed.code).toBe(0);
    expect(JSON.parse(followed.out.split('\n')[0] ?? '')).toEqual(items[1]);
    expect((await run(['log', '--url', a.url, '--json'])).err).toContain('"unauthorized"');
  });

  it('log level, read and set in the running node', async () => {
    expect(await ok('log', 'level')).toBe('info\n');
    const none = await lattice(['log', 'show', '--level', 'debug']);
    expect([none.code, none.err]).toEqual([0, expect.stringContaining('writes no lines below info')]);
    expect(await ok('log', 'level', 'debug')).toBe('The node writes lines from debug on.\n');
    await ok('state', 'root');
    const { items } = await json<{ items: { level: string }[] }>('log', 'show', '--level', 'debug', '--limit', '1000');
    expect(items.map(({ level }) => level)).toContain('debug');
    expect(await json('log', 'level', 'info')).toEqual({ level: 'info', changed: true });
    expect((await lattice(['log', 'level', 'loud'])).code).toBe(2);
  });

  it('token new, ls and rm', async () => {
    const made = await json<{ id: string; token: string }>(
      'token',
      'new',
      'sensors',
      '--write',
      'sensors/',
      '--ttl',
      '1h',
    );
    const put = (key: string) => run(['state', 'put', key, '1', '--url', a.url, '--token', made.token]);
    expect((await put('sensors/a')).code).toBe(0);
    const refused = await put('other');
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('may write keys under "sensors/" only')]);
    expect(await ok('token', 'ls')).toMatch(/sensors +write +sensors\//);
    const text = await ok('token', 'new', 'deputy', '--operate');
    expect(text).toMatch(/^lattice_[0-9a-f]{16}_[0-9a-f]{64}\n$/);
    expect(await ok('token', 'rm', made.id)).toBe(`withdrawn: ${made.id}\n`);
    expect((await put('sensors/a')).err).toContain('the API token is wrong');
    for (const wrong of [['x'], ['x', '--read', '--operate'], ['x', '--read', '--ttl', '1w'], ['', '--read']])
      expect((await lattice(['token', 'new', ...wrong])).code, wrong.join(' ')).not.toBe(0);
    expect((await lattice(['token', 'rm', made.id])).err).toContain('no token with that id');
    expect((await lattice(['token', 'rm', 'sensors'])).code).toBe(2);
  });

  it('config show and check', async () => {
    const { items } = await json<{ items: { name: string; value: unknown; source: string; secret: boolean }[] }>(
      'config',
      'show',
      '--all',
    );
    expect(items.find(({ name }) => name.endsWith('API_TOKEN'))).toMatchObject({ value: 'set', secret: true });
    expect(JSON.stringify(items)).not.toContain(a.token);
    const text = await ok('config', 'show');
    expect(text).toContain('NODE_NAME');
    expect(text).not.toContain(a.token);
    expect(await ok('config', 'check', '--env-file', a.envFile)).toContain('A node can start with this');
    const wrong = join(live.dir, 'wrong.env');
    writeFileSync(wrong, 'DIOTEC360_API_PORT=many\nDIOTEC360_HEARTBEAT_INTERVAL=soon\n');
    const { code, out, err } = await lattice(['config', 'check', '--env-file', wrong]);
    expect([code, err]).toEqual([2, expect.stringContaining('2 values cannot be used')]);
    for (const part of ['DIOTEC360_API_PORT=many', 'DIOTEC360_HEARTBEAT_INTERVAL=soon']) expect(out).toContain(part);
    writeFileSync(wrong, 'DIOTEC360_ENVIRONMENT=production\n');
    expect(await lattice(['config', 'check', '--env-file', wrong])).toMatchObject({
      code: 1,
      out: expect.stringContaining('✗ No trusted keys') as unknown,
    });
  });

  it('key show and id', async () => {
    const expected = { peerId: a.peerId, publicKey: a.author };
    expect(await json('key', 'show')).toEqual(expected);
    expect(await json('key', 'show', '--key-file', a.keyFile)).toEqual(expected);
    expect(await json('id', '--env-file', a.envFile)).toEqual(expected);
  });

  it('config reload of a node whose program gave it the configuration says so', async () => {
    const { code, err } = await lattice(['config', 'reload', '--json']);
    expect([code, err]).toEqual([1, expect.stringContaining('"reload-impossible"')]);
  });

  it('metrics, all and some', async () => {
    await live.settled();
    expect(await ok('metrics')).toMatch(/^# HELP /m);
    const { samples } = await json<{ samples: { name: string; labels: object; value: unknown }[] }>(
      'metrics',
      'peer_root_equal',
    );
    expect(samples).toEqual([expect.objectContaining({ value: 1 })]);
    for (const line of (await ok('metrics', 'peer_root_equal')).trim().split('\n'))
      expect(line).toContain('peer_root_equal');
  });

  it('openapi', async () => {
    expect(await json('openapi')).toMatchObject({ openapi: expect.stringMatching(/^3\.1/) as unknown });
    const file = join(live.dir, 'openapi.json');
    expect(await ok('openapi', '--out', file)).toMatch(/OpenAPI 3\.1\S*, \d+ paths/);
    const { paths } = JSON.parse(readFileSync(file, 'utf8')) as { paths: object };
    expect(Object.keys(paths)).toContain('/api/v1/status');
  });
});

describe('nodes together', () => {
  it('peers ls, ping, add and rm', async () => {
    expect(await ok('peers')).toContain(b.peerId);
    const { peers } = await json<{ peers: { peerId: string; agreement: string }[] }>('peers', 'ls');
    expect(peers.map(({ peerId }) => peerId)).toEqual([b.peerId]);
    for (const peer of [b.peerId, await labelOfB()])
      expect(await ok('peers', 'ping', peer)).toMatch(/^p2p {3}[\d.]+ ms\nhttp {2}[\d.]+ ms\n$/);
    const extra = 'http://127.0.0.1:9';
    expect(await ok('peers', 'add', extra)).toBe(`Added ${extra}\n`);
    expect(await ok('peers', 'ls')).toMatch(/http:\/\/127\.0\.0\.1:9 .*added by hand/);
    expect((await lattice(['peers', 'ping', extra])).code).toBe(1);
    expect(await ok('peers', 'rm', extra)).toBe(`Removed ${extra}\n`);
    expect(await ok('peers', 'ls')).not.toContain(extra);
    expect((await lattice(['peers', 'rm', b.url])).code).toBe(1);
    expect((await lattice(['peers', 'add', 'nowhere'])).code).toBe(2);
  });

  it('peers diff', async () => {
    await live.settled();
    for (const peer of [b.peerId, await labelOfB()])
      expect(await ok('peers', 'diff', peer)).toContain('Nothing differs');
    expect((await lattice(['peers', 'diff', '12D3KooWNobody'])).code).toBe(1);
  });

  it('sync status, now and mode', async () => {
    expect(await ok('sync', 'now')).toContain('compared its state with every peer');
    expect(await ok('sync', 'mode', 'http', '--reason', 'a test of the command')).toMatch(/http/);
    expect(await ok('sync', 'mode')).toBe('http\n');
    const { transitions } = await json<{ transitions: { to: string; cause: string }[] }>('sync', 'status');
    expect(transitions.find(({ to }) => to === 'mode http')?.cause).toContain('a test of the command');
    expect(await ok('sync', 'mode', 'auto')).toMatch(/auto/);
    const out = await ok('sync');
    expect(out).toContain('mode auto');
    expect(out).toContain(await labelOfB());
    expect((await lattice(['sync', 'mode', 'pigeon'])).code).toBe(2);
  });

  it('cuts and their certificate', async () => {
    const { items } = await eventually(
      'a cut is certified',
      async () => {
        const answer = await json<{ items: { at: number; certified: boolean; attesters: string[] }[] }>('cuts');
        return answer.items.some(({ certified }) => certified) ? answer : undefined;
      },
      50_000,
    );
    const certified = items.find((item) => item.certified);
    expect(certified?.attesters).toEqual([a.author, b.author].toSorted());
    expect(await ok('cuts', 'ls', '--limit', '3')).toMatch(/the same +0 +certified by \S+ and \S+\n/);
    expect(await ok('cuts', 'certificate')).toMatch(/^[\w-]+\n$/);
    const file = join(live.dir, 'cut.certificate');
    expect(await ok('cuts', 'certificate', '--at', String(certified?.at), '--out', file)).toContain(file);
    expect(readFileSync(file, 'utf8')).toMatch(/^[\w-]+\n$/);
    expect(await ok('cuts', 'verify', file, '--trust', `${a.author},${b.author}`)).toContain('✓');
    expect((await lattice(['cuts', 'verify', file])).code).toBe(1);
    const floor = await eventually('both attested a cut alike', async () => {
      const seen = await json<{ at?: number; holders: unknown[] }>('floor');
      return seen.at === undefined ? undefined : seen;
    });
    expect(await ok('floor')).toContain('epoch');
    // The first complete cut closes what is older than a day, a second after it is known.
    expect(await ok('floor')).toMatch(/each stays for 24 h|have left the state/);
    expect(await ok('recover')).toBe('Nothing is set aside.\n');
    const absent = await lattice(['recover', '--key', 'greeting']);
    expect([absent.code, absent.err]).toEqual([1, expect.stringContaining('nothing is set aside under "greeting"')]);
    expect(await ok('state', 'put', 'waited', '1', '--replicas', '1', '--timeout', '30')).toContain('1 of 1');
    const many = await lattice(['state', 'put', 'waited', '1', '--replicas', '5']);
    expect([many.code, many.err]).toEqual([1, expect.stringContaining('the roster has 1')]);
    expect(floor.holders).toBeInstanceOf(Array);
    const proof = join(live.dir, 'cut.proof');
    expect(await ok('proof', 'get', 'no/such/key', '--at', 'cut', '--out', proof)).toContain('absent');
    expect(await ok('proof', 'verify', proof, '--trust', `${a.author},${b.author}`)).toContain('held nothing');
  });

  it('tables of the fleet, and help', async () => {
    await live.settled();
    const fleet = join(live.dir, 'fleet.json');
    const tables = [
      ['status'],
      ['version'],
      ['peers'],
      ['sync'],
      ['cuts'],
      ['floor'],
      ['conflicts'],
      ['metrics', 'lattice_conflicts'],
    ];
    for (const argv of [...tables, ['verify']]) {
      const { code, out, err } = await run([...argv, '--fleet', fleet]);
      expect([argv, code, err]).toEqual([argv, 0, '']);
      for (const { name } of [a, b]) expect(out, argv.join(' ')).toMatch(new RegExp(`^${name} `, 'm'));
    }
    ran.add('version');
    const known = await json<{ nodes: { name: string; status: { root: string } }[] }>('status', '--fleet');
    expect(known.nodes.map(({ name }) => name)).toEqual([a.name, await labelOfB()]);
    expect(new Set(known.nodes.map(({ status }) => status.root)).size).toBe(1);
    expect((await run(['version', '--fleet', fleet, '-o', 'yaml'])).out).toContain(`name: ${b.name}`);
    expect(await ok('version')).toContain(`${a.name} at ${a.url} runs`);
    expect(await ok('help', 'state', 'put')).toBe(await ok('state', 'put', '--help'));
  });

  it('verify, which checks the whole store', async () => {
    expect(await ok('verify')).toContain('entries, their signatures, the other rows and the files are good');
  });

  it('doctor, as text, as JSON, and for monitoring', async () => {
    await live.settled();
    const urls = [a.url, b.url];
    const out = await ok('doctor', '--settle', '20');
    expect(out).toContain('reached from outside over P2P by 1 of 1, over HTTP by 1 of 1');
    ran.add('doctor');
    const fleet = await run(['doctor', ...urls, '--settle', '20', '--json']);
    expect(JSON.parse(fleet.out)).toMatchObject({ ok: true });
    expect(fleet.out).toContain('same root on 2 nodes');
    const check = await run(['doctor', '--fleet', join(live.dir, 'fleet.json'), '--check', '--settle', '20']);
    expect(check.code).toBeLessThanOrEqual(1);
    expect(check.out).toMatch(/^LATTICE (?:OK|WARNING) - .* \| nodes=2 reachable=2 critical=0 /);
  });
});

describe('around nodes', () => {
  const home = mkdtempSync(join(tmpdir(), 'lattice-home-'));
  afterAll(() => rmSync(home, { recursive: true, force: true }));
  const inHome = async (...argv: string[]): Promise<Ran> => {
    ran.add(commandOf(argv));
    return await run(argv, { cwd: live.dir, env: { XDG_CONFIG_HOME: home } });
  };

  it('context add, use, ls and rm; commands follow the context', async () => {
    expect((await inHome('context', 'add', 'first', '--fleet', 'fleet.json')).code).toBe(0);
    expect((await inHome('context', 'add', 'second', '--fleet', 'fleet.json', '--node', b.name)).code).toBe(0);
    expect((await inHome('key', 'show')).out).toContain(a.peerId);
    expect((await inHome('key', 'show', '--context', 'second')).out).toContain(b.peerId);
    expect((await inHome('state', 'put', 'by/context', '1')).code).toBe(0);
    expect((await inHome('context', 'use', 'second')).code).toBe(0);
    expect((await inHome('key', 'show')).out).toContain(b.peerId);
    expect((await inHome('context', 'ls')).out).toMatch(/^\* +second/m);
    expect((await inHome('doctor', '--settle', '20')).out).toContain('together');
    expect((await inHome('context', 'rm', 'second')).code).toBe(0);
  });

  it('init makes what start takes, and completion knows it', async () => {
    expect(
      (await inHome('init', '--dir', 'made', '--nodes', '1', '--base-port', '20000', '--p2p-base-port', '21000')).code,
    ).toBe(0);
    expect((await inHome('config', 'check', '--env-file', 'made/node1.env')).code).toBe(0);
    expect((await inHome('completion', 'bash')).out).toContain('/context/use');
  });

  it('a path that a node does not have is told as such', async () => {
    const { createApiClient } = await import('../../src/cli/client.ts');
    const { request } = createApiClient({ url: a.url, token: undefined, timeoutMs: 60_000 });
    await expect(request('/api/v1/of-the-future')).rejects.toMatchObject({ code: 'not-supported' });
    await expect(request('/api/v1/status', { method: 'DELETE' })).rejects.toMatchObject({ code: 'not-supported' });
    await expect(request('/api/v1/state', { query: { key: 'absent' } })).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('members, invitations and evidence', () => {
  it('members ls, changes and remove', async () => {
    expect(await ok('members', 'ls')).toMatch(/writer/);
    expect(await ok('members', 'changes')).toBe('Nobody has asked for a change.\n');
    const { author } = await json<{ author: string }>('status');
    await ok('members', 'remove', author, '--yes', '--wait', '0');
    const { changes } = await json<{ changes: { id: string }[] }>('members', 'changes');
    await ok('members', 'withdraw', changes[0]?.id ?? '');
    expect(await ok('members', 'changes')).toMatch(/withdrawn/);
    expect(await ok('members', 'clean', '--author', author, '--since', '0')).toMatch(/wrote since/);
    expect(await ok('members', 'displaced')).toContain('has taken out nothing');
    const dropped = await lattice(['members', 'drop', author, '--yes', '--wait', '0']);
    expect([dropped.code, dropped.err]).toEqual([1, expect.stringMatching(/is a writer[^]*retire it first/)]);
  });

  it('invite new, ls and rm', async () => {
    const line = await ok('invite', 'new', '--name', 'bergen', '--ttl', '1h');
    expect(line.split('\n')[0]).not.toBe('');
    const { invitations } = await json<{ invitations: { id: string; name: string; stage: string }[] }>('invite', 'ls');
    expect(invitations).toMatchObject([{ name: 'bergen', stage: 'open' }]);
    await ok('invite', 'rm', invitations[0]?.id ?? '');
    expect((await json<{ invitations: unknown[] }>('invite', 'ls')).invitations).toEqual([]);
  });

  it('evidence ls, export and verify', async () => {
    expect(await ok('evidence', 'ls')).toContain('knows of no key');
    const none = await lattice(['evidence', 'export', '0'.repeat(16)]);
    expect([none.code, none.err]).toEqual([1, expect.stringContaining('no evidence')]);
    const liar = createSigner(new Uint8Array(32).fill(66));
    const statements = [1, 2].map((n) => {
      const claim = { network: 'test/liar', author: liar.author, at: 1_700_000_000_000, entries: n };
      const hashes = { root: new Uint8Array(32).fill(n), trustHash: new Uint8Array(32) };
      return Buffer.from(createSignedAttestation({ ...claim, ...hashes }, liar.sign).bytes).toString('base64url');
    });
    const { author } = liar;
    const document = {
      format: 'diotec360-lattice-evidence/1',
      kind: 'two-roots',
      network: 'test/liar',
      author,
      statements,
    };
    const file = join(live.dir, 'liar.evidence');
    writeFileSync(file, JSON.stringify(document));
    expect((await lattice(['evidence', 'verify', file, '--trust', author, '--network', 'test/liar'])).code).toBe(0);
    writeFileSync(file, JSON.stringify({ ...document, statements: [statements[0], statements[0]] }));
    expect((await lattice(['evidence', 'verify', file, '--trust', author])).code).toBe(1);
  });
});

it('no command was left out', () => {
  const leaves = (parent: Command, path: string): string[] =>
    parent.commands.flatMap((c) => (c.commands.length > 0 ? leaves(c, `${path}${c.name()} `) : [`${path}${c.name()}`]));
  // These two are processes of their own: test/unit/cli/{start,up}.test.ts and the fleets of the other tests.
  const apart = ['start', 'up'];
  // These run on fleets whose members change: test/unit/cli/members.test.ts, test/integration/interrupted-changes.test.ts.
  for (const name of [
    'add',
    'promote',
    'retire',
    'rotate',
    'rename',
    'settings',
    'approve',
    'withdraw',
    'wait',
    'tidy',
  ])
    apart.push(`members ${name}`);
  // This one needs nodes that are stopped: test/integration/force.test.ts.
  apart.push('join', 'members force');
  expect(leaves(program, '').filter((name) => !ran.has(name) && !apart.includes(name))).toEqual([]);
});
