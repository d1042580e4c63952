import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { errorOf, type FakeNode, peerOf, problem, run, startFakeNode, TOKEN } from './support.ts';

let node: FakeNode;
let dir: string;
beforeEach(async () => {
  node = await startFakeNode();
  dir = mkdtempSync(join(tmpdir(), 'lattice-cli-'));
});
afterEach(async () => {
  await node.close();
  rmSync(dir, { recursive: true, force: true });
});

const on = (...argv: string[]): string[] => [...argv, '--url', node.url, '--token', TOKEN];

describe('state', () => {
  it('put, get, ls, del and root work on the node', async () => {
    expect(await run(on('state', 'put', 'a/ü ?&+', '{"n":[1,2.5]}'))).toMatchObject({ code: 0, err: '' });
    expect(node.state.get('a/ü ?&+')).toEqual({ n: [1, 2.5] });
    expect((await run(on('state', 'get', 'a/ü ?&+'))).out).toBe('{"n":[1,2.5]}\n');
    expect((await run(on('state', 'ls', 'a'))).out).toBe('a/ü ?&+\t{"n":[1,2.5]}\n');
    expect(await run(on('state', 'ls', 'none/'))).toMatchObject({
      code: 0,
      out: '',
      err: 'No key that begins with "none/" has a value.\n',
    });
    expect(await run(on('state', 'del', 'a/ü ?&+'))).toMatchObject({ code: 0, out: 'Deleted a/ü ?&+\n' });
    expect(node.state.size).toBe(0);
    expect((await run(on('state', 'root'))).out).toBe(`${node.status.root}\n`);
  });

  it('put takes negative numbers, text with --string, and stdin', async () => {
    expect((await run(on('state', 'put', 'n', '-5'))).code).toBe(0);
    expect((await run(on('state', 'put', 't', 'plain text', '--string'))).code).toBe(0);
    expect((await run(on('state', 'put', 's', '-'), { stdin: '[true]' })).code).toBe(0);
    expect(Object.fromEntries(node.state)).toEqual({ n: -5, t: 'plain text', s: [true] });
  });

  it('put refuses what is not JSON before anything is sent', async () => {
    const ran = await run(on('state', 'put', 'k', 'plain', '--json'));
    expect(ran.code).toBe(2);
    expect(errorOf(ran).next).toContain('--string');
    expect(node.seen).toEqual([]);
  });

  it('conditions reach the node and their failure is exit code 1', async () => {
    node.state.set('k', 1);
    expect(await run(on('state', 'put', 'k', '2', '--if-absent'))).toMatchObject({
      code: 1,
      err: 'error: the key exists\n  next: read it again\n',
    });
    expect((await run(on('state', 'put', 'k', '2', '--if-match', 'other.0'))).code).toBe(1);
    expect((await run(on('state', 'put', 'k', '2', '--if-match', `${'ab'.repeat(32)}.0`))).code).toBe(0);
    expect((await run(on('state', 'put', 'k', '2', '--if-absent', '--if-match', 'x'))).code).toBe(2);
    expect(node.state.get('k')).toBe(2);
  });

  it('put asks for an end as a span or a time, and refuses what is neither before anything is sent [EX1]', async () => {
    const put = (...options: string[]) => run(on('state', 'put', 'k', '1', ...options));
    for (const wrong of [
      ['--ttl', '0s'],
      ['--ttl', '-1h'],
      ['--ttl', '1.5h'],
      ['--ttl', '60'],
      ['--ttl', '40000d'],
      ['--expires', 'tomorrow'],
      ['--expires', '2027-01-31'],
      ['--expires', '2027-13-01T00:00Z'],
      ['--expires', '-5'],
      ['--ttl', '1h', '--expires', '2027-01-31T12:00Z'],
    ])
      expect((await put(...wrong)).code, wrong.join(' ')).toBe(2);
    expect(node.seen).toEqual([]);
    await put('--ttl', '1h');
    await put('--expires', '2027-01-31T12:00Z');
    await put('--expires', '2027-01-31 13:00:00+01:00');
    await put('--expires', '1801396800000');
    expect(node.seen.map((request) => /(?:ttl|expires)=\d+/.exec(request)?.[0])).toEqual([
      'ttl=3600',
      'expires=1801396800000',
      'expires=1801396800000',
      'expires=1801396800000',
    ]);
  });

  it('ls follows cursors up to its limit and says that there is more', async () => {
    for (let i = 0; i < 1200; i++) node.state.set(`k${String(i).padStart(4, '0')}`, i);
    const all = JSON.parse((await run(on('state', 'ls', '--limit', '5000', '--json'))).out) as {
      entries: unknown[];
      cursor?: string;
    };
    expect(all.entries).toHaveLength(1200);
    expect(all.cursor).toBeUndefined();
    const some = await run(on('state', 'ls', '--limit', '2'));
    expect(some.out.split('\n')).toEqual(['k0000\t0', 'k0001\t1', '']);
    expect(some.err).toContain('--cursor k0001');
  });

  it("others' control characters do not reach the terminal", async () => {
    node.state.set('evil\u001b[2J', 'x\u001b[2J');
    expect((await run(on('state', 'ls'))).out).not.toContain('\u001b');
  });

  it('an absent key is exit code 1 with the reason', async () => {
    const ran = await run(on('state', 'get', 'nothing', '--json'));
    expect(ran.code).toBe(1);
    expect(errorOf(ran)).toMatchObject({ code: 'not-found', message: 'there is no value under the key "nothing"' });
  });

  it('a key whose value has ended, or was deleted, says since when, and where to look', async () => {
    const last = { version: 'v1', at: Date.UTC(2026, 0, 1), deleted: true, current: true };
    const answered = async (item: object) => {
      node.intercept = (path) =>
        path === '/api/v1/history' ? { status: 200, body: { key: 'k', items: [item], complete: true } } : undefined;
      return errorOf(await run(on('state', 'get', 'k', '--json', '--utc')));
    };
    const absent = 'there is no value under the key "k": it was';
    const next = expect.stringContaining('lattice history');
    expect(await answered({ ...last, expires: Date.UTC(2026, 0, 2) })).toMatchObject({
      message: `${absent} there until 2026-01-02 00:00:00Z, its end`,
      next,
    });
    expect(await answered(last)).toMatchObject({ message: `${absent} deleted at 2026-01-01 00:00:00Z`, next });
  });
});

