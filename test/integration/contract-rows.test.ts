import { execFileSync } from 'node:child_process';
import { createHash, createPublicKey, verify } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { peerIdFromString } from '@libp2p/peer-id';
import { beforeAll, describe, expect, it } from 'vitest';
import { mismatch, originalEndpoints } from '../support/contract-forms.ts';
import { type Fleet, type Node, startFleet } from '../support/fleet.ts';
import { runCli, untilExit } from '../support/node-process.ts';
import { originalData } from '../support/original-data.ts';
import { hasPython } from '../support/python.ts';
import { eventually } from '../support/wait.ts';
import { rowsOfLog, rowsOfScripts, rowsOfTransport } from './contract-outside.ts';

/*
 * The original's contract, row by row: what its endpoints answer (1), its P2P and timing (3), its scripts (5), its log
 * lines (6), what was broken in it (7) and what its documents promise (8). Every row is asked of nodes that run, after
 * files of the original were moved in; each title begins with the number of its row. Variables and files (2, 4) have
 * tests of their own.
 */

/** Files of the original, or our own of the same forms where those are not there. */
const DATA = originalData ?? new URL('../fixtures/original/', import.meta.url);
const at = (name: string): string => fileURLToPath(new URL(name, DATA));
const SNAPSHOT = at(originalData === undefined ? 'snapshot.json' : 'snapshot-6-keys.json');
const VAULTS = originalData === undefined ? ['vault'] : ['vault', 'demo-vault'];
const DATABASE = at('telemetry.db');

type Json = Readonly<Record<string, unknown>>;

/** The rows of a table as Python reads them, the newest first as the original orders them. */
function rowsOf(table: string): readonly Json[] {
  const program = `
import json, sqlite3, sys
db = sqlite3.connect('file:' + sys.argv[1] + '?mode=ro&immutable=1', uri=True)
db.row_factory = sqlite3.Row
print(json.dumps([dict(r) for r in db.execute('SELECT * FROM ' + sys.argv[2] + ' ORDER BY timestamp DESC, id DESC')]))`;
  return JSON.parse(execFileSync('python3', ['-c', program, DATABASE, table], { encoding: 'utf8' })) as Json[];
}

/** The SHA-256 of every file that is moved in. */
function hashes(): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  const visit = (path: string): void => {
    if (statSync(path).isDirectory()) for (const name of readdirSync(path)) visit(join(path, name));
    else found[path] = createHash('sha256').update(readFileSync(path)).digest('hex');
  };
  for (const path of [SNAPSHOT, DATABASE, ...VAULTS.map(at)]) visit(path);
  return found;
}

/** Every JSON file of the vaults, by its name. */
function vaultFiles(): ReadonlyMap<string, Json> {
  const found = new Map<string, Json>();
  for (const path of Object.keys(hashes()))
    if (/\.(?:json|ae_bundle)$/.test(path) && path !== SNAPSHOT)
      found.set(path, JSON.parse(readFileSync(path, 'utf8')) as Json);
  return found;
}

const ORIGIN = 'https://app.example';
const state = (JSON.parse(readFileSync(SNAPSHOT, 'utf8')) as { state: Json }).state;

