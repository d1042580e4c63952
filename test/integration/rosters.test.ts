import { rmSync } from 'node:fs';
import { expect, it } from 'vitest';
import { createSigner, loadOrCreateKey } from '../../src/adapters/system/index.ts';
import type { ChangeAction, ChangeView, RosterView } from '../../src/runtime/facade/index.ts';
import { type Node, startFleet } from '../support/fleet.ts';
import { eventually } from '../support/wait.ts';

const read = async <T>(node: Node, path: string): Promise<T> => {
  const answer = await node.api.send('GET', path);
  expect(answer.status, answer.text).toBe(200);
  return answer.json() as T;
};
const rosterOf = (node: Node): Promise<RosterView> => read(node, '/api/v1/members');

async function propose(node: Node, action: ChangeAction): Promise<string> {
  const answer = await node.api.send('POST', '/api/v1/members/changes', { body: action });
  expect(answer.status, answer.text).toBe(201);
  return (answer.json() as ChangeView).id;
}

/** Asks for a change at the first node and approves it at the others. */
async function approve(nodes: readonly Node[], action: ChangeAction): Promise<string> {
  const [first, ...others] = nodes as [Node, ...Node[]];
  const id = await propose(first, action);
  for (const node of others)
    await eventually(`${node.name} approves`, async () => {
      const answer = await node.api.send('POST', `/api/v1/members/changes/${id}/approve`);
      return answer.status === 200;
    });
  return id;
}

/** Resolves once all have the roster of the epoch, which is one. */
async function agreed(epoch: number, nodes: readonly Node[]): Promise<RosterView> {
  const views = await Promise.all(
    nodes.map((node) =>
      eventually(`${node.name} has epoch ${epoch}`, async () => {
        const view = await rosterOf(node);
        return view.epoch === epoch ? view : undefined;
      }),
    ),
  );
  expect(new Set(views.map(({ hash }) => hash)).size).toBe(1);
  return views[0] as RosterView;
}

it('a fourth node joins over HTTP alone and becomes a writer over P2P alone; a key is rotated and the oldest node retires, whoever dies meanwhile [RO4, RO6, RO7, RO8]', async () => {
  const fleet = await startFleet({ nodes: 4, start: [] });
  const [a, b, c, d] = fleet.nodes as [Node, Node, Node, Node];
  const founders = [a, b, c].map(({ author }) => author).join(',');
  for (const node of fleet.nodes) node.configure({ TRUSTED_STATE_PUBKEYS: founders });
  await Promise.all(fleet.nodes.map((node) => node.start()));
  await a.api.put('before', 1);
  await fleet.settled();

  fleet.block('cut', { lung: 'p2p' });
  await approve([a, b], { kind: 'add', author: d.author as never, name: 'four', role: 'mirror' });
  const joined = await agreed(1, fleet.nodes);
  expect(joined.members.find(({ author }) => author === d.author)).toMatchObject({ name: 'four', role: 'mirror' });
  expect((await d.api.status()).readOnlyReasons.map(({ code }) => code)).toEqual(['mirror']);
  fleet.restore();

  fleet.block('cut', { lung: 'http' });
  await approve([b, c], { kind: 'promote', author: d.author as never });
  await agreed(2, fleet.nodes);
  fleet.restore();
  await d.api.put('by the fourth', 4);
  await fleet.settled();

  // The proposer of most decisions is gone while one runs; the others end it, and it takes the chain when it is back.
  const keyFile = `${c.keyFile}.new`;
  const next = createSigner(loadOrCreateKey(keyFile).seed).author;
  await approve([a, b, d], { kind: 'rotate', author: c.author as never, to: next });
  await a.kill();
  const rotated = await agreed(3, [b, c, d]);
  expect(rotated.members.find(({ author }) => author === c.author)?.role).toBe('retired');
  await a.start();
  await agreed(3, fleet.nodes);

  const id = await approve([b, d, a], { kind: 'retire', author: a.author as never });
  // Of four writers the new key has no node yet, so all others have to vote.
  const last = await agreed(4, fleet.nodes);
  expect(last.members.find(({ author }) => author === a.author)?.until).toBeGreaterThan(Date.now());
  expect(await read<ChangeView>(b, `/api/v1/members/changes/${id}`)).toMatchObject({ stage: 'decided', epoch: 4 });
  await a.api.put('until its end', 'a');
  const { entries } = await fleet.settled();
  expect(entries.map(({ key }) => key)).toEqual(['before', 'by the fourth', 'until its end']);

  // A key that is retired never writes again once its node has started anew, and the rosters are there without a peer.
  await Promise.all(fleet.nodes.map((node) => node.kill()));
  await a.start();
  expect((await rosterOf(a)).hash).toBe(last.hash);
  await eventually('a is read-only', async () =>
    (await a.api.status()).readOnlyReasons.some(({ code }) => code === 'retired'),
  );
  rmSync(keyFile);
  await fleet.stop();
});