describe('status, peers, conflicts', () => {
  it('status shows the verdict first, with what to do, then the rest', async () => {
    node.status = {
      ...node.status,
      health: 'HTTP_ONLY',
      live: 1,
      writable: false,
      readOnlyReasons: [{ code: 'disk', text: 'the disk is full' }],
      warnings: [{ code: 'clock-skew', text: 'clock is off' }],
      verdict: {
        kind: 'READ_ONLY',
        since: Date.now(),
        sentence: 'This node refuses writes: the disk is full.',
        reasons: [
          {
            code: 'disk',
            text: 'This node refuses writes: the disk is full.',
            next: 'Free some space.',
            heals: 'operator',
          },
          {
            code: 'not-heard',
            text: 'oslo has not been heard since 05:58:10 UTC.',
            next: 'Look at it: lattice peers ping oslo',
            heals: 'operator',
            name: 'oslo',
          },
          { code: 'not-compared', text: 'bergen was not compared with yet.', heals: 'by-itself', name: 'bergen' },
        ],
        members: [
          { label: 'oslo', lung: 'none', agreement: 'not-heard', lastHeardAt: Date.UTC(2026, 10, 28, 5, 58, 10) },
          { label: 'bergen', lung: 'p2p', agreement: 'never-heard' },
          { label: 'arendal', lung: 'p2p', agreement: 'equal' },
        ],
      },
    };
    const { code, out } = await run(on('status', '--utc'));
    expect(code).toBe(0);
    expect(out.split('\n').slice(0, 6)).toEqual([
      'READ-ONLY  This node refuses writes: the disk is full.',
      '    → Free some space.',
      '  oslo has not been heard since 05:58:10 UTC.',
      `    → Look at it: lattice peers ping --url ${node.url} oslo`,
      '  bergen was not compared with yet.',
      '    → This ends by itself.',
    ]);
    for (const part of [
      'HTTP_ONLY',
      node.status.root,
      'clock is off',
      'bergen never heard; oslo not heard since 2026-11-28 05:58:10Z; arendal equal',
      '1 key, 2 deleted',
    ])
      expect(out).toContain(part);
  });

  it('status of a node that tells no verdict shows why it refuses writes', async () => {
    const { verdict: _verdict, ...older } = node.status;
    node.status = { ...older, writable: false, readOnlyReasons: [{ code: 'disk', text: 'the disk is full' }] } as never;
    expect((await run(on('status'))).out).toMatch(/2 of 2 peers with the same root[^]*read-only: the disk is full/);
  });

  it('status --watch repeats until a signal and survives a node that is gone', async () => {
    let looks = 0;
    node.intercept = () => (++looks === 2 ? problem(503, 'overloaded', 'busy') : undefined);
    const { code, out, err } = await run(on('status', '--watch', '--interval', '0.1', '--json'), {
      onOutput: (soFar, signal) => {
        if (soFar.split('\n').length > 3) signal();
      },
    });
    expect(code).toBe(0);
    expect(err).toContain('busy');
    const lines = out.trim().split('\n');
    expect(lines.length).toBeGreaterThanOrEqual(3);
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ root: node.status.root });
  });

  it('peers lists every peer with its lung, state and troubles', async () => {
    node.peers = [
      peerOf(),
      peerOf({
        peerId: '12D3KooWOther',
        lung: 'http',
        agreement: 'equal-except-refused',
        trustMatches: false,
        refused: { count: 2, reasons: { future: 2 } },
      }),
    ];
    const { out } = await run(on('peers'));
    for (const part of ['12D3KooWPeer', '12D3KooWOther', 'equal-except-refused', '2 future', 'trust list'])
      expect(out).toContain(part);
    node.peers = [];
    expect((await run(on('peers'))).out).toContain('no peers');
  });

  it('a page without anything is no last page: lists and searches go on with its cursor [A4]', async () => {
    await run(on('state', 'put', 'z', '1'));
    const left = new Set<string>();
    const emptyFirst = (): void => {
      for (const path of ['/api/v1/state', '/api/v1/conflicts']) left.add(path);
    };
    node.intercept = (path) =>
      left.delete(path) ? { status: 200, body: { entries: [], conflicts: [], cursor: '0' } } : undefined;
    emptyFirst();
    expect((await run(on('state', 'ls'))).out).toContain('z\t1');
    emptyFirst();
    expect((await run(on('conflicts'))).out).toContain('k2');
    emptyFirst();
    expect(await run(on('conflicts', 'show', 'k2'))).toMatchObject({ code: 0 });
    node.intercept = undefined;
  });

  it('conflicts follows cursors and lists every sibling', async () => {
    const { out } = await run(on('conflicts'));
    for (const part of ['k0', 'k1', 'k2', '1  shown  1', '2  other  (deleted)', 'by aa at 1970-01-01'])
      expect(out).toContain(part);
    const json = JSON.parse((await run(on('conflicts', '--limit', '2', '--json'))).out) as {
      conflicts: unknown[];
      cursor?: string;
    };
    expect(json.conflicts).toHaveLength(2);
    expect(json.cursor).toBe('2');
  });
});

