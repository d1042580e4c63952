import { createPublicKey, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { entryKey } from '../../../../../src/core/rows/index.ts';
import { keyHash } from '../../../../../src/core/wire/index.ts';
import { gateStore, hasher } from '../../../runtime/support.ts';
import { startLattice } from '../../live-lattice.ts';
import { startApi } from '../../support.ts';

/** Keys of each answer, in the contract's words. */
const KEYS: readonly (readonly [path: string, keys: readonly string[]])[] = [
  ['/', ['name', 'version', 'release', 'status', 'features', 'endpoints']],
  ['/health', ['status']],
  ['/api/status', ['success', 'production', 'safe_mode', 'violations', 'cors_origins', 'p2p']],
  ['/api/lattice/nodes', ['success', 'nodes', 'count']],
  ['/api/lattice/state', ['success', 'merkle_root', 'state', 'state_size', 'timestamp', 'signature', 'signed']],
  [
    '/api/lattice/p2p/status',
    [
      'success',
      'enabled',
      'started',
      'libp2p_available',
      'error',
      'topic',
      'listen_multiaddrs',
      'bootstrap_peers',
      'peer_count',
      'has_peers',
      'http_sync_enabled',
      'sync_mode',
      'heartbeat_active',
    ],
  ],
  ['/api/lattice/p2p/identity', ['success', 'peer_id', 'listen_addrs']],
  ['/api/lattice/health', ['timestamp', 'overall', 'components', 'metrics']],
  ['/api/lattice/state/full', ['success', 'merkle_root', 'state', 'state_size', 'timestamp', 'signature', 'signed']],
  ['/sync/merkle-root', ['success', 'merkle_root', 'height', 'total_accounts']],
  ['/sync/peers', ['success', 'peers', 'count']],
  ['/sync/snapshot/0', ['success', 'merkle_root', 'state', 'state_size', 'timestamp', 'signature', 'signed']],
  ['/api/persistence/merkle-root', ['success', 'merkle_root', 'total_accounts', 'message']],
  ['/api/persistence/integrity', ['success', 'is_valid', 'status', 'merkle_root', 'message']],
];

describe('the original node’s endpoints', () => {
  it.each(KEYS)(
    'contract: GET %s has exactly the original’s keys, HEAD works, POST is 405 [A11]',
    async (path, keys) => {
      const { ask } = await startApi();
      const answer = await ask(path, { headers: { accept: '*/*' } });
      expect(answer.status).toBe(200);
      expect(answer.headers['content-type']).toMatch(/^application\/json/);
      expect(Object.keys(answer.json())).toEqual(keys);
      const head = await ask(path, { method: 'HEAD' });
      expect([head.status, head.text]).toEqual([200, '']);
      const post = await ask(path, { method: 'POST' });
      expect([post.status, post.json()]).toEqual([405, { detail: 'Method Not Allowed' }]);
    },
  );

  it('contract: unknown paths answer 404 in the original’s form [A11]', async () => {
    const { ask } = await startApi();
    const answer = await ask('/api/nothing');
    expect([answer.status, answer.text]).toEqual([404, '{"detail":"Not Found"}']);
  });

  it('contract: malformed input answers 422 with a list of loc, msg and type [A11]', async () => {
    const { ask } = await startApi();
    const answer = await ask('/api/%ff%fe');
    expect(answer.status).toBe(422);
    const [first] = answer.json().detail as Record<string, unknown>[];
    expect(Object.keys(first ?? {})).toEqual(['loc', 'msg', 'type']);
  });

  it('contract: nodes lose trailing slashes and blanks', async () => {
    const { ask } = await startApi();
    expect((await ask('/api/lattice/nodes')).json()).toEqual({
      success: true,
      nodes: ['http://127.0.0.1:8001', 'http://127.0.0.1:8002'],
      count: 2,
    });
  });

  it('contract: the state is whole, and signed over root:timestamp by the node’s key [A11]', async () => {
    const { ask, lattice } = await startApi();
    const values: Record<string, unknown> = { 'ключ "1"': { a: [1, 'é'] }, '': 0 };
    delete values[''];
    for (let i = 0; i < 2500; i++) values[`k${String(i).padStart(5, '0')}`] = { n: i, text: 'x'.repeat(100) };
    const puts = Object.entries(values).map(([key, value]) => ({ op: 'put' as const, key, value: value as never }));
    for (let i = 0; i < puts.length; i += 250) await lattice.write(puts.slice(i, i + 250));
    const body = (await ask('/api/lattice/state')).json();
    expect(body.state).toEqual(values);
    expect(body.state_size).toBe(2501);
    expect(body.merkle_root).toBe(lattice.root().root);
    const key = createPublicKey({
      key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), Buffer.from(lattice.status().author, 'hex')]),
      format: 'der',
      type: 'spki',
    });
    const signed = Buffer.from(`${String(body.merkle_root)}:${String(body.timestamp)}`);
    expect(verify(null, signed, key, Buffer.from(String(body.signature), 'hex'))).toBe(true);
  });

  it('contract: an empty state is a valid document', async () => {
    const { ask } = await startApi();
    expect((await ask('/api/lattice/state')).json()).toMatchObject({ state: {}, state_size: 0, signed: true });
  });

  it('contract: safe mode and violations are told', async () => {
    const { ask } = await startApi({ root: { environment: 'production', violations: ['CORS is *'] } });
    expect((await ask('/api/status')).json()).toMatchObject({
      production: true,
      safe_mode: true,
      violations: ['CORS is *'],
    });
  });

  it('contract: integrity tells a damaged store and one that cannot be read', async () => {
    const { ask, lattice } = await startApi();
    await lattice.write([{ op: 'put', key: 'a', value: 1 }]);
    const { root } = lattice.root();
    await lattice.store.batch([{ type: 'del', key: entryKey(keyHash('a', hasher)) }]);
    expect((await ask('/api/persistence/integrity')).json()).toMatchObject({
      is_valid: false,
      status: 'CORRUPTED',
      merkle_root: root,
    });
  });

  it('contract: an integrity check that fails says ERROR and still names a root', async () => {
    const store = gateStore();
    const { iterate } = store;
    let isLost = false;
    store.iterate = (range) => {
      if (isLost) throw new Error('disk');
      return iterate(range);
    };
    const { ask, lattice } = await startApi({ lattice: await startLattice({ store }) });
    isLost = true;
    const body = (await ask('/api/persistence/integrity')).json();
    expect(body).toMatchObject({ success: false, is_valid: false, status: 'ERROR' });
    expect(body.merkle_root).toBe(lattice.root().root);
  });
});
