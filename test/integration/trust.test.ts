import { describe, expect, it } from 'vitest';
import { type Fleet, type Node, startFleet } from '../support/fleet.ts';
import { eventually } from '../support/wait.ts';

/** Repairs that did something or failed: those that found nothing are not logged at this level. */
const repairs = (node: Node): number => node.process.log().filter(({ msg }) => msg === 'repair').length;

/** Resolves when `node` has heard `peer` for `beats` more heartbeats of a second. */
async function heartbeats(node: Node, peer: Node, beats: number): Promise<void> {
  const heard = async (): Promise<number> => {
    const { p2p, http } = await node.api.peer(peer.author);
    return Math.max(p2p.lastHeardAt ?? 0, http.lastHeardAt ?? 0);
  };
  const from = await heard();
  await eventually(
    `${node.name} heard ${beats} heartbeats`,
    async () => (await heard()) >= from + beats * 1000,
    60_000,
  );
}

/** A fleet whose node c (2) has the trust list that `list` makes of the three authors. */
async function withListOfC(
  list: (authors: readonly [string, string, string]) => readonly string[],
): Promise<[Fleet, Node, Node, Node]> {
  const fleet = await startFleet({ start: [] });
  const [a, b, c] = fleet.nodes as [Node, Node, Node];
  c.configure({ TRUSTED_STATE_PUBKEYS: list([a.author, b.author, c.author]).join(',') });
  await Promise.all(fleet.nodes.map((node) => node.start()));
  return [fleet, a, b, c];
}

describe('trust', () => {
  it('differs between nodes: both say so, the rest is equal, refused items are counted and repairs do not loop [S12, N10]', async () => {
    const [fleet, a, b, c] = await withListOfC(([, bKey, cKey]) => [bKey, cKey]);
    await a.api.put('refused/by/c', 1);
    await b.api.put('accepted', 2);
    await c.api.put('from/c', 3);
    await fleet.settled([0, 1]);
    const atC = await eventually('c is equal to a except for what it refused', async () => {
      const peer = await c.api.peer(a.author);
      return peer.agreement === 'equal-except-refused' ? peer : undefined;
    });
    expect(atC.refused).toEqual({ count: 1, reasons: { 'untrusted-author': 1 } });
    expect(atC.trustMatches).toBe(false);
    const status = await c.api.status();
    expect(status.warnings.map(({ code }) => code)).toContain('other-trust-list');
    expect(status.warnings.find(({ code }) => code === 'refused-items')?.text).toMatch(
      /equal except 1 key that was refused: 1 of node-a \(untrusted-author\)/,
    );
    expect(status.refused['untrusted-author']).toBeGreaterThan(0);
    expect((await a.api.status()).warnings.map(({ code }) => code)).toContain('other-trust-list');
    expect((await c.api.entries()).map(({ key }) => key)).toEqual(['accepted', 'from/c']);
    // What c writes does not wait for what c refuses, and may take another way than what it takes over.
    await eventually('a has what c wrote', async () => (await a.api.get('from/c')) !== undefined);
    expect((await a.api.entries()).map(({ key }) => key)).toEqual(['accepted', 'from/c', 'refused/by/c']);

    await eventually('a says so too', async () => (await a.api.peer(c.author)).agreement === 'equal-except-refused');
    await eventually('b says so too', async () => (await b.api.peer(c.author)).agreement === 'equal-except-refused');
    const before = fleet.nodes.map(repairs);
    await heartbeats(c, a, 10);
    // Ten heartbeats, each with heads that differ: at most one more look at each of two peers.
    fleet.nodes.forEach((node, i) => expect(repairs(node) - (before[i] ?? 0), node.name).toBeLessThanOrEqual(2));
    await fleet.stop();
  });

  it('leaves out the node itself: it is read-only with the reason, and still follows the others [N3]', async () => {
    const [fleet, a, , c] = await withListOfC(([aKey, bKey]) => [aKey, bKey]);
    const answer = await c.api.send('PUT', '/api/v1/state/key', { body: 1 });
    expect(answer.status).toBe(503);
    expect(answer.json()).toMatchObject({
      code: 'read-only',
      reasons: [{ code: 'untrusted-self', text: expect.stringContaining(c.author) as string }],
    });
    const status = await c.api.status();
    expect(status.writable).toBe(false);
    expect(status.readOnlyReasons.map(({ code }) => code)).toEqual(['untrusted-self']);
    await a.api.put('key', 'from a');
    expect((await fleet.settled()).entries).toMatchObject([{ key: 'key', value: 'from a' }]);
    await fleet.stop();
  });

  it('is not given to an author by the others: its commits are refused and counted, and nothing changes', async () => {
    const fleet = await startFleet({ start: [] });
    const [a, b, c] = fleet.nodes as [Node, Node, Node];
    for (const node of [a, b]) node.configure({ TRUSTED_STATE_PUBKEYS: [a.author, b.author].join(',') });
    await Promise.all(fleet.nodes.map((node) => node.start()));
    await a.api.put('good', 1);
    const { root } = await fleet.settled();
    await c.api.put('bad', 2);
    for (const i of [0, 1]) {
      const status = await fleet.status(i, 'c is refused', ({ refused }) => (refused['untrusted-author'] ?? 0) > 0);
      expect(status.root).toBe(root);
      expect((await (fleet.nodes[i] as Node).api.peer(c.author)).trusted).toBe(false);
    }
    const told = await eventually('c knows why', async () => {
      const peer = await c.api.peer(a.author);
      return peer.agreement === 'equal-except-refused' ? peer : undefined;
    });
    expect(told.refused).toEqual({ count: 1, reasons: { 'untrusted-author': 1 } });
    expect(await a.api.get('bad')).toBeUndefined();
    await fleet.stop();
  });
});
