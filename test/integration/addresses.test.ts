import { expect, it } from 'vitest';
import { type Node, startFleet } from '../support/fleet.ts';
import { eventually } from '../support/wait.ts';

interface PeerRow {
  readonly author?: string;
  readonly url?: string;
  readonly configured: boolean;
  readonly p2p: { readonly connected: boolean };
  readonly http: { readonly reachable: boolean };
}

const peersOf = async (node: Node): Promise<readonly PeerRow[]> => {
  const answer = await node.api.send('GET', '/api/v1/peers');
  expect(answer.status, answer.text).toBe(200);
  return (answer.json() as { readonly peers: readonly PeerRow[] }).peers;
};

/** Resolves once the node is connected with all of them over P2P and reaches each at its own URL. */
async function reaches(node: Node, others: readonly Node[]): Promise<void> {
  await eventually(`${node.name} reaches all over both lungs`, async () => {
    const rows = await peersOf(node);
    const missing = others.filter(({ author, api }) => {
      const row = rows.find((one) => one.author === author);
      return row === undefined || !row.p2p.connected || !row.http.reachable || row.url !== api.url;
    });
    if (missing.length > 0) throw new Error(`not yet: ${missing.map(({ name }) => name).join(', ')}`);
    return true;
  });
}

it('nodes that know one node alone find all others, and after a restart without that one, too [AD2, AD3, AD4]', async () => {
  const fleet = await startFleet({ nodes: 4, start: [], dials: (_, to) => to === 0 });
  const [hub, b, c, d] = fleet.nodes as [Node, Node, Node, Node];
  for (const node of fleet.nodes) node.configure({ ANNOUNCE: node.announces });
  await Promise.all(fleet.nodes.map((node) => node.start()));

  await Promise.all([reaches(b, [c, d]), reaches(c, [b, d]), reaches(d, [b, c]), reaches(hub, [b, c, d])]);
  // A configured URL carries the one node that has one.
  const rows = await peersOf(d);
  expect(rows.find(({ author }) => author === hub.author)).toMatchObject({
    configured: true,
    url: `http://127.0.0.1:${fleet.proxy(3, 0, 'http').port}`,
  });
  expect(rows.find(({ author }) => author === b.author)).toMatchObject({ configured: false });
  // Nobody lists a URL twice, or one at which nobody has answered.
  expect(rows.length).toBe(3);
  const members = (await d.api.send('GET', '/api/v1/members')).json() as {
    readonly members: readonly { readonly author: string; readonly urls: readonly string[] }[];
  };
  expect(members.members.find(({ author }) => author === c.author)?.urls).toEqual([c.api.url]);

  await hub.kill();
  await d.kill();
  await d.start();
  await reaches(d, [b, c]);
  await d.api.put('by d', 1);
  await fleet.settled([1, 2, 3]);
});