describe('the contract of the original, row by row', () => {
  let fleet: Fleet;
  let nodes: readonly [Node, Node, Node];
  let fresh: Json;
  let bundleHash = '';
  let functionHash = '';
  const ask = async (path: string, node: Node = nodes[0], method = 'GET', headers: Record<string, string> = {}) =>
    await node.api.send(method, path, { token: undefined, headers });
  const get = async (path: string, node?: Node): Promise<Json> => (await ask(path, node)).json() as Json;
  const everywhere = async (path: string): Promise<readonly Json[]> =>
    await Promise.all(nodes.map(async (node) => await get(path, node)));

  beforeAll(async () => {
    fleet = await startFleet({ env: () => ({ CORS_ORIGINS: ORIGIN }) });
    nodes = fleet.nodes as readonly [Node, Node, Node];
    fresh = await get('/api/persistence/integrity', nodes[1]);
    const before = hashes();
    for (const source of [SNAPSHOT, ...VAULTS.map(at), DATABASE]) {
      const run = runCli(['import', source, '--json', '--env-file', nodes[0].envFile], { cwd: fleet.dir });
      const { code } = await untilExit(run);
      // 4: some of it was refused by name, as those files of a vault are that do not verify.
      expect([0, 4], run.stdout + run.stderr).toContain(code);
      expect((JSON.parse(run.stdout) as { totals: { taken: number } }).totals.taken, source).toBeGreaterThan(0);
    }
    expect(hashes()).toEqual(before);
    for (const [, file] of vaultFiles()) {
      if (typeof file['code'] === 'string' && typeof file['content_hash'] === 'string')
        if (createHash('sha256').update(file['code']).digest('hex') === file['content_hash'])
          bundleHash = file['content_hash'];
      if (typeof file['full_hash'] === 'string') functionHash = file['full_hash'];
    }
    expect([bundleHash, functionHash]).toEqual([expect.stringMatching(/^\w{64}$/), expect.stringMatching(/^\w{64}$/)]);
    await fleet.settled();
    await eventually('every node has the bytes of every file', async () => {
      const all = await everywhere('/api/v1/vault/status');
      return all.every(({ missing, objects }) => (missing as { objects: number }).objects === 0 && Number(objects) > 0);
    });
  });

  it('1: every endpoint answers with exactly its keys and their types, on every node [A11]', async () => {
    for (const node of nodes) {
      for (const [row, method, path, form] of originalEndpoints(bundleHash, functionHash)) {
        const answer = await ask(path, node, method);
        expect([row, path, answer.status]).toEqual([row, path, 200]);
        expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
        expect(mismatch(answer.json(), form, `${row} ${path}`)).toBeUndefined();
      }
    }
  });

  it('1.1: / names every endpoint, and a browser is sent to the dashboard', async () => {
    const { status, endpoints } = (await get('/')) as { status: string; endpoints: Record<string, string> };
    expect(status).toBe('operational');
    for (const path of Object.values(endpoints)) expect((await ask(path)).status, path).not.toBe(404);
    const html = await fetch(nodes[0].api.url, { headers: { accept: 'text/html' }, redirect: 'manual' });
    expect([html.status, html.headers.get('location')]).toEqual([302, expect.stringMatching(/^\/?dashboard\/?$/)]);
  });

  it('1.2, 1.3: health and status tell of a node that is well', async () => {
    expect(await get('/health')).toEqual({ status: 'healthy' });
    expect(await get('/api/status')).toEqual({
      success: true,
      production: false,
      safe_mode: false,
      violations: [],
      cors_origins: [ORIGIN],
      p2p: { enabled: true, started: true, peer_count: 2 },
    });
  });

  it('1.4: the nodes are those of the configuration, without blanks and trailing slashes', async () => {
    const { nodes: urls, count } = (await get('/api/lattice/nodes')) as { nodes: string[]; count: number };
    expect([urls.length, count]).toEqual([2, 2]);
    for (const url of urls) expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  });

  it('1.5: the state is the one of the snapshot, whole and signed, and the same on every node [I17]', async () => {
    for (const node of nodes) {
      const answer = await get('/api/lattice/state', node);
      expect(answer['state']).toEqual(state);
      expect(answer).toMatchObject({ success: true, signed: true, state_size: Object.keys(state).length });
      const x = Buffer.from(node.author, 'hex').toString('base64url');
      const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
      const text = `${String(answer['merkle_root'])}:${String(answer['timestamp'])}`;
      expect(verify(null, Buffer.from(text), key, Buffer.from(String(answer['signature']), 'hex'))).toBe(true);
      expect(Math.abs(Number(answer['timestamp']) - Date.now() / 1000)).toBeLessThan(600);
    }
    const roots = await everywhere('/api/lattice/state');
    expect(new Set(roots.map(({ merkle_root: root }) => root)).size).toBe(1);
  });

  it('1.6, 1.7: P2P tells what it does, and the identity is that of the key [Q7]', async () => {
    for (const node of nodes) {
      const identity = await get('/api/lattice/p2p/identity', node);
      expect(identity).toMatchObject({ success: true, peer_id: node.peerId });
      expect((identity['listen_addrs'] as string[]).join()).toContain(`/tcp/${node.p2pPort}`);
      const told = await get('/api/lattice/p2p/status', node);
      expect(told).toMatchObject({
        success: true,
        enabled: true,
        started: true,
        libp2p_available: true,
        error: null,
        peer_count: 2,
        has_peers: true,
        sync_mode: 'P2P',
        heartbeat_active: true,
      });
      expect(told['topic']).toBe('aethel/lattice/v1');
      expect((told['bootstrap_peers'] as string[]).length).toBe(2);
      expect((told['listen_multiaddrs'] as string[]).join()).toContain(`/tcp/${node.p2pPort}`);
    }
  });

  it('1.8: the mode switch answers 200 in every case [Q8]', async () => {
    const to = async (query: string, token: string | undefined): Promise<Json> => {
      const answer = await nodes[2].api.send('POST', `/api/lattice/sync/switch${query}`, { token });
      expect(answer.status).toBe(200);
      return answer.json() as Json;
    };
    expect(await to('?mode=http', undefined)).toEqual({ success: false, message: expect.any(String) });
    expect(await to('?mode=pigeon', nodes[2].token)).toEqual({
      success: false,
      message: expect.stringMatching(/p2p.*http.*auto/),
    });
    expect(await to('?mode=http', nodes[2].token)).toMatchObject({ success: true, mode: 'HTTP' });
    expect(await to('?mode=p2p', nodes[2].token)).toMatchObject({ success: true, mode: 'P2P' });
    expect(await to('', nodes[2].token)).toMatchObject({ success: true, message: expect.any(String) });
  });

  it('1.9: the health of its design names its four components', async () => {
    const health = await eventually('the fleet is well', async () => {
      const answer = await get('/api/lattice/health');
      return answer['overall'] === 'healthy' ? answer : undefined;
    });
    expect(health).toMatchObject({
      components: {
        p2p: { status: 'healthy', peer_count: 2, has_peers: true },
        http_sync: { status: 'healthy' },
        heartbeat: { status: 'active' },
        persistence: { status: 'healthy' },
      },
    });
    expect(Object.keys(health['metrics'] as object).length).toBeGreaterThan(0);
  });

  it.skipIf(!hasPython)('1.10, 1.12, 1.13: executions and attacks are the rows of the database [Q3, Q4]', async () => {
    const [executions, attacks] = [rowsOf('execution_logs'), rowsOf('attack_logs')];
    expect(executions.length * attacks.length).toBeGreaterThan(0);
    const tally = (rows: readonly Json[], column: string): Json => {
      const counts: Record<string, number> = {};
      for (const row of rows) counts[String(row[column])] = (counts[String(row[column])] ?? 0) + 1;
      return counts;
    };
    const timed = executions.flatMap(({ elapsed_ms: ms }) => (typeof ms === 'number' ? [ms] : []));
    const stats = await get('/api/persistence/stats');
    expect(stats).toMatchObject({
      success: true,
      executions: { total_executions: executions.length, status_breakdown: tally(executions, 'status') },
      attacks: {
        total_attacks_blocked: attacks.length,
        attack_type_breakdown: tally(attacks, 'attack_type'),
        layer_breakdown: tally(attacks, 'blocked_by_layer'),
      },
    });
    expect((stats['executions'] as Json)['avg_execution_time_ms']).toBeCloseTo(
      timed.reduce((sum, ms) => sum + ms, 0) / Math.max(1, timed.length),
      9,
    );
    for (const [name, rows] of [['executions', executions] as const, ['attacks', attacks] as const]) {
      const path = `/api/persistence/${name}`;
      expect(await get(path)).toEqual({ success: true, [name]: rows, count: rows.length });
      expect(await get(`${path}?limit=-1`)).toEqual({ success: true, [name]: rows, count: rows.length });
      expect(await get(`${path}?limit=1`)).toEqual({ success: true, [name]: rows.slice(0, 1), count: 1 });
      const [first] = (await get(path))[name] as Json[];
      for (const column of ['result', 'layer_results', 'telemetry', 'metadata'])
        if (typeof first?.[column] === 'string') expect(() => JSON.parse(String(first[column]))).not.toThrow();
      // The audit belongs to the node that took it in.
      expect(await get(path, nodes[1])).toEqual({ success: true, [name]: [], count: 0 });
    }
  });

  it('1.11, 1.16: the store is found valid, and one root is told by every path [N17]', async () => {
    const { merkle_root: root } = await get('/api/lattice/state');
    for (const node of nodes) {
      expect(await get('/api/persistence/integrity', node)).toMatchObject({
        success: true,
        is_valid: true,
        status: 'VALID',
        merkle_root: root,
      });
      expect(await get('/api/persistence/merkle-root', node)).toMatchObject({
        success: true,
        merkle_root: root,
        total_accounts: Object.keys(state).length,
      });
      expect(await get('/api/persistence/stats', node)).toMatchObject({ merkle_root: root });
      expect(await get('/sync/merkle-root', node)).toMatchObject({ merkle_root: root });
    }
  });

  it('1.14, 1.15: every bundle of the files is listed and answered on every node [I10]', async () => {
    const bundles = [...vaultFiles()].filter(([path]) => path.endsWith('.ae_bundle')).map(([, file]) => file);
    expect(bundles.length).toBeGreaterThan(0);
    for (const node of nodes) {
      const listed = (await get('/api/persistence/bundles', node)) as { bundles: Json[]; count: number };
      expect(listed.count).toBe(listed.bundles.length);
      expect((await get('/api/persistence/stats', node))['total_bundles']).toBe(listed.count);
      for (const { content_hash: hash } of listed.bundles) {
        const one = await ask(`/api/persistence/bundle/${String(hash)}`, node);
        if (one.status === 200) expect(one.json()).toMatchObject({ success: true });
        else expect([one.status, one.text]).toEqual([404, '{"detail":"Bundle not found"}']);
      }
      expect(await get(`/api/persistence/bundle/${bundleHash}`, node)).toMatchObject({ integrity_verified: true });
      expect((await ask(`/api/persistence/bundle/${'00'.repeat(32)}`, node)).text).toBe(
        '{"detail":"Bundle not found"}',
      );
    }
    const [first, second, third] = await everywhere('/api/persistence/bundles');
    expect([second, third]).toEqual([first, first]);
    const known = new Set(((first?.['bundles'] ?? []) as Json[]).map(({ content_hash: hash }) => hash));
    const verifying = bundles.filter(({ content_hash: hash, code }) =>
      typeof code === 'string' && typeof hash === 'string'
        ? createHash('sha256').update(code).digest('hex') === hash
        : false,
    );
    for (const { content_hash: hash } of verifying) expect(known).toContain(hash);
  });

  it('1.17, 1.18: functions are an object by hash, and each is answered [I10]', async () => {
    for (const node of nodes) {
      const { functions, count } = (await get('/api/vault/list', node)) as { functions: Json; count: number };
      expect(Object.keys(functions)).toHaveLength(count);
      expect(functions).toHaveProperty(functionHash);
      const one = await get(`/api/vault/${functionHash}`, node);
      expect(one).toMatchObject({ success: true, function: { full_hash: functionHash } });
      const file = [...vaultFiles().values()].find(({ full_hash: hash }) => hash === functionHash);
      expect(one['function']).toEqual(file);
    }
  });

  it('1: errors and CORS have its forms [A11, A12]', async () => {
    const form = async (method: string, path: string): Promise<readonly unknown[]> => {
      const { status, text } = await ask(path, nodes[0], method);
      return [status, text];
    };
    expect(await form('GET', '/api/none')).toEqual([404, '{"detail":"Not Found"}']);
    expect(await form('DELETE', '/health')).toEqual([405, '{"detail":"Method Not Allowed"}']);
    const [status, text] = await form('GET', '/api/persistence/attacks?limit=x');
    expect(status).toBe(422);
    const { detail } = JSON.parse(String(text)) as { detail: Json[] };
    expect(detail.map((one) => Object.keys(one))).toEqual([['loc', 'msg', 'type']]);
    const simple = await ask('/api/status', nodes[0], 'GET', { origin: ORIGIN });
    expect(simple.headers.get('access-control-allow-origin')).toBe(ORIGIN);
    const preflight = await ask('/api/lattice/sync/switch', nodes[0], 'OPTIONS', {
      origin: ORIGIN,
      'access-control-request-method': 'POST',
    });
    expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([204, ORIGIN]);
  });

  const rig = () => ({ fleet, nodes });
  rowsOfLog(rig);
  rowsOfScripts(rig);

  it('7.2: a node that never wrote is valid and has a root', () => {
    expect(fresh).toMatchObject({ is_valid: true, status: 'VALID', merkle_root: expect.stringMatching(/^\w{64}$/) });
  });

  it('7.3, 7.4, 7.10: P2P starts, counts its peers, and the peer id is the one of the key', async () => {
    for (const node of nodes) {
      const { peer_id: id } = await get('/api/lattice/p2p/identity', node);
      const { publicKey } = peerIdFromString(String(id)) as { publicKey?: { raw: Uint8Array } };
      expect(Buffer.from(publicKey?.raw ?? []).toString('hex')).toBe(node.author);
      expect(await get('/api/status', node)).toMatchObject({ p2p: { started: true, peer_count: 2 } });
    }
  });

  it('7.6: what nobody signed is not taken in, and the signed root is over the state', async () => {
    const unsigned = await fetch(`${nodes[0].api.url}/api/v1/sync`, {
      method: 'POST',
      headers: { 'content-type': 'application/cbor' },
      body: Buffer.from('840102', 'hex'),
    });
    expect(unsigned.status).toBe(400);
    expect((await nodes[0].api.send('PUT', '/api/v1/state/intruder', { body: 1, token: undefined })).status).toBe(401);
    const { merkle_root: root } = await get('/api/lattice/state');
    const proof = await nodes[0].api.proof(Object.keys(state)[0] ?? '');
    expect(JSON.stringify(proof)).toContain(String(root));
  });

  rowsOfTransport(rig);

  it('7.1, 7.7, 7.5: over HTTP alone nodes come to one root and keep it, deletes too, and go back to P2P', async () => {
    const mode = async (to: string): Promise<void> => {
      for (const node of nodes) await node.api.send('POST', `/api/lattice/sync/switch?mode=${to}`);
    };
    await mode('http');
    for (const i of nodes.keys()) await fleet.status(i, 'HTTP carries it', ({ syncMode }) => syncMode === 'HTTP');
    await nodes[0].api.put('row/7.1', { over: 'http' });
    await nodes[1].api.put('row/7.7', 'to be deleted');
    await fleet.settled();
    await nodes[2].api.del('row/7.7');
    const { root } = await fleet.settled();
    await nodes[1].kill();
    await nodes[1].start();
    expect(await get('/api/persistence/integrity', nodes[1])).toMatchObject({ status: 'VALID', merkle_root: root });
    expect(await nodes[1].api.get('row/7.7')).toBeUndefined();
    await mode('auto');
    for (const i of nodes.keys())
      await fleet.status(
        i,
        'P2P carries it again',
        ({ syncMode, p2p }) => syncMode === 'P2P' && p2p.peers === 2,
        180_000,
      );
    // The state that was moved in is as it was.
    await nodes[0].api.del('row/7.1');
    await fleet.settled();
    expect((await get('/api/lattice/state', nodes[1]))['state']).toEqual(state);
  });

  it('7.8: nodes that agree do not send the state to each other', async () => {
    const large = 'x'.repeat(10_000);
    for (let i = 0; i < 50; i++) await nodes[0].api.put(`row/7.8/${i}`, large);
    await fleet.settled();
    const passed = (): number[] =>
      [0, 1, 2].flatMap((from) =>
        [0, 1, 2].flatMap((to) =>
          from === to ? [] : [fleet.proxy(from, to, 'p2p').bytes + fleet.proxy(from, to, 'http').bytes],
        ),
      );
    const beats = async (): Promise<readonly number[]> =>
      await Promise.all(nodes.map(async ({ api }) => (await api.status()).now));
    // Ten seconds of the nodes' own clocks: a poll of the original, and several heartbeats.
    const [from, began] = [passed(), await beats()];
    await eventually('each node has gone on for ten seconds', async () =>
      (await beats()).every((now, i) => now - (began[i] ?? 0) > 10_000),
    );
    const sent = passed().reduce((sum, bytes, i) => sum + bytes - (from[i] ?? 0), 0);
    expect(sent).toBeGreaterThan(0);
    expect(sent).toBeLessThan(50 * large.length);
  });

  it('7.15: a state is written over HTTP, and there is a page to look at', async () => {
    const put = await nodes[0].api.send('PUT', '/api/v1/state/row%2F7.15', { body: { written: true } });
    expect(put.status).toBe(201);
    await fleet.settled();
    expect((await nodes[2].api.get('row/7.15'))?.value).toEqual({ written: true });
    const page = await fetch(`${nodes[0].api.url}/dashboard`);
    expect([page.status, page.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/html')]);
  });

  it('8: health has its words, and every root is vouched for by a majority', async () => {
    for (const i of nodes.keys()) await fleet.status(i, 'both lungs reach all', ({ health }) => health === 'OPTIMAL');
    const cuts = await eventually('a cut is certified', async () => {
      const { items } = (await get('/api/v1/cuts')) as { items: { certified: boolean; attesters: string[] }[] };
      return items.find(({ certified }) => certified);
    });
    expect(cuts.attesters.length).toBeGreaterThanOrEqual(2);
    fleet.block('cut');
    await fleet.status(0, 'nobody is reached', ({ health }) => health === 'ISOLATED');
    fleet.restore({ lung: 'http' });
    await fleet.status(0, 'HTTP reaches them', ({ health }) => health === 'HTTP_ONLY');
    fleet.restore();
    await fleet.status(0, 'both lungs reach all again', ({ health }) => health === 'OPTIMAL');
  });

  it('7.11: SIGTERM ends a node whose P2P runs', async () => {
    for (const node of nodes) expect(await node.terminate()).toEqual({ code: 0, signal: null });
  });
});

describe('the contract of the original, in a line of three', () => {
  it('7.13, 7.14: what is gossiped crosses a node between two that do not know each other', async () => {
    const beside = (from: number, to: number): boolean => Math.abs(from - to) === 1;
    const fleet = await startFleet({
      dials: (from, to, lung) => lung === 'p2p' && beside(from, to),
      env: () => ({ HTTP_SYNC_ENABLED: 'false' }),
    });
    const [first, , last] = fleet.nodes as [Node, Node, Node];
    await fleet.status(1, 'the one between has both', ({ p2p }) => p2p.peers === 2);
    await first.api.put('across', 1);
    await eventually('it is there', async () => (await last.api.get('across'))?.value === 1);
    expect((await last.api.status()).p2p.peers).toBe(1);
    await fleet.stop();
  });
});
