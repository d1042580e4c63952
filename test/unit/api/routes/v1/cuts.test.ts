import { beforeEach, describe, expect, it } from 'vitest';
import { LatticeError } from '../../../../../src/core/types/index.ts';
import type { CutView, ProofDocument } from '../../../../../src/runtime/facade/facade.ts';
import { createFakeLattice, type FakeLattice } from '../../fake-lattice.ts';
import { ask, startApi } from '../../support.ts';

const CUTS: readonly CutView[] = [
  {
    at: 20_000,
    root: 'ab'.repeat(32),
    entries: 7,
    ours: true,
    attesters: ['01'.repeat(32), '02'.repeat(32)],
    certified: true,
  },
  { at: 10_000, root: 'cd'.repeat(32), entries: 6, ours: false, attesters: ['01'.repeat(32)], certified: false },
];

let lattice: FakeLattice;
let url: string;

beforeEach(async () => {
  lattice = createFakeLattice();
  lattice.cuts = () => CUTS;
  lattice.certificate = (at = 20_000) => (at === 20_000 ? { at, certificate: 'AQID' } : undefined);
  ({ url } = await startApi({ lattice }));
});

describe('cuts over the API', () => {
  it('are listed as the node has them [Z9]', async () => {
    const answer = await ask(url, '/api/v1/cuts');
    expect([answer.status, answer.json()]).toEqual([200, { items: CUTS }]);
  });

  it('have certificates: the newest, or that of a time [Z9]', async () => {
    expect((await ask(url, '/api/v1/cuts/certificate')).json()).toEqual({ at: 20_000, certificate: 'AQID' });
    expect((await ask(url, '/api/v1/cuts/certificate?at=20000')).json()).toEqual({ at: 20_000, certificate: 'AQID' });
    const missing = await ask(url, '/api/v1/cuts/certificate?at=10000');
    expect([missing.status, missing.json()['code']]).toEqual([404, 'not-found']);
    expect((await ask(url, '/api/v1/cuts/certificate?at=soon')).status).toBe(400);
    expect((await ask(url, '/api/v1/cuts?at=1')).status).toBe(400);
  });

  it('are what a proof can be against [Z8]', async () => {
    const asked: unknown[] = [];
    lattice.prove = async (key, options) => {
      asked.push([key, options?.at]);
      if (key === 'changed')
        throw new LatticeError('changed-since-cut', 'the key has changed', {
          next: 'try again in 4 s',
          details: { retryAfterMs: 4_000 },
        });
      if (key === 'early')
        throw new LatticeError('not-certified', 'no quorum yet', {
          next: 'try again in 4 s',
          details: { retryAfterMs: 4_000 },
        });
      return { certificate: 'AQID' } as unknown as ProofDocument;
    };
    expect((await ask(url, '/api/v1/proof/k?at=cut')).json()).toEqual({ certificate: 'AQID' });
    await ask(url, '/api/v1/proof?key=k&at=cut');
    await ask(url, '/api/v1/proof/k');
    expect(asked).toEqual([
      ['k', 'cut'],
      ['k', 'cut'],
      ['k', undefined],
    ]);
    const changed = await ask(url, '/api/v1/proof/changed?at=cut');
    expect([changed.status, changed.json()['code'], changed.json()['next']]).toEqual([
      409,
      'changed-since-cut',
      'try again in 4 s',
    ]);
    const early = await ask(url, '/api/v1/proof/early?at=cut');
    expect([early.status, early.headers['retry-after']]).toEqual([503, '4']);
    expect((await ask(url, '/api/v1/proof/k?at=noon')).status).toBe(400);
  });
});
