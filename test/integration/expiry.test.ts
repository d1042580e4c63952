import { expect, it } from 'vitest';
import { type Node, startFleet } from '../support/fleet.ts';
import { eventually } from '../support/wait.ts';

const put = (node: Node, path: string, headers: Record<string, string> = {}) =>
  node.api.send('PUT', `/api/v1/state/${path}`, { body: { by: node.name }, headers });

/** Resolves once the node has told that the key is deleted, with how often it told of the key at all. */
async function toldOfEnd(node: Node, key: string, after: string): Promise<readonly boolean[]> {
  const told: boolean[] = [];
  for await (const { event, data } of node.api.events(after)) {
    const change = data as { readonly key: string; readonly deleted: boolean };
    if (event !== 'change' || change.key !== key) continue;
    told.push(change.deleted);
    if (change.deleted) break;
  }
  return told;
}

/** The cursor of the present of a node: what comes later is told after it. */
async function present(node: Node): Promise<string> {
  for await (const { event, data } of node.api.events('nowhere.0'))
    if (event === 'reset') return (data as { readonly id: string }).id;
  throw new Error('the stream ended');
}

it('a value ends on every node and every surface, with one root; it is refused until every member is known to read it [EX1, EX2, EX3, EX4, EX5, EX7]', async () => {
  const fleet = await startFleet({ start: [0, 1] });
  const [a, b, c] = fleet.nodes as [Node, Node, Node];
  await eventually('a knows of b', async () => {
    const { endsNotReadBy } = await a.api.status();
    return endsNotReadBy?.length === 1;
  });
  const early = await put(a, 'session?ttl=1');
  expect(early.status, early.text).toBe(409);
  expect(early.json()).toMatchObject({ code: 'version-not-read', detail: expect.stringContaining('node-c') as string });
  expect((await a.api.status()).endsNotReadBy).toEqual(['node-c']);
  expect((await put(a, 'plain')).status).toBe(201);
  await c.start();
  for (const node of fleet.nodes)
    await eventually(`${node.name} has heard all`, async () => (await node.api.status()).endsNotReadBy === undefined);

  for (const wrong of [
    'ttl=0',
    'ttl=-1',
    'ttl=1.5',
    'ttl=soon',
    'expires=1000',
    'expires=253402300800000',
    'ttl=1&expires=1',
  ])
    expect((await put(a, `session?${wrong}`)).status, wrong).toBe(400);

  const cursors = await Promise.all(fleet.nodes.map(present));
  const long = await put(a, 'long?ttl=3600');
  expect(long.status, long.text).toBe(201);
  const { expires } = long.json() as { readonly expires: number };
  expect(expires).toBeGreaterThan(Date.now());
  const once = { 'idempotency-key': 'one' };
  const short = await put(b, 'session?ttl=1', once);
  expect(short.status, short.text).toBe(201);

  const told = await Promise.all(fleet.nodes.map((node, i) => toldOfEnd(node, 'session', cursors[i] ?? '')));
  for (const one of told) expect(one.at(-1)).toBe(true);
  for (const node of fleet.nodes) {
    expect(await node.api.get('session')).toBeUndefined();
    await eventually(`${node.name} has what is long`, async () => (await node.api.get('long'))?.expires === expires);
    expect((await node.api.entries()).map(({ key }) => key)).toEqual(['long', 'plain']);
    const state = await node.api.send('GET', '/api/lattice/state');
    expect(Object.keys((state.json() as { readonly state: object }).state).sort()).toEqual(['long', 'plain']);
    expect(await node.api.status()).toMatchObject({ live: 2, entries: 3 });
    expect((await node.api.proof('session')).kind).toBe('expired');
    expect((await node.api.proof('long')).kind).toBe('present');
  }
  const { root } = await fleet.settled();
  // The same request is answered with the same end, though that has come.
  const again = await put(b, 'session?ttl=1', once);
  expect([again.status, (again.json() as { expires: number }).expires]).toEqual([
    201,
    (short.json() as { expires: number }).expires,
  ]);
  expect((await b.api.status()).root).toBe(root);

  await c.kill();
  await c.start();
  expect(await c.api.status()).toMatchObject({ root, live: 2, entries: 3 });
  expect(await c.api.get('session')).toBeUndefined();
  // b is away, and was last heard to read what ends.
  await b.kill();
  await eventually(
    'c takes an end again',
    async () => (await put(c, 'session?ttl=3600', { 'if-none-match': '*' })).status === 201,
  );
  expect((await c.api.get('session'))?.value).toEqual({ by: 'node-c' });
  await fleet.stop();
});