describe('verify', () => {
  it('shows how far the check of the store is, until all is good [N17]', async () => {
    let asked = 0;
    node.intercept = (path) => {
      if (path !== '/api/v1/status') return undefined;
      const scrub = [
        { phase: 'entries' as const, round: 3, completed: 2, checked: 5, total: 9 },
        { phase: 'waiting' as const, round: 4, completed: 3, completedAt: 17, checked: 9, total: 9 },
      ][Math.min(asked++, 1)];
      return { status: 200, body: { ...node.status, now: 1, entries: 9, scrub } };
    };
    const { code, out } = await run(on('verify'));
    expect([code, out.split('\n')]).toEqual([
      0,
      [
        'Checking the entries: 5 of 9 entries',
        'All 9 entries, their signatures, the other rows and the files are good.',
        '',
      ],
    ]);
    expect(node.seen[0]).toBe('POST /api/v1/store/verify');
  });

  it('says that the node ended, and where to look', async () => {
    node.intercept = (path) => (path === '/api/v1/status' ? 'cut' : undefined);
    const ran = await run(on('verify', '--json'));
    expect(ran.code).not.toBe(0);
    expect(errorOf(ran)).toMatchObject({ code: 'node-died', next: expect.stringMatching(/log/) as string });
  });
});

describe('sync', () => {
  it('mode switches and now repairs', async () => {
    expect(await run(on('sync', 'mode', 'http', '--reason', 'a test'))).toMatchObject({
      code: 0,
      out: 'mode is http (a test)\n',
    });
    expect((await run(on('sync', 'now'))).code).toBe(0);
    expect(node.seen).toEqual(['POST /api/v1/sync/mode', 'POST /api/v1/sync/now', 'GET /api/v1/status']);
  });

  it('mode works on a node that takes no reason, and never loses one silently', async () => {
    node.intercept = (path) =>
      path === '/api/v1/sync/mode' ? problem(404, 'no-route', 'there is nothing under this path') : undefined;
    expect(await run(on('sync', 'mode', 'http'))).toMatchObject({ code: 0, out: 'mode is http\n' });
    expect(errorOf(await run(on('sync', 'mode', 'p2p', '--reason', 'why', '--json'))).code).toBe('not-supported');
    const refused = await run(['sync', 'mode', 'http', '--url', node.url, '--json']);
    expect([refused.code, errorOf(refused).code]).toEqual([1, 'mode-not-changed']);
  });

  it('an unknown mode is a usage error, a switch that was refused a failure', async () => {
    expect((await run(on('sync', 'mode', 'carrier-pigeon'))).code).toBe(2);
    const ran = await run(['sync', 'mode', 'http', '--url', node.url, '--json']);
    expect(ran.code).toBe(1);
    expect(errorOf(ran)).toMatchObject({ code: 'unauthorized', message: 'this needs the API token' });
  });
});

