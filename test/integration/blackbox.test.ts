import { createPublicKey, verify } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Fleet, type Node, startFleet } from '../support/fleet.ts';

const keys = (value: unknown): string[] => Object.keys(value as object).toSorted();

/** Ed25519 over text, checked with the public key alone: what an auditor's own program does. */
function isSigned(text: string, signature: string, publicKey: string): boolean {
  const x = Buffer.from(publicKey, 'hex').toString('base64url');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  return verify(null, Buffer.from(text), key, Buffer.from(signature, 'hex'));
}

describe('an outside client of the original finds', () => {
  let fleet: Fleet;
  let node: Node;
  /** Without any token, as the original's scripts ask. */
  const ask = async (path: string, method = 'GET', of: Node = node): Promise<Record<string, unknown>> => {
    const answer = await of.api.send(method, path, { token: undefined });
    expect(answer.status, `${method} ${path}`).toBe(200);
    return answer.json() as Record<string, unknown>;
  };

  beforeAll(async () => {
    fleet = await startFleet();
    node = fleet.nodes[0] as Node;
    for (const i of fleet.nodes.keys()) await fleet.status(i, 'P2P has both peers', ({ p2p }) => p2p.peers === 2);
    await node.api.put('account', { balance: 1 });
    await fleet.settled();
  });

  it('every node healthy and reachable, with peers, its mode switchable, and one root (the connectivity check) [A11]', async () => {
    const roots = new Set<unknown>();
    let withPeers = 0;
    for (const one of fleet.nodes) {
      expect(await ask('/', 'GET', one)).toMatchObject({ status: 'operational' });
      const status = await ask('/api/lattice/p2p/status', 'GET', one);
      expect(status).toMatchObject({
        success: true,
        enabled: true,
        started: true,
        libp2p_available: true,
        error: null,
      });
      if ((status.peer_count as number) > 0) withPeers++;
      for (const mode of ['http', 'auto']) {
        const answer = await ask(`/api/lattice/sync/switch?mode=${mode}`, 'POST', one);
        expect(keys(answer)).toEqual(['message', 'success']);
      }
      roots.add((await ask('/api/lattice/state', 'GET', one)).merkle_root);
    }
    expect(withPeers).toBeGreaterThanOrEqual(fleet.nodes.length - 1);
    expect(roots.size).toBe(1);
  });

  it('three equal roots that are not null (the triangle check)', async () => {
    const roots = await Promise.all(
      fleet.nodes.map(async (one) => (await ask('/api/persistence/merkle-root', 'GET', one)).merkle_root),
    );
    expect(roots[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(new Set(roots).size).toBe(1);
  });

  it.each([
    ['/', ['endpoints', 'features', 'name', 'release', 'status', 'version']],
    ['/health', ['status']],
    ['/api/status', ['cors_origins', 'p2p', 'production', 'safe_mode', 'success', 'violations']],
    ['/api/lattice/nodes', ['count', 'nodes', 'success']],
    ['/api/lattice/state', ['merkle_root', 'signature', 'signed', 'state', 'state_size', 'success', 'timestamp']],
    [
      '/api/lattice/p2p/status',
      [
        'bootstrap_peers',
        'enabled',
        'error',
        'has_peers',
        'heartbeat_active',
        'http_sync_enabled',
        'libp2p_available',
        'listen_multiaddrs',
        'peer_count',
        'started',
        'success',
        'sync_mode',
        'topic',
      ],
    ],
    ['/api/lattice/p2p/identity', ['listen_addrs', 'peer_id', 'success']],
    ['/api/lattice/health', ['components', 'metrics', 'overall', 'timestamp']],
    ['/api/persistence/integrity', ['is_valid', 'merkle_root', 'message', 'status', 'success']],
    ['/api/persistence/merkle-root', ['merkle_root', 'message', 'success', 'total_accounts']],
  ])('exactly the keys it knows at %s', async (path, expected) => {
    expect(keys(await ask(path))).toEqual(expected);
  });

  it('the values that its scripts read', async () => {
    const state = await ask('/api/lattice/state');
    expect(state).toMatchObject({ state: { account: { balance: 1 } }, state_size: 1, signed: true });
    expect(Number.isInteger(state.timestamp)).toBe(true);
    expect(
      isSigned(`${String(state.merkle_root)}:${String(state.timestamp)}`, String(state.signature), node.author),
    ).toBe(true);
    expect((await ask('/api/status')).p2p).toEqual({ enabled: true, started: true, peer_count: 2 });
    expect(await ask('/api/lattice/p2p/identity')).toMatchObject({ peer_id: node.peerId });
    expect(keys((await ask('/api/lattice/health')).components)).toEqual([
      'heartbeat',
      'http_sync',
      'p2p',
      'persistence',
    ]);
    expect(await ask('/api/persistence/integrity')).toMatchObject({ is_valid: true, status: 'VALID' });
    expect(await ask('/api/lattice/nodes')).toMatchObject({ count: 2 });
  });

  it('the original forms of its errors [A11]', async () => {
    const missing = await node.api.send('GET', '/api/none', { token: undefined });
    expect([missing.status, missing.json()]).toEqual([404, { detail: 'Not Found' }]);
    const wrong = await node.api.send('DELETE', '/health', { token: undefined });
    expect([wrong.status, wrong.json()]).toEqual([405, { detail: 'Method Not Allowed' }]);
    const mode = await node.api.send('POST', '/api/lattice/sync/switch?mode=pigeon');
    expect(mode.status).toBe(200);
    expect(mode.json()).toMatchObject({ success: false, message: expect.stringMatching(/p2p.*http.*auto/) });
  });

  it('a mode switch that works with the token', async () => {
    const to = async (mode: string): Promise<unknown> =>
      (await node.api.send('POST', `/api/lattice/sync/switch?mode=${mode}`)).json();
    expect(await to('http')).toMatchObject({ success: true, mode: 'HTTP' });
    await fleet.status(0, 'HTTP carries the node', ({ syncMode, mode }) => mode === 'http' && syncMode === 'HTTP');
    await node.api.put('over/http', 1);
    await fleet.settled();
    expect(await to('auto')).toMatchObject({ success: true, mode: expect.stringMatching(/^(?:P2P|HTTP)$/) });
    expect((await node.api.status()).transitions.map(({ from, to: next }) => `${from} → ${next}`)).toEqual(
      expect.arrayContaining(['mode auto → mode http', 'mode http → mode auto']),
    );
  });
});
