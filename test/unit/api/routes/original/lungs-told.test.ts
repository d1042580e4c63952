import { describe, expect, it } from 'vitest';
import type { HttpLung } from '../../../../../src/ports/index.ts';
import { friend, type LiveLattice, startLattice, startWithFriend } from '../../live-lattice.ts';
import { startApi } from '../../support.ts';

interface P2pStatus {
  readonly peer_count: number;
  readonly has_peers: boolean;
  readonly http_sync_enabled: boolean;
  readonly sync_mode: string;
}
const p2pStatus = async (lattice: LiveLattice): Promise<P2pStatus> =>
  (await (await startApi({ lattice })).ask('/api/lattice/p2p/status')).json() as unknown as P2pStatus;

describe('the P2P status of a node that has HTTP alone', () => {
  it('counts the nodes that HTTP reaches, in the modes that use it [Q7]', async () => {
    const { lattice } = await startWithFriend();
    expect(await p2pStatus(lattice)).toMatchObject({ peer_count: 1, has_peers: true, sync_mode: 'HTTP' });
    lattice.setMode('p2p', 'test');
    expect(await p2pStatus(lattice)).toMatchObject({ peer_count: 0, has_peers: false, sync_mode: 'NONE' });
    expect((await (await startApi({ lattice })).ask('/api/status')).json()).toMatchObject({ p2p: { peer_count: 0 } });
  });

  it('counts nobody where nobody is heard [Q7]', async () => {
    expect(await p2pStatus(await startLattice())).toMatchObject({ peer_count: 0, has_peers: false });
  });

  it.each([
    ['auto', true],
    ['http', true],
    ['p2p', false],
  ] as const)('tells in mode %s that HTTP sync is enabled: %s [Q7]', async (mode, enabled) => {
    const lattice = await startLattice({ urls: ['http://127.0.0.1:9'] });
    lattice.setMode(mode, 'test');
    expect((await p2pStatus(lattice)).http_sync_enabled).toBe(enabled);
  });
});

interface Health {
  readonly timestamp: string;
  readonly overall: string;
  readonly components: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly unhealthy_components?: readonly string[];
}
const health = async (lattice: LiveLattice): Promise<Health> =>
  (await (await startApi({ lattice })).ask('/api/lattice/health')).json() as unknown as Health;

/** A peer that answers nobody. */
const deaf: HttpLung = {
  identify: () => Promise.reject(new Error('refused')),
  request: () => Promise.reject(new Error('refused')),
  stream: () => Promise.reject(new Error('refused')),
};

describe('/api/lattice/health', () => {
  it('has a status for each component, and a time that Python reads [Q9]', async () => {
    const lattice = await startLattice();
    const told = await health(lattice);
    expect(told.timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$/);
    expect(told.overall).toBe('healthy');
    expect(told.components).toEqual({
      p2p: { status: 'disabled', peer_count: 0, has_peers: false },
      http_sync: { status: 'disabled', mode: 'NONE' },
      heartbeat: { status: 'active' },
      persistence: { status: 'healthy', merkle_root: lattice.root().root },
    });
    expect('unhealthy_components' in told).toBe(false);
  });

  it('names the components that are unhealthy, and those alone [Q9]', async () => {
    const lattice = await startLattice({ urls: ['http://127.0.0.1:9'], http: deaf });
    lattice.setReadOnly('disk', 'the disk is full');
    const told = await health(lattice);
    expect([told.overall, told.unhealthy_components]).toEqual(['degraded', ['http_sync', 'persistence']]);
    // A lung that was switched off is no fault.
    lattice.setMode('p2p', 'test');
    lattice.setReadOnly('disk', undefined);
    expect((await health(lattice)).components['http_sync']).toEqual({ status: 'disabled', mode: 'NONE' });
  });

  it('is degraded while the verdict is not well, whatever the components say [Q9]', async () => {
    const { lattice, clock } = await startWithFriend();
    await lattice.greet(friend, { wallMs: clock.now(), sequence: 5, root: new Uint8Array(32).fill(7) });
    await clock.advance(10_000);
    const told = await health(lattice);
    expect([told.overall, Array.isArray(told.unhealthy_components)]).toEqual(['degraded', true]);
  });
});