describe('proof get', () => {
  it('writes the document to stdout or to a new file', async () => {
    expect(JSON.parse((await run(on('proof', 'get', 'k'))).out)).toMatchObject({ key: 'k', kind: 'absent' });
    expect((await run(on('proof', 'get', 'k', '--out', 'k.proof'), { cwd: dir })).code).toBe(0);
    expect(JSON.parse(readFileSync(join(dir, 'k.proof'), 'utf8'))).toMatchObject({ key: 'k' });
    const again = errorOf(await run(on('proof', 'get', 'k', '--out', 'k.proof', '--json'), { cwd: dir }));
    expect([again.code, again.next]).toEqual(['exists', expect.stringContaining('--force')]);
    writeFileSync(join(dir, 'k.proof'), 'an older proof, longer than the new one'.repeat(1000));
    expect((await run(on('proof', 'get', 'k', '--out', 'k.proof', '--force'), { cwd: dir })).code).toBe(0);
    expect(JSON.parse(readFileSync(join(dir, 'k.proof'), 'utf8'))).toMatchObject({ key: 'k', kind: 'absent' });
  });
});

describe('token new', () => {
  it('takes an empty prefix for a mistake', async () => {
    const ran = await run(on('token', 'new', 'x', '--write', '', '--json'));
    expect([ran.code, errorOf(ran).code]).toEqual([2, 'usage']);
  });
});

