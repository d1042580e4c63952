import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../../src/core/types/index.ts';
import type { ReadOnlyCode } from '../../../src/runtime/facade/codes.ts';
import type { NodeStatus } from '../../../src/runtime/facade/index.ts';
import { errorOf, type FakeNode, peerOf, problem, run, startFakeNode, TOKEN } from './support.ts';

let nodes: FakeNode[];
beforeEach(async () => {
  nodes = await Promise.all([0, 1, 2].map(startFakeNode));
  nodes.forEach((node, i) => {
    set(node, { name: `n${i}`, peerId: `12D3KooW${i}` });
    node.peers = nodes.flatMap((peer, j) => (i === j ? [] : [peerOf({ peerId: `12D3KooW${j}`, url: peer.url })]));
  });
});
afterEach(() => Promise.all(nodes.map((node) => node.close())));

function set(node: FakeNode | undefined, change: Partial<NodeStatus>): void {
  if (node !== undefined) node.status = { ...node.status, ...change };
}
const doctor = (...argv: string[]) => run(['doctor', ...nodes.map((node) => node.url), '--settle', '0', ...argv]);

interface Report {
  readonly ok: boolean;
  readonly nodes: readonly {
    readonly reachable: boolean;
    readonly findings: readonly { readonly level: string; readonly text: string; readonly next?: string }[];
  }[];
  readonly fleet: readonly { readonly level: string; readonly text: string; readonly next?: string }[];
}

