import { describe, expect, it } from 'vitest';
import { decodeCertificate } from '../../../../../src/core/wire/index.ts';
import { fromBase64url } from '../../../../../src/runtime/read/base64url.ts';
import { certify, friend, startWithFriend } from '../../live-lattice.ts';
import { startApi } from '../../support.ts';

/** A node with the key `k` at a cut that both trusted authors attest. */
async function startCertified() {
  const node = await startWithFriend();
  await node.lattice.write([{ op: 'put', key: 'k', value: 1 }]);
  const cut = await certify(node);
  const { ask } = await startApi({ lattice: node.lattice });
  return { ...node, ask, cut };
}

describe('cuts over the API', () => {
  it('are listed as the node has them [Z9]', async () => {
    const { ask, lattice, clock, cut } = await startCertified();
    const { root, entries } = lattice.root();
    await lattice.write([{ op: 'put', key: 'later', value: 1 }]);
    await clock.advance(10_000);
    // Of the second cut the other author holds what it held before.
    await lattice.attest({ at: cut.at + 10_000, root, entries });
    const attesters = [lattice.self.author, friend.author].sort();
    const answer = await ask('/api/v1/cuts');
    expect([answer.status, answer.json()]).toEqual([
      200,
      {
        items: [
          {
            at: cut.at + 10_000,
            root: lattice.root().root,
            entries: entries + 1,
            ours: true,
            attesters: [lattice.self.author],
            certified: false,
            epoch: 0,
          },
          { at: cut.at + 10_000, root, entries, ours: false, attesters: [friend.author], certified: false, epoch: 0 },
          { at: cut.at, root, entries, ours: true, attesters, certified: true, epoch: 0 },
        ],
      },
    ]);
    expect(answer.json()['items']).toEqual(lattice.cuts());
  });

  it('have certificates: the newest, or that of a time [Z9]', async () => {
    const { ask, lattice, clock, cut } = await startCertified();
    const held = lattice.certificate();
    expect(held?.at).toBe(cut.at);
    expect((await ask('/api/v1/cuts/certificate')).json()).toEqual(held);
    expect((await ask(`/api/v1/cuts/certificate?at=${cut.at}`)).json()).toEqual(held);
    await clock.advance(10_000);
    const uncertified = lattice.cuts()[0]?.at;
    expect(uncertified).toBe(cut.at + 10_000);
    const missing = await ask(`/api/v1/cuts/certificate?at=${uncertified}`);
    expect([missing.status, missing.json()['code']]).toEqual([404, 'not-found']);
    expect((await ask('/api/v1/cuts/certificate?at=soon')).status).toBe(400);
    expect((await ask('/api/v1/cuts?at=1')).status).toBe(400);
  });

  it('have a floor, the newest that all writers attested alike, and somebody who holds it [FL4]', async () => {
    const { ask, lattice, clock, cut } = await startCertified();
    const first = await ask('/api/v1/floor');
    expect([first.status, first.json()]).toEqual([200, lattice.floor()]);
    expect(first.json()).toMatchObject({ at: cut.at, root: cut.root, entries: 1, epoch: 0, held: false, holders: [] });
    expect(decodeCertificate(fromBase64url(String(first.json()['certificate']))).signers).toHaveLength(2);
    // The other author attests nothing more, and was never heard.
    await clock.advance(20_000);
    const held = (await ask('/api/v1/floor')).json();
    expect(held).toMatchObject({ at: cut.at, due: cut.at + 10_000, held: true });
    expect(held['holders']).toMatchObject([{ author: friend.author, code: 'away', self: false }]);
    expect(lattice.status().floor).toMatchObject({ at: cut.at, held: true, holders: [{ code: 'away' }] });
    expect((await ask('/api/v1/floor?at=1')).status).toBe(400);
  });

  it('are what a proof can be against [Z8]', async () => {
    const { ask, lattice, cut } = await startCertified();
    await lattice.write([{ op: 'put', key: 'changed', value: 1 }]);
    const { certificate } = lattice.certificate() ?? {};
    expect(certificate).toBeDefined();
    expect(cut.root).not.toBe(lattice.root().root);
    for (const path of ['/api/v1/proof/k?at=cut', '/api/v1/proof?key=k&at=cut']) {
      const proof = (await ask(path)).json();
      expect(proof).toMatchObject({ key: 'k', kind: 'present', value: 1, root: cut.root, certificate });
      expect(proof).toEqual(await lattice.prove('k', { at: 'cut' }));
    }
    const present = (await ask('/api/v1/proof/k')).json();
    expect(present).toMatchObject({ key: 'k', root: lattice.root().root, head: expect.any(String) as unknown });
    expect(present).not.toHaveProperty('certificate');
    const changed = await ask('/api/v1/proof/changed?at=cut');
    expect([changed.status, changed.json()['code'], changed.json()['next']]).toEqual([
      409,
      'changed-since-cut',
      'try again in 10 s',
    ]);
    expect((await ask('/api/v1/proof/k?at=noon')).status).toBe(400);
  });

  it('a proof at a cut before the first is certified is 503, with the time to come back [Z8]', async () => {
    const { ask, lattice } = await startApi();
    const error = await lattice.prove('k', { at: 'cut' }).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: 'not-certified', details: { retryAfterMs: expect.any(Number) as unknown } });
    const { details } = error as { details: { retryAfterMs: number } };
    const early = await ask('/api/v1/proof/k?at=cut');
    expect([early.status, early.json()['code'], early.headers['retry-after']]).toEqual([
      503,
      'not-certified',
      String(details.retryAfterMs / 1000),
    ]);
  });
});
