import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../../src/core/types/index.ts';
import type { ReadOnlyCode } from '../../../src/runtime/facade/codes.ts';
import type { MemberView, NodeStatus } from '../../../src/runtime/facade/index.ts';
import { errorOf, type FakeNode, peerOf, problem, run, startFakeNode, TOKEN } from './support.ts';

let nodes: FakeNode[];
beforeEach(async () => {
  nodes = await Promise.all([0, 1, 2].map(startFakeNode));
  nodes.forEach((node, i) => {
    set(node, {
      name: `n${i}`,
      peerId: `12D3KooW${i}`,
      author: `author${i}`,
      trust: { hash: '22'.repeat(32), authors: ['author0', 'author1', 'author2'] },
    });
    node.peers = nodes.flatMap((peer, j) =>
      i === j ? [] : [peerOf({ peerId: `12D3KooW${j}`, author: `author${j}`, label: `n${j}`, url: peer.url })],
    );
  });
});
afterEach(() => Promise.all(nodes.map((node) => node.close())));

function set(node: FakeNode | undefined, change: Partial<NodeStatus>): void {
  if (node !== undefined) node.status = { ...node.status, ...change };
}
/** Has a node refuse writes, as its status and its verdict tell. */
function refuseWrites(node: FakeNode | undefined, code: ReadOnlyCode, text: string, next?: string): void {
  const said = `This node refuses writes: ${text}.`;
  const reason = { code, text: said, heals: 'operator' as const, ...(next === undefined ? {} : { next }) };
  set(node, {
    writable: false,
    readOnlyReasons: [{ code, text }],
    verdict: { kind: 'READ_ONLY', since: 1, sentence: said, reasons: [reason], members: [] },
  });
}
const memberOf = (i: number, change: Partial<MemberView> = {}): MemberView => ({
  author: `author${i}`,
  peerId: `12D3KooW${i}`,
  label: `n${i}`,
  lung: 'http',
  agreement: 'equal',
  ...change,
});
/** What a node says of another one that it does not hear. */
function missing(node: FakeNode | undefined, i: number, next?: string): void {
  const text = `n${i} has not been heard since 05:58.`;
  const reason = { code: 'not-heard', text, author: `author${i}`, name: `n${i}`, heals: 'operator' } as const;
  const member = memberOf(i, { lung: 'none', agreement: 'not-heard' });
  set(node, {
    verdict: {
      kind: 'DEGRADED',
      since: 1,
      sentence: `1 of 2 other nodes is unreachable: n${i}, since 05:58.`,
      reasons: [{ ...reason, ...(next === undefined ? {} : { next }) }],
      members: [member],
    },
  });
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

describe('doctor, of the vault', () => {
  const ALL_HERE = {
    policy: 'all',
    store: 'files',
    maxObjectBytes: 1,
    objects: 3,
    bytes: 30,
    here: { objects: 3, bytes: 30 },
    missing: { objects: 0, bytes: 0 },
    fetching: [],
    damaged: [],
    leftOut: [],
    odd: 0,
    starting: false,
  } as const;
  const MISSING = { ...ALL_HERE, here: { objects: 1, bytes: 10 }, missing: { objects: 2, bytes: 20 } };
  const FETCH = { hash: 'ab'.repeat(32), size: 10, bytesHere: 0, from: [] };
  const waiting = { reason: 'No reachable member has the bytes: start a node that holds them.', retryAt: 1 };

  it.each<[string, NonNullable<NodeStatus['vault']>, string, string, number]>([
    ['all is here', ALL_HERE, 'ok', 'its vault has all that its policy asks for', 0],
    ['objects come', { ...MISSING, fetching: [FETCH] }, 'info', 'its vault is fetching 2 objects (20 B)', 0],
    [
      'objects do not come',
      { ...MISSING, fetching: [{ ...FETCH, waiting }] },
      'note',
      'its vault lacks 2 objects (20 B): No reachable member',
      0,
    ],
    [
      'an object is damaged',
      { ...ALL_HERE, damaged: [{ hash: 'ab'.repeat(32), at: 1, text: 'Object ab is damaged: block 3.' }] },
      'bad',
      '1 object of its vault is damaged: Object ab is damaged: block 3.',
      1,
    ],
    ['it stands still', { ...ALL_HERE, paused: 'The disk is full.' }, 'bad', 'its vault fetches nothing: The disk', 1],
  ])('where %s', async (_, vault, level, text, exit) => {
    set(nodes[0], { vault });
    const { code, out } = await doctor('--json');
    expect(code).toBe(exit);
    const findings = (JSON.parse(out) as Report).nodes[0]?.findings ?? [];
    expect(findings.filter((one) => one.text.includes('vault'))).toMatchObject([
      { level, text: expect.stringContaining(text) as string },
    ]);
  });
});

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
      () => {
        const { p2p, verdict } = (nodes[0] as FakeNode).status;
        set(nodes[0], { p2p: { ...p2p, peers: 0 }, verdict: { ...verdict, members: [memberOf(1)] } });
      },
      'without a peer',
    ],
    [
      'P2P that failed',
      () =>
        set(nodes[0], { p2p: { ...(nodes[0] as FakeNode).status.p2p, state: 'failed', error: 'port 9000 is taken' } }),
      'port 9000 is taken',
    ],
    ['a read-only node', () => refuseWrites(nodes[1], 'clone', 'restored backup'), 'restored backup'],
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
    expect(out).toMatch(/✗ n0: its clock is (59|60) s ahead/);
  });

  it.each([[null], [{}], [{ status: 'UP', peers: 1 }]])('names a service that is no node: %j', async (body) => {
    const [node] = nodes as [FakeNode];
    node.intercept = () => ({ status: 200, body });
    const ran = await run(['doctor', '--url', node.url, '--settle', '0']);
    expect([ran.code, ran.err]).toEqual([1, '']);
    expect(ran.out).toMatch(/answered JSON that no node answers|gave an answer that no node gives/);
    expect(ran.out).toContain('Check that the URL is a Lattice node');
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

  it('tells once that two nodes have one name', async () => {
    for (const [i, order] of ['a and b', 'b and a', 'b and a'].entries())
      set(nodes[i], { warnings: [{ code: 'same-name', text: `two nodes are named oslo (${order})` }] });
    const { out } = await doctor();
    expect(out.match(/two nodes are named/g)).toHaveLength(1);
    expect(out).toContain('! n0, n1, n2: two nodes are named oslo (a and b)');
  });

  it('does not wait for what no waiting mends', async () => {
    await nodes[2]?.close();
    let looks = 0;
    (nodes[0] as FakeNode).intercept = (path) => void (looks += path === '/api/v1/status' ? 1 : 0);
    expect((await run(['doctor', ...nodes.map((n) => n.url), '--settle', '600'])).code).toBe(1);
    expect(looks).toBe(1);
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

  it('what to do about a read-only node is what the node says', async () => {
    refuseWrites(nodes[1], 'disk', 'it cannot write', 'Free some space.');
    expect((await doctor()).out).toContain('→ Free some space.');
    refuseWrites(nodes[1], 'disk', 'it cannot write');
    expect((await doctor()).out).toContain('→ Remove the cause that it names.');
  });

  it('P2P switched off and warnings are remarks, not failures', async () => {
    set(nodes[0], {
      p2p: { enabled: false, state: 'off', topic: 't', listen: [], bootstrap: [], peers: 0 },
      warnings: [{ code: 'configuration', text: 'unknown name' }],
    });
    const { code, out } = await doctor();
    expect(code).toBe(0);
    expect(out).toContain('· P2P is off');
    expect(out).toContain('! n0: unknown name');
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
      const { url } = nodes[0] as FakeNode;
      await nodes[0]?.close();
      const down = await run(['doctor', '--fleet', file, '--settle', '0']);
      expect(down.out).toContain(`✗ n0: cannot reach ${url}: the connection is refused`);
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
    expect(out).toContain('! n0: n1 does not reach it over P2P');
  });

  it('a single node’s peers are asked about it, without the token', async () => {
    outside(0, { http: { reachable: false, streaming: false, error: 'refused' } });
    let authorised = 0;
    (nodes[1] as FakeNode).intercept = (_path, headers) =>
      void (authorised += headers.authorization === undefined ? 0 : 1);
    const { code, out } = await run(['doctor', '--url', nodes[0]?.url ?? '', '--token', TOKEN, '--settle', '0']);
    expect([code, authorised]).toEqual([1, 0]);
    expect(out).toContain('✗ n0: n1 does not reach it over HTTP: refused');

    expect(nodes[1]?.seen).toEqual(['GET /api/v1/status', 'GET /api/v1/peers']);
    // A node that only dials out is reached by the connection that it opened.
    outside(0, { configured: false });
    expect((await run(['doctor', '--url', nodes[0]?.url ?? '', '--settle', '0'])).code).toBe(0);
  });

  it('a peer that does not know the node is named, one that cannot be asked is a remark', async () => {
    (nodes[1] as FakeNode).peers = [];
    await nodes[2]?.close();
    const { code, out } = await run(['doctor', '--url', nodes[0]?.url ?? '', '--settle', '0']);
    expect(code).toBe(0);
    expect(out).toContain('! n0: n1 does not know it');
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
      '! n0: 1.0 GiB of 1.0 TiB are free in /data',
      `! n0: P2P port ${new URL(closed.url).port} cannot be reached from here at 127.0.0.1`,
      `✓ P2P port ${new URL(node.url).port} is open`,
      '! n0: not ready: the state is being fetched',
      '! different version: 9.9.9 on n0; 0.0.0 on n1, n2',
      'DIOTEC360_TRUSTED_STATE_PUBKEYS=aa,bb',
      '! n0: it is busy',
    ])
      expect(out).toContain(part);
  });

  const badOf = async (...argv: string[]) => {
    const { out } = await doctor('--json', ...argv);
    const { causes } = JSON.parse(out) as { causes: { level: string; text: string; next?: string; nodes: string[] }[] };
    return causes.filter(({ level }) => level === 'bad').map(({ text, next, nodes: who }) => [text, next, who]);
  };

  it('one node that is down is one cause, whatever the others tell about it', async () => {
    missing(nodes[0], 2);
    missing(nodes[1], 2);
    for (const node of nodes.slice(0, 2))
      node.peers = node.peers.map((peer) =>
        peer.label === 'n2'
          ? { ...peer, lung: 'none', http: { reachable: false, streaming: false, error: 'connection refused' } }
          : peer,
      );
    set(nodes[0], { root: '33'.repeat(32) });
    await nodes[2]?.close();
    expect(await badOf()).toEqual([
      [expect.stringMatching(/^cannot reach http\S+: the connection is refused$/), expect.anything(), ['n2']],
    ]);
    const { out } = await doctor();
    expect(out.split('\n')[0]).toMatch(/^✗ n2: cannot reach/);
  });

  it('a URL at which nobody has answered since the start is the member that answered there before', async () => {
    missing(nodes[0], 1, 'See the firewall.');
    const [node] = nodes as [FakeNode];
    const url = 'http://127.0.0.1:9';
    const http = { reachable: false, streaming: false, error: 'the connection is refused' };
    const { peerId: _id, author: _author, ...peer } = peerOf({ url, label: url, http });
    node.peers = [peer];
    const members = node.status.verdict.members.map((member) => ({ ...member, url }));
    set(node, { verdict: { ...node.status.verdict, members } });
    expect((await badOf()).map(([text]) => text)).toEqual(['n1 has not been heard since 05:58.']);
  });

  it('two nodes that do not hear each other are one cause', async () => {
    missing(nodes[0], 1, 'See the firewall.');
    missing(nodes[1], 0, 'See the firewall.');
    expect(await badOf()).toEqual([['n1 has not been heard since 05:58.', 'See the firewall.', ['n0', 'n1']]]);
  });

  it('members that do not trust this node are one cause, with the key to add there', async () => {
    const http = { reachable: false, streaming: false, error: 'HTTP 403', errorCode: 'sync-forbidden' as const };
    const members = [1, 2].map((i) => memberOf(i, { lung: 'none', agreement: 'never-heard' }));
    const reasons = members.map(({ author = '', label }) => {
      const text = `${label} was never heard.`;
      return { code: 'never-heard', text, author, name: label, heals: 'operator' } as const;
    });
    set(nodes[0], {
      author: 'key0',
      warnings: [{ code: 'clock-unchecked', text: 'no other clock was compared with' }],
      verdict: { kind: 'ISOLATED', since: 1, sentence: 'None is reachable.', reasons, members },
    });
    (nodes[0] as FakeNode).peers = [1, 2].map((i) =>
      peerOf({
        peerId: `12D3KooW${i}`,
        author: `author${i}`,
        label: `n${i}`,
        url: nodes[i]?.url ?? '',
        lung: 'none',
        http,
      }),
    );
    for (const node of nodes.slice(1)) node.peers = node.peers.filter(({ label }) => label !== 'n0');
    const text = 'n1 and n2 refuse this node: its key is not on the trust lists there';
    const next =
      'Put key0 on the trust list (DIOTEC360_TRUSTED_STATE_PUBKEYS) of n1 and n2, and have it read there: lattice config reload.';
    expect(await badOf()).toEqual([[text, next, ['n0']]]);
    const { causes } = JSON.parse((await doctor('--json')).out) as { causes: readonly unknown[] };
    expect(causes).toHaveLength(1);
  });

  it('a change that waits is one cause, with who has not approved; so is a retired peer that is still configured', async () => {
    const member = { peerId: '12D3KooW2', urls: [], multiaddrs: [], self: false };
    const roster = {
      epoch: 4,
      hash: 'aa'.repeat(32),
      certify: 'majority',
      retentionMs: 1,
      start: 1,
      abstains: 'its store is new',
      warnings: [],
      members: [{ ...member, author: 'author2', name: 'old', role: 'retired', until: 1 }],
    };
    const change = {
      id: 'cd'.repeat(32),
      action: { kind: 'retire', author: 'author1' },
      stage: 'waiting',
      text: 'n1 retires.',
      why: '',
      approvals: [{ author: 'author0', name: 'n0', expires: 2 }],
      needed: 2,
      missing: [
        { author: 'author1', name: 'n1' },
        { author: 'author3', name: '' },
      ],
      since: Date.UTC(2026, 0, 2, 3, 4, 5),
    };
    for (const node of nodes)
      node.intercept = (path) =>
        path === '/api/v1/members/changes'
          ? { status: 200, body: { items: [change] } }
          : path === '/api/v1/members'
            ? { status: 200, body: roster }
            : undefined;
    for (const node of nodes.slice(0, 2))
      node.peers = [
        ...node.peers,
        peerOf({
          author: 'author2',
          peerId: '12D3KooWold',
          label: 'old',
          configured: true,
          url: 'http://old.test',
          http: { reachable: false, streaming: false, error: 'refused' },
        }),
      ];
    const { causes, nodes: told } = JSON.parse((await doctor('--json')).out) as {
      causes: readonly { text: string; next?: string; nodes: readonly string[] }[];
      nodes: readonly { findings: readonly { level: string; text: string }[] }[];
    };
    const find = (part: string) => causes.filter(({ text }) => text.includes(part));
    const [waits, ...more] = find('a change waits');
    expect(more).toEqual([]);
    expect(waits?.text).toMatch(
      /since 2026-01-02 03:04:05.*n1 retires\. 1 of 2 approvals are here; n1 and author3 have not/,
    );
    expect(waits?.next).toContain('lattice members approve cdcdcdcd');
    // That an address still stands somewhere makes nothing worse.
    expect(find('old ')).toEqual([]);
    const stale = told.map(({ findings }) => findings.filter(({ text }) => /old left .* still configured/.test(text)));
    expect(stale.map((found) => found.map(({ level }) => level))).toEqual([['info'], ['info'], []]);
    expect(find('takes no part in decisions')[0]?.text).toContain('its store is new');
  });

  it('nodes of a decided roster are compared by it', async () => {
    for (const [i, node] of nodes.entries())
      set(node, { trust: { hash: (i === 2 ? 'ee' : 'dd').repeat(32), authors: [], epoch: i === 2 ? 1 : 2 } });
    const { out } = await doctor('--json');
    expect(out).toContain('different roster: that of epoch 2');
    expect(out).toContain('Those behind epoch 2 catch up by themselves');
    expect(out).not.toContain('TRUSTED_STATE_PUBKEYS');
  });

  it('P2P that no node gets through is one cause', async () => {
    for (const node of nodes) {
      const { p2p, verdict } = node.status;
      set(node, { p2p: { ...p2p, peers: 0, bootstrap: ['/x'] }, verdict: { ...verdict, members: [memberOf(7)] } });
      node.peers = node.peers.map((peer) => ({ ...peer, p2p: { connected: false } }));
    }
    expect(await badOf()).toEqual([
      [expect.stringContaining('P2P runs without a peer'), expect.stringContaining('are open'), ['n0', 'n1', 'n2']],
    ]);
  });

  it('a mode that was set by hand is told, and what it switches off is no fault', async () => {
    set(nodes[0], { mode: 'http', p2p: { ...(nodes[0] as FakeNode).status.p2p, peers: 0 } });
    for (const node of nodes.slice(1))
      node.peers = node.peers.map((peer) => (peer.label === 'n0' ? { ...peer, p2p: { connected: false } } : peer));
    const { code, out } = await doctor();
    expect(code).toBe(0);
    expect(out).toContain('! n0: the mode was set by hand: HTTP carries everything, and P2P would not take over');
    expect(out).toContain('lattice sync mode auto');
  });

  it('P2P that was switched off, and a node that dials nobody, get advice of their own', async () => {
    const { p2p, verdict } = (nodes[0] as FakeNode).status;
    set(nodes[0], { p2p: { ...p2p, enabled: false, state: 'off', bootstrap: ['/x'] } });
    set(nodes[1], { p2p: { ...p2p, peers: 0 }, verdict: { ...verdict, members: [memberOf(0)] } });
    const { out } = await doctor();
    expect(out).toContain('DIOTEC360_P2P_ENABLED=false switches it off');
    expect(out).toContain('It dials nobody (DIOTEC360_P2P_BOOTSTRAP is empty)');
  });

  it('a node with a wrong clock is one cause, and its own reason speaks for it', async () => {
    refuseWrites(nodes[1], 'clock-skew', 'the clock of this node is 5 min ahead of its peers', 'Set the clock right.');
    for (const node of [nodes[0], nodes[2]] as const) {
      const reason = { code: 'member-read-only', text: 'n1 refuses writes.', heals: 'operator' } as const;
      const { verdict } = (node as FakeNode).status;
      set(node, {
        warnings: [{ code: 'peer-clock', text: 'n1 is ahead' }],
        verdict: { ...verdict, kind: 'DEGRADED', reasons: [{ ...reason, since: 1, author: 'author1', name: 'n1' }] },
      });
    }
    const text = 'This node refuses writes: the clock of this node is 5 min ahead of its peers.';
    // "This node" is the one that says so, and no other.
    expect(await badOf()).toEqual([[text, 'Set the clock right.', ['n1']]]);
  });

  it('--check ends in time whatever hangs, and names what hangs', async () => {
    (nodes[1] as FakeNode).intercept = () => 'hang';
    (nodes[2] as FakeNode).intercept = (path) => (path === '/api/v1/status' ? 'hang' : undefined);
    const begun = performance.now();
    const { code, out } = await run(['doctor', ...nodes.map((node) => node.url), '--settle', '600', '--check']);
    expect([code, performance.now() - begun < 200_000]).toEqual([2, true]);
    expect(out).toMatch(/^LATTICE CRITICAL - .*(answer|timed out|within)/);
  });

  it('names are not looked for any longer than for an answer, where a time is set', async () => {
    const told: number[] = [];
    const limitLookups = (seconds: number): void => void told.push(seconds);
    const { url = '' } = nodes[0] ?? {};
    await run(['doctor', url, '--check'], { limitLookups });
    await run(['status', '--url', url, '--timeout', '3'], { limitLookups });
    await run(['status', '--url', url], { limitLookups });
    expect(told).toEqual([2, 3]);
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
    expect(await check()).toEqual([1, expect.stringMatching(/^LATTICE WARNING - n0: a \/ b\\u000ac \| nodes=3 /)]);
    refuseWrites(nodes[1], 'disk', 'the disk is full');
    expect(await check()).toEqual([
      2,
      expect.stringMatching(/^LATTICE CRITICAL - n1: This node refuses writes: the disk is full\. \(and 1 more\) \|/),
    ]);
    await nodes[2]?.close();
    expect((await check())[0]).toBe(2);
    await Promise.all(nodes.map((node) => node.close()));
    expect(await check()).toEqual([3, expect.stringMatching(/^LATTICE UNKNOWN - .* reachable=0 /)]);
    nodes = [];
  });

  it('--check is UNKNOWN, in one line, where nothing could be examined', async () => {
    for (const [words, said] of [
      [['--fleet', 'missing.json'], 'missing.json'],
      [['--context', 'nope'], 'nope'],
      [['--bogus'], '--bogus'],
      [['not a url'], 'not a url'],
    ] as const) {
      const { code, out, err } = await run(['doctor', '--check', ...words]);
      expect([code, err]).toEqual([3, '']);
      expect(out).toMatch(/^LATTICE UNKNOWN - .*\n$/);
      expect(out).toContain(said);
    }
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
      expect(out).toContain('! n0: n1 does not reach it over HTTP: no route');
      expect(nodes[0]?.seen).toContain('POST /api/v1/peers/ping');
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it('tells how a node of a fleet.json is started: with its env file here, or on its host', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'lattice-doctor-'));
    const cwd = dir;
    const write = (api: (i: number) => string): void =>
      writeFileSync(
        join(dir, 'fleet.json'),
        JSON.stringify({
          network: 'n',
          nodes: nodes.map((_, i) => ({
            name: `n${i}`,
            role: '',
            peerId: `12D3KooW${i}`,
            publicKey: '',
            api: api(i),
            p2p: '',
            envFile: `n${i}.env`,
          })),
        }),
      );
    try {
      const urls = nodes.map(({ url }) => url);
      writeFileSync(join(dir, 'n0.env'), 'DIOTEC360_API_TOKEN=token-of-n0-which-is-long\n');
      write((i) => urls[i] ?? '');
      await Promise.all([nodes[0]?.close(), nodes[1]?.close()]);
      const { out } = await run(['doctor', '--fleet', 'fleet.json', '--settle', '0'], { cwd });
      expect(out).toContain('→ Start the node: lattice start --env-file n0.env\n');
      // This machine does not have the env file of the other, so that it runs elsewhere.
      expect(out).toContain(
        '→ Start the node on its host, by its service or there with lattice start --env-file n1.env',
      );
      // The env file is here, and the node is not: this is an address that a node on another machine has, too.
      write(() => 'http://0.0.0.0:1');
      const away = await run(['doctor', '--fleet', 'fleet.json', '--settle', '0'], { cwd });
      expect(away.out).not.toContain('Start the node:');
      expect(away.out).toContain('Start the node on its host');
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it('names the env file whose token a node of a fleet.json refuses', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'lattice-doctor-'));
    const refused = { status: 401, body: { code: 'unauthorized', status: 401, title: 'Unauthorized', detail: 'no' } };
    const [node] = nodes as [FakeNode];
    node.intercept = (path) => (path === '/api/v1/status' ? refused : undefined);
    try {
      writeFileSync(join(dir, 'n0.env'), 'DIOTEC360_API_TOKEN=token-of-n0-which-is-long\n');
      const member = { name: 'n0', role: '', peerId: 'x', publicKey: '', api: node.url, p2p: '', envFile: 'n0.env' };
      writeFileSync(join(dir, 'fleet.json'), JSON.stringify({ network: 'n', nodes: [member] }));
      const { out } = await run(['doctor', '--fleet', 'fleet.json', '--settle', '0'], { cwd: dir });
      expect(out).toContain('→ n0.env does not have the DIOTEC360_API_TOKEN of this node.');
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