describe('doctor', () => {
  it('says that all is well with exit code 0', async () => {
    const { code, out, err } = await doctor();
    expect([code, err]).toEqual([0, '']);
    expect(out).not.toContain('✗');
    expect(out).toContain(`same root on 3 nodes: ${nodes[0]?.status.root}`);
  });

  const faults: readonly (readonly [string, () => void, string])[] = [
    [
      'P2P without peers',
      () => set(nodes[0], { p2p: { ...(nodes[0] as FakeNode).status.p2p, peers: 0 } }),
      'without a peer',
    ],
    [
      'P2P that failed',
      () =>
        set(nodes[0], { p2p: { ...(nodes[0] as FakeNode).status.p2p, state: 'failed', error: 'port 9000 is taken' } }),
      'port 9000 is taken',
    ],
    [
      'a read-only node',
      () => set(nodes[1], { writable: false, readOnlyReasons: [{ code: 'clone', text: 'restored backup' }] }),
      'restored backup',
    ],
    ['different roots', () => set(nodes[2], { root: 'ff'.repeat(32) }), 'different root'],
    [
      'different trust lists',
      () => set(nodes[2], { trust: { hash: 'ee'.repeat(32), authors: [] } }),
      'different trust list',
    ],
    ['different networks', () => set(nodes[2], { network: 'other' }), 'different network'],
    [
      'one key on two nodes',
      () => set(nodes[2], { peerId: '12D3KooW0', incarnation: 'ffffffffffffffff' }),
      'with the same key',
    ],
    [
      'an HTTP peer out of reach',
      () =>
        ((nodes[0] as FakeNode).peers = [peerOf({ http: { reachable: false, streaming: false, error: 'refused' } })]),
      'over HTTP: refused',
    ],
    [
      'HTTP sync behind a filter',
      () =>
        ((nodes[0] as FakeNode).intercept = (p) =>
          p === '/api/v1/sync/identity' ? problem(403, 'x', 'x') : undefined),
      'status 403',
    ],
    [
      'a status that cannot be read',
      () =>
        ((nodes[0] as FakeNode).intercept = (p) => (p === '/api/v1/status' ? { status: 500, body: {} } : undefined)),
      'cannot be read',
    ],
  ];
  it.each(faults)('finds %s, says what to do, and exits 1', async (_name, fault, text) => {
    fault();
    const { code, out } = await doctor('--json');
    expect(code).toBe(1);
    const report = JSON.parse(out) as Report;
    expect(report.ok).toBe(false);
    const found = [...report.nodes.flatMap((n) => n.findings), ...report.fleet].filter((f) => f.level === 'bad');
    expect(found.map((f) => f.text).join('\n')).toContain(text);
    for (const finding of found) expect(finding.next).toMatch(/\w/);
    expect((await doctor()).out).toContain('✗');
  });

  it('finds a clock that is off', async () => {
    const node = nodes[0] as FakeNode;
    node.intercept = (p) =>
      p === '/api/v1/status' ? { status: 200, body: { ...node.status, now: Date.now() + 60_000 } } : undefined;
    const { code, out } = await doctor();
    expect(code).toBe(1);
    expect(out).toMatch(/✗ its clock is (59|60)\d{3} ms ahead/);
  });

  it('one node down is exit code 1, all down 3', async () => {
    await nodes[0]?.close();
    const one = await doctor('--json');
    expect(one.code).toBe(1);
    expect((JSON.parse(one.out) as Report).nodes.map((n) => n.reachable)).toEqual([false, true, true]);
    await Promise.all(nodes.map((node) => node.close()));
    expect((await doctor()).code).toBe(3);
    nodes = [];
  });

  it('waits for roots that become equal', async () => {
    const late = nodes[2] as FakeNode;
    const root = late.status.root;
    let looks = 0;
    late.intercept = (p) => {
      if (p === '/api/v1/status') set(late, { root: ++looks < 3 ? 'ff'.repeat(32) : root });
      return undefined;
    };
    expect((await run(['doctor', ...nodes.map((n) => n.url), '--settle', '20'])).code).toBe(0);
    expect(looks).toBe(3);
  });

  it.each<readonly [code: ErrorCode | undefined, next: string]>([
    ['http-status', 'let /api/v1/sync pass unchanged'],
    ['not-a-lattice-node', 'let /api/v1/sync pass unchanged'],
    ['sync-forbidden', 'DIOTEC360_TRUSTED_STATE_PUBKEYS of that one'],
    ['peer-unreachable', 'Start that node'],
    [undefined, 'Start that node'],
  ])('what to do about a peer out of reach follows from the code %s, whatever the error says', async (code, next) => {
    const http = { reachable: false, streaming: false, error: 'it answered with status 200' };
    (nodes[0] as FakeNode).peers = [peerOf({ http: { ...http, ...(code === undefined ? {} : { errorCode: code }) } })];
    expect((await doctor()).out).toContain(next);
  });

  it.each<readonly [code: ReadOnlyCode, next: string]>([
    ['clone', 'Stop the other node'],
    ['disk', 'Free some space'],
    ['of a later version' as ReadOnlyCode, 'Remove the cause'],
  ])('what to do about a read-only node follows from the code %s of the reason', async (code, next) => {
    set(nodes[1], { writable: false, readOnlyReasons: [{ code, text: 'it cannot write' }] });
    expect((await doctor()).out).toContain(next);
  });

  it('P2P switched off and warnings are remarks, not failures', async () => {
    set(nodes[0], {
      p2p: { enabled: false, state: 'off', topic: 't', listen: [], bootstrap: [], peers: 0 },
      warnings: [{ code: 'configuration', text: 'unknown name' }],
    });
    const { code, out } = await doctor();
    expect(code).toBe(0);
    expect(out).toContain('· P2P is off');
    expect(out).toContain('! unknown name');
  });

  it('--fleet takes the nodes of a fleet.json and checks who answers', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'lattice-doctor-'));
    try {
      const file = join(dir, 'fleet.json');
      const fleetOf = (peerId: (i: number) => string) => ({
        network: 'n',
        nodes: nodes.map((node, i) => ({
          name: `n${i}`,
          role: '',
          peerId: peerId(i),
          publicKey: '',
          api: node.url,
          p2p: '',
          envFile: '',
        })),
      });
      writeFileSync(file, JSON.stringify(fleetOf((i) => `12D3KooW${i}`)));
      expect((await run(['doctor', '--fleet', file, '--settle', '0'])).code).toBe(0);
      writeFileSync(file, JSON.stringify(fleetOf((i) => `12D3KooW${(i + 1) % 3}`)));
      const wrong = await run(['doctor', '--fleet', file, '--settle', '0']);
      expect(wrong.code).toBe(1);
      expect(wrong.out).toContain('is 12D3KooW0, not 12D3KooW1');
      for (const bad of ['{', '[]', '{"network":"n","nodes":[]}', '{"network":"n","nodes":[{"name":"x"}]}', 'null']) {
        writeFileSync(file, bad);
        expect(errorOf(await run(['doctor', '--fleet', file, '--json'])).code).toBe('fleet-malformed');
      }
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it('without names looks at the node that --url names', async () => {
    expect((await run(['doctor', '--url', nodes[0]?.url ?? ''])).code).toBe(0);
  });

  const outside = (node: number, change: Parameters<typeof peerOf>[0]): void => {
    const witness = nodes[1] as FakeNode;
    witness.peers = witness.peers.map((peer) => (peer.peerId === `12D3KooW${node}` ? { ...peer, ...change } : peer));
  };

  it('several nodes are asked about each other', async () => {
    expect((await doctor()).out).toContain('reached from outside over P2P by 2 of 2, over HTTP by 2 of 2');
    outside(0, { p2p: { connected: false } });
    const { out } = await doctor();
    expect(out).toContain('reached from outside over P2P by 1 of 2, over HTTP by 2 of 2');
    expect(out).toContain(`! ${nodes[1]?.url} does not reach it over P2P`);
  });

  it('a single node’s peers are asked about it, without the token', async () => {
    outside(0, { http: { reachable: false, streaming: false, error: 'refused' }, configured: false });
    let authorised = 0;
    (nodes[1] as FakeNode).intercept = (_path, headers) =>
      void (authorised += headers.authorization === undefined ? 0 : 1);
    const { code, out } = await run(['doctor', '--url', nodes[0]?.url ?? '', '--token', TOKEN, '--settle', '0']);
    expect([code, authorised]).toEqual([1, 0]);
    expect(out).toContain(`✗ ${nodes[1]?.url} does not reach it over HTTP: refused`);
    expect(nodes[1]?.seen).toEqual(['GET /api/v1/status', 'GET /api/v1/peers']);
  });

  it('a peer that does not know the node is named, one that cannot be asked is a remark', async () => {
    (nodes[1] as FakeNode).peers = [];
    await nodes[2]?.close();
    const { code, out } = await run(['doctor', '--url', nodes[0]?.url ?? '', '--settle', '0']);
    expect(code).toBe(0);
    expect(out).toContain(`! ${nodes[1]?.url} does not know it`);
    expect(out).toContain(`· from here these peers could not be asked: ${nodes[2]?.url}`);
  });

  it('names a full disk, a closed P2P port, a node that is not ready, other versions, and a lone trust list', async () => {
    const node = nodes[0] as FakeNode;
    const closed = await startFakeNode();
    await closed.close();
    set(node, {
      version: '9.9.9',
      author: 'aa',
      trust: { hash: '22'.repeat(32), authors: ['aa'] },
      p2p: {
        ...node.status.p2p,
        listen: [`/ip4/127.0.0.1/tcp/${new URL(closed.url).port}`, `/ip4/127.0.0.1/tcp/${new URL(node.url).port}`],
      },
    });
    node.peers = [peerOf({ author: 'bb', configured: false })];
    node.intercept = (path) => {
      if (path === '/api/v1/resources')
        return {
          status: 200,
          body: { disk: { path: '/data', freeBytes: 2 ** 30, totalBytes: 2 ** 40 }, eventLoop: { p99Ms: 900 } },
        };
      return path === '/readyz'
        ? {
            status: 503,
            body: { status: 'not-ready', reasons: [{ code: 'bootstrap', text: 'the state is being fetched' }] },
          }
        : undefined;
    };
    const { code, out } = await doctor();
    expect(code).toBe(0);
    for (const part of [
      '! 1.0 GiB of 1.0 TiB are free in /data',
      `! P2P port ${new URL(closed.url).port} cannot be reached from here at 127.0.0.1`,
      `✓ P2P port ${new URL(node.url).port} is open`,
      '! not ready: the state is being fetched',
      '! different version: 9.9.9 on',
      'DIOTEC360_TRUSTED_STATE_PUBKEYS=aa,bb',
      '! it is busy',
    ])
      expect(out).toContain(part);
  });

  it('--check answers one line with the exit codes of monitoring plugins', async () => {
    const check = async () => {
      const { code, out } = await doctor('--check');
      expect(out.trimEnd().split('\n')).toHaveLength(1);
      return [code, out] as const;
    };
    expect(await check()).toEqual([
      0,
      expect.stringMatching(/^LATTICE OK - 3 nodes, root 1{64} \| nodes=3 reachable=3 critical=0 warnings=0 roots=1 /),
    ]);
    set(nodes[0], { warnings: [{ code: 'configuration', text: 'a | b\nc' }] });
    expect(await check()).toEqual([
      1,
      expect.stringMatching(/^LATTICE WARNING - http:\S+: a \/ b\\u000ac \| nodes=3 /),
    ]);
    set(nodes[1], { writable: false, readOnlyReasons: [{ code: 'disk', text: 'the disk is full' }] });
    expect(await check()).toEqual([
      2,
      expect.stringMatching(/^LATTICE CRITICAL - http:\S+: read-only: the disk is full \(and 1 more\) \|/),
    ]);
    await nodes[2]?.close();
    expect((await check())[0]).toBe(2);
    await Promise.all(nodes.map((node) => node.close()));
    expect(await check()).toEqual([3, expect.stringMatching(/^LATTICE UNKNOWN - .* reachable=0 /)]);
    nodes = [];
  });

  it('pings where a token is known: the tokens beside a fleet.json are used for their own nodes', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'lattice-doctor-'));
    try {
      nodes.forEach((_, i) => writeFileSync(join(dir, `n${i}.env`), `DIOTEC360_API_TOKEN=${TOKEN}\n`));
      const members = nodes.map((node, i) => ({
        name: `n${i}`,
        role: '',
        peerId: `12D3KooW${i}`,
        publicKey: '',
        api: node.url,
        p2p: '',
        envFile: `n${i}.env`,
      }));
      writeFileSync(join(dir, 'fleet.json'), JSON.stringify({ network: 'n', nodes: members }));
      (nodes[1] as FakeNode).intercept = (path, headers) =>
        path === '/api/v1/peers/ping' && headers.authorization === `Bearer ${TOKEN}`
          ? {
              status: 200,
              body: {
                peer: 'x',
                results: [
                  { lung: 'p2p', ok: true },
                  { lung: 'http', ok: false, error: 'no route' },
                ],
              },
            }
          : undefined;
      const { out } = await run(['doctor', '--fleet', join(dir, 'fleet.json'), '--settle', '0']);
      expect(out).toContain(`! ${nodes[1]?.url} does not reach it over HTTP: no route`);
      expect(nodes[0]?.seen).toContain('POST /api/v1/peers/ping');
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
