import { beforeAll, describe, expect, it } from 'vitest';
import type { Transition } from '../../src/runtime/facade/index.ts';
import { type Fleet, type Node, startFleet } from '../support/fleet.ts';
import { eventually } from '../support/wait.ts';

/** Why the lung that carries each peer changed so, the last time. */
const causes = (transitions: readonly Transition[], from: string, to: string): ReadonlyMap<string, string> =>
  new Map(
    transitions.flatMap((t) =>
      t.peer !== undefined && t.from === from && t.to === to && t.cause !== '' ? [[t.peer, t.code]] : [],
    ),
  );

/** The wait for a stable P2P doubles with each flap, of which a busy machine makes some. */
const RETURN_MS = 150_000;

describe('three nodes', () => {
  let fleet: Fleet;
  let a: Node;
  let b: Node;
  let c: Node;
  beforeAll(async () => {
    // A fourth is known to all and joins last.
    fleet = await startFleet({ nodes: 4, start: [0, 1, 2] });
    [a, b, c] = fleet.nodes as [Node, Node, Node];
    for (const i of [0, 1, 2])
      await fleet.status(i, 'P2P carries both peers', ({ syncMode, p2p }) => syncMode === 'P2P' && p2p.peers === 2);
  });

  it('hold what was written on each of them, and forget what was deleted [D4, R6]', async () => {
    await Promise.all([a.api.put('from/a', { n: 1 }), b.api.put('from/b', [2]), c.api.put('from/c', 'three')]);
    const first = await fleet.settled();
    expect(first.entries.map(({ key, value }) => [key, value])).toEqual([
      ['from/a', { n: 1 }],
      ['from/b', [2]],
      ['from/c', 'three'],
    ]);
    await b.api.del('from/a');
    const second = await fleet.settled();
    expect(second.entries.map(({ key }) => key)).toEqual(['from/b', 'from/c']);
    expect(second.root).not.toBe(first.root);
    for (const node of [a, b, c]) expect(await node.api.get('from/a')).toBeUndefined();
  });

  it('keep both of two writes made apart as siblings, show the same winner, and drop them after a write that has seen both [R3, R4]', async () => {
    fleet.block('cut');
    const [left, right] = await Promise.all([a.api.put('apart', 'left'), b.api.put('apart', 'right')]);
    fleet.restore();
    await eventually('every node shows the conflict', async () => {
      const lists = await Promise.all([a, b, c].map((node) => node.api.conflicts()));
      return lists.every((list) => list.length === 1);
    });
    const { conflicts, entries } = await fleet.settled();
    expect(conflicts).toHaveLength(1);
    expect(conflicts[0]?.key).toBe('apart');
    expect(conflicts[0]?.siblings.map((s) => s.version).toSorted()).toEqual([left.version, right.version].toSorted());
    const shown = entries.find(({ key }) => key === 'apart');
    expect(shown?.version).toBe(conflicts[0]?.siblings[0]?.version);
    expect(shown?.conflicts).toBe(1);

    await c.api.put('apart', 'both seen');
    await eventually('the conflict is gone everywhere', async () => {
      const lists = await Promise.all([a, b, c].map((node) => node.api.conflicts()));
      return lists.every((list) => list.length === 0);
    });
    expect((await fleet.settled()).entries.find(({ key }) => key === 'apart')).toMatchObject({ value: 'both seen' });
  });

  it('lose no acknowledged write when one is killed, and take it back in [D4, N2]', async () => {
    fleet.block('cut');
    const written = await c.api.put('before/kill', 'acknowledged');
    await c.kill();
    await a.api.put('meanwhile', true);
    fleet.restore();
    await c.start();
    const { entries } = await fleet.settled([0, 1, 2]);
    expect(entries.find(({ key }) => key === 'before/kill')).toEqual(written);
    expect(entries.find(({ key }) => key === 'meanwhile')).toBeDefined();
    // It writes again, after its own history.
    const again = await c.api.put('before/kill', 'again');
    expect(again.hlc > written.hlc).toBe(true);
    await fleet.settled();
  });

  it('fail over to HTTP when P2P is blocked, cut or as a black hole, and return to P2P by themselves [N4, N5, N6]', async () => {
    for (const i of [0, 1, 2]) await fleet.status(i, 'P2P carries it', ({ syncMode }) => syncMode === 'P2P');
    // Each node judges each peer by itself. Both ways stand beside each other, because each return has to prove for a
    // while that it is stable, and for twice as long when it is the second.
    fleet.block('cut', { lung: 'p2p', between: [0, 1] });
    fleet.block('blackhole', { lung: 'p2p', between: [0, 2] });
    fleet.block('blackhole', { lung: 'p2p', between: [1, 2] });
    for (const i of [0, 1, 2]) {
      const status = await fleet.status(
        i,
        'HTTP took over',
        ({ syncMode, health }) => syncMode === 'HTTP' && health === 'HTTP_ONLY',
      );
      const lost = causes(status.transitions, 'p2p', 'http');
      expect(lost.size).toBe(2);
      for (const code of lost.values()) expect(['silent', 'behind']).toContain(code);
    }
    await Promise.all([a.api.put('over/http/a', 1), b.api.put('over/http/b', 2)]);
    const { entries } = await fleet.settled();
    expect(entries.filter(({ key }) => key.startsWith('over/http/'))).toHaveLength(2);

    fleet.restore({ lung: 'p2p' });
    for (const [i, node] of [a, b, c].entries()) {
      const status = await fleet.status(
        i,
        'P2P carries both peers again',
        // The fourth node is expected and has not been started yet.
        ({ p2p, syncMode, health }) => p2p.peers === 2 && syncMode === 'P2P' && health === 'PARTIAL',
        RETURN_MS,
      );
      await eventually(
        `${node.name} left HTTP for both peers`,
        async () => (await node.api.peers()).filter((p) => p.configured && p.lung === 'p2p').length === 2,
        RETURN_MS,
      );
      const back = causes((await node.api.status()).transitions, 'http', 'p2p');
      expect([...back.values()]).toEqual(['stable', 'stable']);
      expect(status.startedAt).toBe((await node.api.status()).startedAt);
    }
    await c.api.put('back/on/p2p', true);
    await fleet.settled();
  });

  it('bring a late joiner with an empty store up to date, and hear it [S11]', async () => {
    const d = fleet.nodes[3] as Node;
    await d.start();
    const { entries } = await fleet.settled();
    expect(entries.length).toBeGreaterThan(5);
    await d.api.put('from/late', 'joiner');
    expect((await fleet.settled()).entries.find(({ key }) => key === 'from/late')).toMatchObject({ author: d.author });
    for (const node of fleet.nodes) {
      const integrity = (await node.api.send('GET', '/api/persistence/integrity')).json();
      expect(integrity).toMatchObject({ is_valid: true, status: 'VALID' });
    }
  });
});
