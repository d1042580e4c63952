import { describe, expect, it } from 'vitest';
import { bundledCrypto } from '../../../../../src/audit/bundled.ts';
import { verifyProofDocument } from '../../../../../src/audit/index.ts';
import { journalKey } from '../../../../../src/core/rows/index.ts';
import type { Author } from '../../../../../src/core/types/index.ts';
import { createHandClock } from '../../../runtime/support.ts';
import { startLattice } from '../../live-lattice.ts';
import { startApi, until } from '../../support.ts';

interface Proofs {
  readonly from: number;
  readonly to: number;
  readonly height: number;
  readonly proofs: readonly { readonly key: string; readonly kind: string; readonly root: string }[];
  readonly count: number;
  readonly next: string | null;
}

describe("the sync paths of the original's design", () => {
  it('tell the root with its height, and the state as of at least a height [Q10]', async () => {
    const { ask, lattice } = await startApi();
    await lattice.write([{ op: 'put', key: 'a', value: 1 }]);
    await lattice.write([{ op: 'put', key: 'b', value: 2 }]);
    const { root, sequence } = lattice.root();
    expect((await ask('/sync/merkle-root')).json()).toEqual({
      success: true,
      merkle_root: root,
      height: sequence,
      total_accounts: 2,
    });
    for (const height of ['0', String(sequence), 'latest']) {
      const answer = await ask(`/sync/snapshot/${height}`);
      expect(answer.json()).toMatchObject({ merkle_root: root, state: { a: 1, b: 2 }, signed: true });
      const again = await ask(`/sync/snapshot/${height}`, {
        headers: { 'if-none-match': String(answer.headers['etag']) },
      });
      expect(again.status).toBe(304);
    }
    const ahead = await ask(`/sync/snapshot/${sequence + 1}`);
    expect([ahead.status, ahead.json()]).toEqual([404, { detail: `This node is at height ${sequence}` }]);
    const bad = await ask('/sync/snapshot/-1');
    expect([bad.status, (bad.json()['detail'] as { loc: string[] }[])[0]?.loc]).toEqual([422, ['path', 'height']]);
    expect((await ask('/api/lattice/state/full')).json()).toMatchObject({ merkle_root: root, state: { a: 1, b: 2 } });
  });

  it('send the state anew once a value has ended, though the root is the same [EX2, EX3, Q10]', async () => {
    const handClock = createHandClock();
    const { ask, lattice } = await startApi({ lattice: await startLattice({ clock: handClock }) });
    await lattice.write([{ op: 'put', key: 'stays', value: 1 }]);
    await lattice.write([{ op: 'put', key: 'session', value: 2, ttl: 60 }]);
    const paths = ['/api/lattice/state', '/api/lattice/state/full', '/sync/snapshot/latest'];
    const etag = String((await ask(paths[0] ?? '')).headers['etag']);
    const held = (path: string) => ask(path, { headers: { 'if-none-match': etag } });
    expect(await Promise.all(paths.map(async (path) => (await held(path)).status))).toEqual([304, 304, 304]);
    const { root } = lattice.root();
    await handClock.advance(60_000);
    await until(() => lattice.root().live === 1);
    expect(lattice.root().root).toBe(root);
    for (const path of paths) {
      const answer = await held(path);
      expect([answer.status, answer.headers['etag'] === etag], path).toEqual([200, false]);
      expect(answer.json()).toMatchObject({ merkle_root: root, state: { stays: 1 }, state_size: 1 });
    }
  });

  it('prove what changed between two heights [Q10]', async () => {
    const { ask, lattice } = await startApi();
    await lattice.write([{ op: 'put', key: 'a', value: 1 }]);
    const { sequence: first } = lattice.root();
    await lattice.write([{ op: 'put', key: 'b', value: 2 }]);
    await lattice.write([{ op: 'put', key: 'c', value: 3 }]);
    await lattice.write([{ op: 'delete', key: 'b', mustExist: true }]);
    const { root, sequence } = lattice.root();
    const { proofs, ...told } = (await ask(`/sync/proofs/${first + 1}-${sequence}`)).json() as unknown as Proofs;
    expect(told).toEqual({
      success: true,
      merkle_root: root,
      height: sequence,
      from: first + 1,
      to: sequence,
      count: 2,
      next: null,
    });
    expect(proofs.map(({ key, kind }) => `${key} ${kind}`)).toEqual(['b deleted', 'c present']);
    const one = (await ask(`/sync/proofs/${first}`)).json() as unknown as Proofs;
    expect(one.proofs.map(({ key, root: of }) => [key, of])).toEqual([['a', root]]);
    for (const path of ['0-1', '2-1', 'x', '1-2-3', '1?skip=x'])
      expect((await ask(`/sync/proofs/${path}`)).status).toBe(422);
    expect((await ask(`/sync/proofs/${sequence + 1}-${sequence + 2}`)).status).toBe(404);
  });

  it('give proofs that verify [Q10]', async () => {
    const { ask, lattice } = await startApi();
    await lattice.write([{ op: 'put', key: 'a', value: 1 }]);
    const { proofs } = (await ask(`/sync/proofs/1-${lattice.root().sequence}`)).json() as unknown as Proofs;
    const trusted = [lattice.status().author as Author];
    const proven = await verifyProofDocument(proofs[0], { ...bundledCrypto(), trusted });
    expect(proven).toMatchObject({ kind: 'present', value: 1 });
  });

  it('divide proofs that are too many or too large, and tell where the others begin [Q10]', async () => {
    const { ask, lattice } = await startApi();
    const puts = (name: string, count: number, value: string) =>
      Array.from({ length: count }, (_, i) => ({ op: 'put' as const, key: `${name}/${i}`, value }));
    await lattice.write(puts('small', 100, 'x'));
    for (let i = 0; i < 70; i++) await lattice.write(puts(`large${i}`, 1, 'x'.repeat(16_000)));
    const keys: string[] = [];
    let path: string | null = `/sync/proofs/1-${lattice.root().sequence}`;
    let answers = 0;
    while (path !== null) {
      const answer = await ask(path);
      expect(answer.text.length).toBeLessThan(1024 * 1024 + 64 * 1024);
      const told = answer.json() as unknown as Proofs;
      expect(told.count).toBeLessThanOrEqual(64);
      keys.push(...told.proofs.map(({ key }) => key));
      path = told.next;
      expect(++answers).toBeLessThan(10);
    }
    expect(answers).toBeGreaterThan(3);
    expect(keys).toHaveLength(170);
    expect(new Set(keys).size).toBe(170);
  });

  it('say where the journal begins when it does not reach back [Q10]', async () => {
    const lattice = await startLattice();
    for (let i = 0; i < 3; i++) await lattice.write([{ op: 'put', key: `k${i}`, value: i }]);
    const { sequence } = lattice.root();
    await lattice.store.batch([{ type: 'del', key: journalKey(1) }]);
    const { ask } = await startApi({ lattice });
    const gone = await ask(`/sync/proofs/1-${sequence}`);
    expect([gone.status, gone.json()['code'], gone.json()['detail']]).toEqual([
      410,
      'cursor-lost',
      'the journal begins with batch 2',
    ]);
    expect((await ask(`/sync/proofs/2-${sequence}`)).status).toBe(200);
  });

  it('list the nodes that have a base URL [Q10]', async () => {
    const { ask } = await startApi({ lattice: await startLattice({ urls: ['http://127.0.0.1:9'] }) });
    expect((await ask('/sync/peers')).json()).toEqual({
      success: true,
      peers: [{ url: 'http://127.0.0.1:9', peer_id: null, reachable: false }],
      count: 1,
    });
  });
});
