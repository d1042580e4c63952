import { describe, expect, it } from 'vitest';
import { EPOCH_MS } from '../../../runtime/support.ts';
import { storeWithAside } from '../../aside-store.ts';
import { friend, startLattice } from '../../live-lattice.ts';
import { auth, json, startApi } from '../../support.ts';

/** A node that has set three operations of another author aside in an earlier run, over its API. */
async function start() {
  const commit = friend.commit({ a: 1, b: { text: 'x'.repeat(100) }, c: undefined }, { ms: EPOCH_MS - 1_000 });
  const lattice = await startLattice({ store: await storeWithAside(commit) });
  const api = await startApi({ lattice });
  const post = (body: unknown) => api.ask('/api/v1/floor/recover', { ...json(body), method: 'POST' });
  return { lattice, api, commit, post };
}

describe('what was set aside, over the API', () => {
  it('is listed with values, author and reason, in pages, and nothing of it is read as state [FL8]', async () => {
    const { api, lattice, commit } = await start();
    const answer = await api.ask('/api/v1/floor/aside');
    expect([answer.status, answer.headers['cache-control']]).toEqual([200, 'no-cache']);
    expect(answer.json()['items']).toMatchObject([
      {
        key: 'a',
        value: 1,
        version: `${commit.id}.0`,
        author: friend.author,
        at: EPOCH_MS - 1_000,
        code: 'late',
        standing: 'missing',
      },
      { key: 'b', deleted: false, standing: 'missing' },
      { key: 'c', deleted: true, standing: 'same' },
    ]);
    const first = await api.ask('/api/v1/floor/aside?limit=2');
    const cursor = String(first.json()['cursor']);
    const rest = await api.ask(`/api/v1/floor/aside?limit=2&cursor=${encodeURIComponent(cursor)}`);
    expect([rest.json()['items'], rest.json()['cursor']]).toMatchObject([[{ key: 'c' }], undefined]);
    expect(await lattice.get('a')).toBeUndefined();
    expect((await api.ask('/api/v1/floor')).json()['collection']).toMatchObject({ setAside: 3, waitsFor: [] });
    expect(lattice.status().floor?.collection).toMatchObject({ setAside: 3, collecting: false });
    expect(lattice.status().warnings.map(({ code }) => code)).toContain('set-aside');
  });

  it('is written anew by operators alone, and the warning ends with the last of it [FL8, TK1]', async () => {
    const { api, lattice, post } = await start();
    const refused = await api.ask('/api/v1/floor/recover', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"all":true}',
    });
    expect(refused.status).toBe(401);
    const some = await post({ keys: ['a'] });
    expect([some.status, some.json()]).toMatchObject([200, { written: [{ key: 'a', deleted: false }], forgotten: 1 }]);
    expect(await lattice.get('a')).toMatchObject({ value: 1, author: lattice.self.author });
    expect(lattice.status().warnings.map(({ code }) => code)).toContain('set-aside');
    const all = (await post({ all: true })).json();
    expect(all).toMatchObject({ written: [{ key: 'b' }], passedOver: [{ key: 'c', standing: 'same' }], forgotten: 2 });
    expect((await api.ask('/api/v1/floor/aside')).json()).toEqual({ items: [] });
    expect(lattice.status().warnings.map(({ code }) => code)).not.toContain('set-aside');
    expect((await post({ all: true })).json()).toEqual({ written: [], passedOver: [], forgotten: 0 });
  });

  it('is only forgotten where that is asked', async () => {
    const { lattice, post } = await start();
    expect((await post({ keys: ['a'], forget: true })).json()).toEqual({ written: [], passedOver: [], forgotten: 1 });
    expect((await post({ all: true, forget: true })).json()).toMatchObject({ forgotten: 2 });
    expect([await lattice.get('a'), lattice.status().entries]).toEqual([undefined, 0]);
  });

  it('stays where the node is read-only, and where the request is wrong', async () => {
    const { api, lattice, post } = await start();
    const wrong: [body: unknown, status: number][] = [
      [{}, 400],
      [{ keys: [] }, 400],
      [{ keys: ['a'], all: true }, 400],
      [{ all: false }, 400],
      [{ keys: ['a', 'none'] }, 404],
      [{ keys: ['none'], forget: true }, 404],
      [{ all: true, forget: true, overwrite: true }, 400],
      [{ all: true, cursor: '!' }, 400],
      [{ all: true, more: 1 }, 400],
      [{ keys: Array.from({ length: 257 }, (_, i) => `k${i}`) }, 400],
    ];
    for (const [body, status] of wrong) expect((await post(body)).status, JSON.stringify(body)).toBe(status);
    for (const query of ['limit=0', 'cursor=!', 'limit=1001'])
      expect((await api.ask(`/api/v1/floor/aside?${query}`)).status, query).toBe(400);
    lattice.setReadOnly('disk', 'the disk is full');
    expect((await post({ all: true })).status).toBeGreaterThanOrEqual(500);
    expect((await api.ask('/api/v1/floor/aside', { headers: auth })).json()['items']).toHaveLength(3);
  });
});