describe('import', () => {
  const fixture = (name: string): string => new URL(`../../fixtures/original/${name}`, import.meta.url).pathname;

  it('writes absent keys only and says what it left alone [I2]', async () => {
    node.state.set('note', 'ours');
    const { code, out } = await run(on('import', fixture('snapshot.json')));
    expect(code).toBe(0);
    expect(out).toContain('snapshot.json: 3 keys, verified by its own Merkle root 32c6fbc1');
    expect(out).toContain('Imported 2 keys.');
    expect(out).toContain('Left alone 1 key with another value (see --overwrite):\n    note');
    expect(Object.fromEntries(node.state)).toEqual({
      note: 'ours',
      'account:one': { balance: 12, nonce: 0 },
      'account:two': { balance: 3, nonce: 1 },
    });
  });

  it('--overwrite replaces, --dry-run writes nothing, and again nothing is left to do [I2]', async () => {
    node.state.set('note', 'ours');
    const dry = await run(on('import', fixture('snapshot.json'), '--dry-run', '--json'));
    expect(JSON.parse(dry.out)).toMatchObject({
      dryRun: true,
      items: [{ kind: 'entries', checked: { verified: true }, taken: 2, known: 0, differing: ['note'] }],
      refused: [],
      totals: { taken: 2, known: 0, deleted: 0, differing: 1 },
    });
    expect(node.commits).toEqual([]);
    const totals = async (): Promise<unknown> =>
      (
        JSON.parse((await run(on('import', fixture('snapshot.json'), '--overwrite', '--json'))).out) as {
          totals: unknown;
        }
      ).totals;
    expect(await totals()).toEqual({ taken: 3, known: 0, deleted: 0, differing: 0 });
    expect(node.state.get('note')).toBe('größe');
    expect(await totals()).toEqual({ taken: 0, known: 3, deleted: 0, differing: 0 });
    expect(node.commits.length).toBe(1);
  });

  it.each([
    ['root-mismatch.json', 'snapshot-root-mismatch'],
    ['old-format.json', 'snapshot-root-mismatch'],
    ['refused-values.json', 'snapshot-values-refused'],
  ])('%s is refused and nothing is written', async (name, reason) => {
    const { code, err } = await run(on('import', fixture(name)));
    expect(code).toBe(1);
    expect(err).toContain('Nothing was imported.');
    expect(errorOf(await run(on('import', fixture(name), '--json'))).code).toBe(reason);
    expect(node.commits).toEqual([]);
  });

  it('names every value that cannot be represented', async () => {
    const { err } = await run(on('import', fixture('refused-values.json')));
    for (const key of ['big: ', 'deep: ', 'nan: ']) expect(err).toContain(key);
  });

  it('a missing file is a clear error', async () => {
    expect(errorOf(await run(on('import', 'none.json', '--json'), { cwd: dir })).code).toBe('file-unreadable');
  });
});

describe('an env file', () => {
  it('is read as a node reads it: older names, a byte order mark, a flaw named with its line', async () => {
    const { port } = new URL(node.url);
    writeFileSync(join(dir, 'old.env'), `\uFEFFAETHEL_API_PORT=${port}\nAETHEL_API_TOKEN=${TOKEN}\n`);
    const put = await run(['state', 'put', 'k', '1', '--env-file', 'old.env'], { cwd: dir });
    expect([put.code, node.state.get('k')]).toEqual([0, 1]);
    writeFileSync(join(dir, 'bad.env'), 'nonsense\n');
    const bad = await run(['status', '--env-file', 'bad.env', '--json'], { cwd: dir });
    expect([bad.code, errorOf(bad).code]).toEqual([2, 'invalid-config']);
    expect(errorOf(bad).message).toContain('bad.env: line 1: it is not');
    const none = await run(['status', '--env-file', 'none.env', '--json'], { cwd: dir });
    expect([none.code, errorOf(none).code]).toEqual([2, 'invalid-config']);
  });
});

describe('the URL of a node on this machine', () => {
  it.each([
    ['[::1]', 'http://[::1]:9'],
    ['fd00::1', 'http://[fd00::1]:9'],
    ['::', 'http://[::1]:9'],
    ['0.0.0.0', 'http://127.0.0.1:9'],
  ])('with API_HOST=%s is %s', async (host, url) => {
    writeFileSync(join(dir, 'host.env'), `DIOTEC360_API_HOST=${host}\nDIOTEC360_API_PORT=9\n`);
    const status = await run(['status', '--env-file', 'host.env', '--json', '--timeout', '1'], { cwd: dir });
    expect(errorOf(status).message).toContain(url);
  });
});

describe('text from files and standard input', () => {
  it('may begin with a byte order mark', async () => {
    const text = JSON.stringify({ state: {}, merkle_root: null, timestamp: 0 });
    writeFileSync(join(dir, 'snapshot.json'), `\uFEFF${text}`);
    expect((await run(on('import', 'snapshot.json'), { cwd: dir })).code).toBe(0);
    expect((await run(on('import', '-'), { stdin: `\uFEFF${text}` })).code).toBe(0);
    expect((await run(on('state', 'put', 'k', '-'), { stdin: '\uFEFF"v"' })).code).toBe(0);
    expect(node.state.get('k')).toBe('v');
  });
});

