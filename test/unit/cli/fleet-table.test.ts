import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { errorOf, type FakeNode, peerOf, run, startFakeNode, TOKEN } from './support.ts';

let a: FakeNode;
let b: FakeNode;
let dir: string;
beforeEach(async () => {
  [a, b] = [await startFakeNode(), await startFakeNode()];
  a.status = { ...a.status, name: 'oslo' };
  b.status = { ...b.status, name: 'bergen', version: '9.9.9', conflicts: 1 };
  dir = mkdtempSync(join(tmpdir(), 'lattice-fleet-'));
  const node = (name: string, api: string) => ({
    name,
    role: '',
    peerId: '12D3KooWPeer',
    publicKey: 'aa'.repeat(32),
    api,
    p2p: '',
    envFile: `${name}.env`,
  });
  writeFileSync(
    join(dir, 'fleet.json'),
    JSON.stringify({
      network: 'n',
      nodes: [node('oslo', a.url), node('bergen', b.url), node('voss', 'http://127.0.0.1:1')],
    }),
  );
  for (const name of ['oslo', 'bergen']) writeFileSync(join(dir, `${name}.env`), `DIOTEC360_API_TOKEN=${TOKEN}\n`);
});
afterEach(async () => {
  await Promise.all([a.close(), b.close()]);
  rmSync(dir, { recursive: true, force: true });
});

interface Row {
  readonly name: string;
  readonly error?: { readonly code: string };
  readonly [field: string]: unknown;
}

const COMMANDS: readonly (readonly string[])[] = [
  ['status'],
  ['version'],
  ['peers'],
  ['cuts'],
  ['metrics', 'lattice'],
  ['conflicts'],
  ['sync', 'status'],
];

describe.each(COMMANDS.map((argv) => [argv.join(' '), argv] as const))('%s --fleet', (_, argv) => {
  beforeEach(() => {
    for (const node of [a, b])
      node.intercept = (path) =>
        path === '/metrics' ? { status: 200, type: 'text/plain', body: 'lattice_x{peer="y"} 2\n' } : undefined;
  });

  it('has a row for each node of a fleet.json; one that does not answer has its reason and exit code 1', async () => {
    const text = await run([...argv, '--fleet', 'fleet.json'], { cwd: dir });
    expect([text.code, text.err]).toEqual([1, '']);
    expect(text.out).toMatch(/^oslo /m);
    expect(text.out).toMatch(/^bergen /m);
    expect(text.out).toMatch(/^voss +no answer: cannot reach http:\/\/127\.0\.0\.1:1: the connection is refused$/m);
    const data = await run([...argv, '--fleet', 'fleet.json', '--json'], { cwd: dir });
    const { nodes } = JSON.parse(data.out) as { nodes: readonly Row[] };
    expect(nodes.map(({ name, error }) => [name, error?.code])).toEqual([
      ['oslo', undefined],
      ['bergen', undefined],
      ['voss', 'unreachable'],
    ]);
  });

  it('has exit code 3 when none answers', async () => {
    await Promise.all([a.close(), b.close()]);
    expect((await run([...argv, '--fleet', 'fleet.json'], { cwd: dir })).code).toBe(3);
  });
});

it('tells that the roots of nodes that say CONVERGED differ at that look', async () => {
  const look = async (): Promise<string> => (await run(['status', '--fleet', 'fleet.json'], { cwd: dir })).out;
  expect(await look()).not.toContain('The roots differ');
  b.status = { ...b.status, root: '33'.repeat(32) };
  expect(await look()).toContain('The roots differ at this look: the newest writes are on their way.');
});

it('asks the nodes that the asked one knows, and gives its token to none of them', async () => {
  a.peers = [
    peerOf({ peerId: 'b', name: 'bergen', label: 'bergen', url: b.url }),
    peerOf({ peerId: 'c', name: 'voss', label: 'voss', url: undefined as never }),
    peerOf({ peerId: 'd', name: 'stranger', label: 'stranger', trusted: false, configured: false }),
  ];
  const seen: unknown[] = [];
  b.intercept = (_, headers) => void seen.push(headers.authorization);
  const { code, out } = await run(['status', '--fleet', '--url', a.url, '--token', TOKEN]);
  expect(code).toBe(1);
  expect(out).toMatch(/^oslo +CONVERGED/m);
  expect(out).toMatch(/^bergen +CONVERGED/m);
  expect(out).toMatch(/^voss +no answer: the asked node reaches it over P2P alone/m);
  expect(out).not.toContain('stranger');
  expect(out).toMatch(/^oslo: {4}Both other nodes hold the same state as this one\.$/m);
  // Its status, and the roster that it goes by.
  expect(seen).toEqual([undefined, undefined]);
});

it('takes the fleet of the context in use', async () => {
  const env = { HOME: dir };
  await run(['context', 'add', 'home', '--fleet', 'fleet.json'], { cwd: dir, env });
  const { out } = await run(['version', '--fleet', '--json'], { cwd: dir, env });
  expect((JSON.parse(out) as { nodes: readonly Row[] }).nodes.map(({ name, version }) => [name, version])).toEqual([
    ['oslo', '0.0.0'],
    ['bergen', '9.9.9'],
    ['voss', undefined],
  ]);
});

it('verify --fleet has every node check its store, with the token of its env file', async () => {
  for (const node of [a, b])
    node.status = {
      ...node.status,
      scrub: { phase: 'waiting', round: 4, completed: 3, completedAt: 0, checked: 9, total: 9 },
    };
  const { code, out } = await run(['verify', '--fleet', 'fleet.json', '--utc'], { cwd: dir });
  expect(code).toBe(1);
  expect(out.split('\n').slice(1, 3)).toEqual([
    'oslo    all 3 entries and the files are good  1970-01-01 00:00:00Z',
    'bergen  all 3 entries and the files are good  1970-01-01 00:00:00Z',
  ]);
  expect([a, b].map(({ seen }) => seen.includes('POST /api/v1/store/verify'))).toEqual([true, true]);
});

describe('version', () => {
  it('asks no node unless one is named', async () => {
    expect((await run(['version'])).out).toMatch(/^lattice \d+\.\d+\.\d+\S*, Node\.js v\d+/);
    const { out } = await run(['version', '--url', b.url]);
    expect(out).toContain(`bergen at ${b.url} runs 9.9.9`);
    const silent = await run(['version', '--url', 'http://127.0.0.1:1', '--json']);
    expect([silent.code, errorOf(silent).code]).toEqual([3, 'unreachable']);
  });
});
