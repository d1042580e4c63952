import { describe, expect, it } from 'vitest';
import { type Node, startFleet } from '../support/fleet.ts';

const is = (pair: readonly [number, number], from: number, to: number): boolean =>
  pair.includes(from) && pair.includes(to);

describe('a half-blocked network', () => {
  it('converges in both directions where A–B is HTTP only, B–C is P2P only, and A–C is nothing [G5, N4]', async () => {
    const fleet = await startFleet({
      dials: (from, to, lung) => (lung === 'http' ? is([0, 1], from, to) : is([1, 2], from, to)),
    });
    const [a, b, c] = fleet.nodes as [Node, Node, Node];
    await fleet.status(1, 'one peer on each lung', ({ p2p, http }) => p2p.peers === 1 && http.peers === 1);
    await a.api.put('from/a', 'over HTTP, then P2P');
    await fleet.settled();
    await c.api.put('from/c', 'over P2P, then HTTP');
    await b.api.put('from/b', 'both ways');
    const { entries } = await fleet.settled();
    expect(entries.map(({ key, author }) => [key, author])).toEqual([
      ['from/a', a.author],
      ['from/b', b.author],
      ['from/c', c.author],
    ]);
    // A node overwrites and deletes what came from the far side.
    await c.api.put('from/a', 'overwritten at the far side');
    await fleet.settled();
    await a.api.del('from/c');
    const last = await fleet.settled();
    expect(last.entries.map(({ key, value }) => [key, value])).toEqual([
      ['from/a', 'overwritten at the far side'],
      ['from/b', 'both ways'],
    ]);
    expect(last.conflicts).toEqual([]);
    // The two ends never met: the middle carried everything.
    expect((await a.api.status()).p2p.peers).toBe(0);
    expect(await c.api.peer(a.author)).toMatchObject({ p2p: { connected: false }, http: { reachable: false } });
    await fleet.stop();
  });

  it('hears a writer behind NAT that can only dial out over HTTP, and is heard by it [S11]', async () => {
    const fleet = await startFleet({
      dials: (from, to, lung) => (is([1, 2], from, to) ? true : from === 0 && to === 1 && lung === 'http'),
      env: (i) => (i === 0 ? { P2P_LISTEN: undefined, P2P_BOOTSTRAP: undefined } : {}),
    });
    const [a, , c] = fleet.nodes as [Node, Node, Node];
    expect((await a.api.status()).p2p).toMatchObject({ enabled: false, state: 'off' });
    await a.api.put('behind/nat', 1);
    await fleet.settled();
    expect(await c.api.get('behind/nat')).toMatchObject({ author: a.author, value: 1 });
    await c.api.put('to/nat', 2);
    await a.api.put('behind/nat', 3);
    const { entries, conflicts } = await fleet.settled();
    expect(entries.map(({ key, value }) => [key, value])).toEqual([
      ['behind/nat', 3],
      ['to/nat', 2],
    ]);
    expect(conflicts).toEqual([]);
    await fleet.stop();
  });
});