describe('init and id', () => {
  it('init writes a fleet that id and --env-file understand', async () => {
    const made = await run(
      [
        'init',
        '--dir',
        'f',
        '--nodes',
        '2',
        '--base-port',
        '18000',
        '--p2p-base-port',
        '19000',
        '--names',
        'b,a',
        '--json',
      ],
      { cwd: dir },
    );
    const fleet = JSON.parse(made.out) as { nodes: { name: string; api: string; peerId: string; publicKey: string }[] };
    expect(fleet.nodes.map(({ name, api }) => [name, api])).toEqual([
      ['b', 'http://127.0.0.1:18000'],
      ['a', 'http://127.0.0.1:18001'],
    ]);
    for (const source of [
      ['--env-file', 'f/b.env'],
      ['--key-file', 'f/b.key'],
    ]) {
      const { peerId, publicKey } = JSON.parse((await run(['id', ...source, '--json'], { cwd: dir })).out) as Record<
        string,
        string
      >;
      expect([peerId, publicKey]).toEqual([fleet.nodes[0]?.peerId, fleet.nodes[0]?.publicKey]);
    }
    const again = await run(['init', '--dir', 'f', '--names', 'b,a', '--json'], { cwd: dir });
    expect(again.code).toBe(1);
    expect(errorOf(again).code).toBe('exists');
  });

  it('init with a seed file is reproducible, and a bad one is a usage error', async () => {
    writeFileSync(join(dir, 'seed'), `${'5a'.repeat(32)}\n`);
    const first = await run(['init', '--dir', 'x', '--seed-file', 'seed', '--json'], { cwd: dir });
    const second = await run(['init', '--dir', 'y', '--seed-file', 'seed', '--json'], { cwd: dir });
    expect((JSON.parse(first.out) as { nodes: unknown }).nodes).toEqual(
      (JSON.parse(second.out) as { nodes: unknown }).nodes,
    );
    writeFileSync(join(dir, 'seed'), 'short');
    expect((await run(['init', '--dir', 'z', '--seed-file', 'seed'], { cwd: dir })).code).toBe(2);
    expect((await run(['init', '--dir', 'z', '--nodes', '3', '--names', 'a,b'], { cwd: dir })).code).toBe(2);
  });

  it('id and key show read the environment and the .env as start does', async () => {
    await run(['init', '--dir', 'f', '--nodes', '1'], { cwd: dir });
    const keyFile = join(dir, 'f', 'node1.key');
    const seed = readFileSync(keyFile, 'utf8').trim();
    const expected = JSON.parse((await run(['id', '--key-file', keyFile, '--json'])).out) as unknown;
    for (const env of [{ DIOTEC360_NODE_PRIVKEY_HEX: seed }, { DIOTEC360_KEY_FILE: 'f/node1.key' }])
      for (const argv of [['id'], ['key', 'show']])
        expect(JSON.parse((await run([...argv, '--json'], { cwd: dir, env })).out)).toEqual(expected);
    writeFileSync(join(dir, '.env'), 'DIOTEC360_KEY_FILE=f/node1.key\n', { mode: 0o600 });
    expect(JSON.parse((await run(['id', '--json'], { cwd: dir })).out)).toEqual(expected);
    // Peer ids are asked for while those of the others are not there yet, and stand as placeholders in the file.
    const unfinished =
      'DIOTEC360_P2P_ENABLED=true\nDIOTEC360_P2P_BOOTSTRAP=/ip4/api.example.com/tcp/9000/p2p/PEER_ID_2\n';
    appendFileSync(join(dir, '.env'), unfinished);
    expect(JSON.parse((await run(['id', '--json'], { cwd: dir })).out)).toEqual(expected);
    // A node that is named by its URL is asked, whatever the environment says.
    const env = { DIOTEC360_NODE_PRIVKEY_HEX: seed };
    expect((await run(['key', 'show', '--url', node.url], { env })).out).toContain(node.status.peerId);
  });

  it('id makes no key', async () => {
    const ran = await run(['id', '--key-file', 'none.key', '--json'], { cwd: dir });
    expect([ran.code, errorOf(ran).code]).toEqual([1, 'no-key']);
    expect(errorOf(await run(['id', '--json'], { cwd: dir })).message).toContain('node.key');
  });
});
