import { cp, rm } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { type Node, startFleet } from '../support/fleet.ts';
import { eventually } from '../support/wait.ts';

/** Longer than deletions stay (24 h), and than the hour on which they leave. */
const LATER_MS = 26 * 3_600_000;
const clock = new URL('../support/preload/wrong-clock.mjs', import.meta.url);

const put = (node: Node, path: string, value: unknown) =>
  node.api.send('PUT', `/api/v1/state/${path}`, { body: { value } });
const remove = (node: Node, key: string) => node.api.send('DELETE', `/api/v1/state/${key}`);

it('a day later what was deleted leaves all nodes, and a node from an old backup does not bring it back [FL6, FL7, FL9]', async () => {
  let isLater = false;
  const later = { preload: [clock], env: { CLOCK_AHEAD_MS: String(LATER_MS) } };
  const fleet = await startFleet({ surroundings: () => (isLater ? later : {}) });
  const [a, b, c] = fleet.nodes as [Node, Node, Node];
  for (const key of ['gone', 'kept', 'replaced']) await a.api.put(key, 'first');
  await fleet.settled();
  expect((await c.terminate()).code).toBe(0);
  const backup = `${c.stateDir}-backup`;
  await cp(c.stateDir, backup, { recursive: true });
  await c.start();
  await fleet.settled();
  expect((await remove(b, 'gone')).status).toBe(204);
  await b.api.put('replaced', 'second');
  expect((await put(b, 'ended?ttl=1', 'soon')).status).toBe(201);
  await fleet.settled();
  expect((await a.api.status()).entries).toBe(4);

  for (const node of fleet.nodes) expect((await node.terminate()).code).toBe(0);
  isLater = true;
  await Promise.all(fleet.nodes.map((node) => node.start()));
  for (const node of fleet.nodes)
    await eventually(`${node.name} has collected`, async () => (await node.api.status()).entries === 2);
  await fleet.settled();

  // An old backup of one of them has what was deleted, and neither its deletion nor the end of anything.
  expect((await c.terminate()).code).toBe(0);
  await rm(c.stateDir, { recursive: true });
  await cp(backup, c.stateDir, { recursive: true });
  await c.start();
  expect(await c.api.get('gone')).toMatchObject({ value: 'first' });
  await eventually('c has set aside what left', async () => (await c.api.status()).entries === 2);
  const { entries } = await fleet.settled();
  expect(entries.map(({ key, value }) => [key, value])).toEqual([
    ['kept', 'first'],
    ['replaced', 'second'],
  ]);
  for (const node of fleet.nodes) expect(await node.api.get('gone')).toBeUndefined();
  // What was deleted can be written anew, by any of them.
  await a.api.put('gone', 'again');
  await fleet.settled();
  expect(await c.api.get('gone')).toMatchObject({ value: 'again' });
});
