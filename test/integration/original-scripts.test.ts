import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LiveNodes, startLiveNodes } from '../support/live-nodes.ts';
import { askOriginal as ask, connectivity } from '../support/original-clients.ts';
import { eventually } from '../support/wait.ts';

/**
 * A checkout of the original's public repository, whose scripts are then run as they are, with python3 and its package
 * requests: ORIGINAL_REPOSITORY=… npx vitest run --project integration test/integration/original-scripts.test.ts
 */
const CHECKOUT = process.env['ORIGINAL_REPOSITORY'];
const CONNECTIVITY = CHECKOUT === undefined ? '' : join(CHECKOUT, 'scripts', 'test_lattice_connectivity.py');

describe('on a fleet that has HTTP alone', () => {
  let live: LiveNodes;
  let urls: string[];

  beforeAll(async () => {
    live = await startLiveNodes(3, { P2P_ENABLED: 'false', LEGACY_SWITCH: 'loopback' });
    urls = live.nodes.map(({ url }) => url);
    await live.nodes[0]?.api.put('account', { balance: 1 });
    await eventually('every node reaches the others, and all have one root', async () => {
      const looks = await Promise.all(urls.map((url) => ask(url, '/api/lattice/p2p/status')));
      const roots = await Promise.all(urls.map((url) => ask(url, '/sync/merkle-root')));
      return (
        looks.every(({ body }) => body['peer_count'] === 2) &&
        new Set(roots.map(({ body }) => body['merkle_root'])).size === 1 &&
        roots.every(({ body }) => body['total_accounts'] === 1)
      );
    });
  });
  afterAll(() => live?.stop());

  it('the connectivity check passes, and not on a node that is alone [Q7]', async () => {
    expect(await connectivity(urls)).toMatchObject({ exit: 0, told: { healthy: 3, connected: 3, switchable: 3 } });
    const alone = await startLiveNodes(1, { P2P_ENABLED: 'false', API_PORT: '0' });
    try {
      const { body } = await ask(alone.nodes[0]?.node.url ?? '', '/api/lattice/p2p/status');
      expect(body).toMatchObject({ peer_count: 0, has_peers: false });
    } finally {
      await alone.stop();
    }
  });

  it.skipIf(!existsSync(CONNECTIVITY))('the connectivity script of the original exits 0 as it is [Q7]', async () => {
    // It rejects for any other exit code.
    const { stdout } = await promisify(execFile)('python3', [CONNECTIVITY, ...urls], { timeout: 60_000 });
    expect(stdout).toContain('3/3 nodes have P2P peers');
  });

  it('a mode switch does what it says, and HTTP sync is told as it is [Q7, Q8]', async () => {
    const [url = ''] = urls;
    const switched = async (mode: string): Promise<unknown> =>
      (await ask(url, `/api/lattice/sync/switch?mode=${mode}`, 'POST')).body['mode'];
    const told = async (): Promise<unknown> => (await ask(url, '/api/lattice/p2p/status')).body['http_sync_enabled'];
    expect([await switched('http'), await told()]).toEqual(['HTTP', true]);
    expect([await switched('p2p'), await told()]).toEqual(['P2P', false]);
    expect([await switched('auto'), await told()]).toEqual(['HTTP', true]);
  });
});

describe('on a fleet whose P2P carries all peers', () => {
  it('HTTP sync is told to be off in mode auto, and on when it is asked for [Q7, Q8]', async () => {
    const live = await startLiveNodes(2, { LEGACY_SWITCH: 'loopback' });
    try {
      await live.settled();
      const url = live.nodes[0]?.url ?? '';
      const status = async () => (await ask(url, '/api/lattice/p2p/status')).body;
      await eventually('P2P carries the peer', async () => (await status())['sync_mode'] === 'P2P');
      expect(await status()).toMatchObject({ peer_count: 1, http_sync_enabled: false });
      const auto = await ask(url, '/api/lattice/sync/switch', 'POST');
      expect(auto.body).toMatchObject({ success: true, mode: 'P2P' });
      await ask(url, '/api/lattice/sync/switch?mode=http', 'POST');
      expect(await status()).toMatchObject({ http_sync_enabled: true });
    } finally {
      await live.stop();
    }
  });
});
