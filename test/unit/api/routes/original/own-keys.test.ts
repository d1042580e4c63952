import { afterAll, beforeAll, expect, it } from 'vitest';
import { createClient } from '../../../../../src/client/index.ts';
import { type LiveNode, startLiveNode } from '../../live-node.ts';
import { ask, TOKEN } from '../../support.ts';

let node: LiveNode;
beforeAll(async () => {
  node = await startLiveNode();
});
afterAll(() => node.end());

it('contract: the state has the original’s keys and not the names of objects of the vault, and the root has all [I17]', async () => {
  const client = createClient({ url: node.url, token: TOKEN });
  await client.putEntry('balance:a', 1.5);
  await client.putEntry('note', null);
  const before = await client.getStatus();
  const { hash } = (await client.vault.put(new Blob(['content']), { name: 'a.txt' })).object;
  expect((await client.getEntry(`vault/${hash}`))?.value).toMatchObject({ name: 'a.txt' });

  const { root, live } = await client.getStatus();
  expect([live, root === before.root]).toEqual([3, false]);
  const state = { 'balance:a': 1.5, note: null };
  for (const path of ['/api/lattice/state', '/api/lattice/state/full', '/sync/snapshot/latest'])
    expect((await ask(node.url, path)).json()).toMatchObject({ merkle_root: root, state, state_size: 2 });
  for (const path of ['/api/lattice/state', '/sync/snapshot/latest'])
    expect(Object.keys((await ask(node.url, path)).json()['state'] as object).toSorted()).toEqual(Object.keys(state));
  for (const path of ['/api/persistence/merkle-root', '/sync/merkle-root'])
    expect((await ask(node.url, path)).json()).toMatchObject({ merkle_root: root, total_accounts: 2 });
  expect((await ask(node.url, '/api/lattice/health')).json()['metrics']).toMatchObject({ state_size: 2 });
});
