import { expect, it } from 'vitest';
import type { ChangeView, DisplacedView, RosterView } from '../../src/runtime/facade/index.ts';
import { type Node, startFleet } from '../support/fleet.ts';
import { eventually } from '../support/wait.ts';
import { run } from '../unit/cli/support.ts';

const read = async <T>(node: Node, path: string): Promise<T> => {
  const answer = await node.api.send('GET', path);
  expect(answer.status, answer.text).toBe(200);
  return answer.json() as T;
};
const rosterOf = (node: Node): Promise<RosterView> => read(node, '/api/v1/members');

it('a stolen key is removed while it floods: what it wrote after its end is gone everywhere, and what stays is back [RO10, RO12, FL5]', async () => {
  const fleet = await startFleet({ nodes: 4 });
  const [a, b, away, thief] = fleet.nodes as [Node, Node, Node, Node];
  const keys = Array.from({ length: 20 }, (_, i) => `stays/${i}`);
  for (const key of keys) await a.api.put(key, 'mine');
  await fleet.settled();

  // The thief writes over everything and makes keys of its own, for as long as it is let.
  const written: number[] = [];
  const flooding = new AbortController();
  const flood = (async () => {
    for (let i = 0; !flooding.signal.aborted; i++) {
      const at = Date.now();
      const answers = await Promise.all(
        [keys[i % keys.length] as string, `stolen/${i}`].map((key) =>
          thief.api.send('PUT', `/api/v1/state/${encodeURIComponent(key)}`, { body: 'stolen' }),
        ),
      );
      if (answers.every(({ status }) => status < 300)) written.push(at);
    }
  })();
  await eventually('the flood is under way', () => Promise.resolve(written.length > 20));
  const asked = await a.api.send('POST', '/api/v1/members/changes', { body: { kind: 'remove', author: thief.author } });
  expect(asked.status, asked.text).toBe(201);
  const { id } = asked.json() as ChangeView;
  for (const node of [b, away])
    await eventually(`${node.name} approves`, async () => {
      const answer = await node.api.send('POST', `/api/v1/members/changes/${id}/approve`);
      return answer.status === 200;
    });
  await away.kill();
  await a.api.put('written meanwhile', 1);
  await eventually('the thief is stopped', async () => {
    const view = await rosterOf(a);
    return view.epoch === 1;
  });
  flooding.abort();
  await flood;
  await away.start();
  const { members } = await rosterOf(a);
  const until = members.find(({ author }) => author === thief.author)?.until ?? 0;
  expect(written.some((at) => at > until)).toBe(true);
  await fleet.settled();
  for (const node of fleet.nodes) {
    const items = await node.api.entries();
    const late = items.filter(
      ({ author, hlc }) => author === thief.author && Number.parseInt(hlc.slice(0, 12), 16) > until,
    );
    expect(late, node.name).toEqual([]);
    const have = new Set(items.map(({ key }) => key));
    expect(
      [...keys, 'written meanwhile'].filter((key) => !have.has(key)),
      node.name,
    ).toEqual([]);
  }
  // What was taken out is listed where it had been taken, with the thief's own node among them.
  const lists = await Promise.all(
    fleet.nodes.map((node) => read<{ items: DisplacedView[] }>(node, '/api/v1/members/displaced?limit=1000')),
  );
  for (const { author, at, until: end, value } of lists.flatMap(({ items }) => items))
    expect([author, at > until, end, value]).toEqual([thief.author, true, until, 'stolen']);
  expect(lists[3]?.items.length).toBeGreaterThan(0);
  const warned = (await thief.api.status()).warnings.map(({ code }) => code);
  expect(warned).toContain('displaced');
  const { code, out } = await run(['members', 'displaced', '--limit', '3', '--url', thief.api.url]);
  expect([code, out.split('\n')[0]]).toEqual([0, expect.stringMatching(/^KEY +AUTHOR +WRITTEN +ITS END +WHAT$/)]);
  expect(out.split('\n').slice(1, 4)).toEqual(Array(3).fill(expect.stringContaining('"stolen"')));
  const exported = await run(['members', 'displaced', '--limit', '3', '--json', '--url', thief.api.url]);
  expect(JSON.parse(exported.out)).toMatchObject({ items: lists[3]?.items.slice(0, 3) });

  // Once the floor has passed its end, the key leaves the roster: what counted of it stays, and it syncs no more.
  const root = (await a.api.status()).root;
  const drop = () => a.api.send('POST', '/api/v1/members/changes', { body: { kind: 'drop', author: thief.author } });
  const early = await drop();
  if (early.status !== 201)
    expect([early.status, early.text]).toEqual([409, expect.stringContaining('the floor has passed')]);
  const dropped = await eventually('the floor has passed the end', async () => {
    const answer = await drop();
    return answer.status === 201 ? (answer.json() as ChangeView).id : undefined;
  });
  await eventually('b approves', async () => {
    const answer = await b.api.send('POST', `/api/v1/members/changes/${dropped}/approve`);
    return answer.status === 200;
  });
  for (const node of [a, b, away])
    await eventually(`${node.name} goes by epoch 2`, async () => (await rosterOf(node)).epoch === 2);
  expect((await rosterOf(away)).members.map(({ author }) => author)).not.toContain(thief.author);
  await away.terminate();
  await away.start();
  await fleet.settled([0, 1, 2]);
  expect((await away.api.status()).root).toBe(root);
  await a.api.put('after the drop', 1);
  await fleet.settled([0, 1, 2]);
  expect(await thief.api.get('after the drop')).toBeUndefined();
  await fleet.stop();
});
