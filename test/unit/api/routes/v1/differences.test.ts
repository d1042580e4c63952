import { afterEach, describe, expect, it } from 'vitest';
import { createHttpLung } from '../../../../../src/adapters/http/index.ts';
import { nodeHasher, systemRandom } from '../../../../../src/adapters/system/index.ts';
import { eventually } from '../../../../support/wait.ts';
import { createAuthor, verifier } from '../../../runtime/support.ts';
import { startLattice } from '../../live-lattice.ts';
import { auth, clock, silentLog, startApi, type TestApi } from '../../support.ts';

const lungs: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(lungs.splice(0).map((lung) => lung.close()));
});

/** A node that reaches others over HTTP, and trusts only its own key. */
async function startOnline(id: number): Promise<TestApi> {
  const signer = createAuthor(id);
  const http = createHttpLung({
    signer,
    verifier,
    hasher: nodeHasher(),
    random: systemRandom(),
    clock,
    log: silentLog,
  });
  lungs.push(http);
  return startApi({ lattice: await startLattice({ id, clock, http }) });
}

describe('GET /api/v1/peers/<peerId>/differences', () => {
  it('tells which keys differ, to whoever has the token', async () => {
    const unreachable = createAuthor(5);
    const [node, peer] = [await startOnline(3), await startOnline(4)];
    // Neither takes what the other one signs: what differs stays so.
    const keys = ['differs/0', 'differs/1', 'differs/2'];
    await node.lattice.write(keys.map((key) => ({ op: 'put', key, value: 1 })));
    // It comes after the write, which would wait for an answer of its author.
    await node.lattice.reconfigure({
      trusted: [node.lattice.self.author, unreachable.author],
      bootstrap: [],
      urls: [],
      violations: [],
      warnings: [],
      p2p: { bootstrap: [] },
    });
    await peer.lattice.addPeer({ url: node.url });
    await node.lattice.addPeer({ url: peer.url });
    const { peerId, root } = peer.lattice.status();
    // A peer counts as reachable already when it has reached this node. The node's own way is there with its stream.
    await eventually('each reaches the other', () =>
      [node, peer].every(({ lattice }) => lattice.peers().some(({ http }) => http.streaming)),
    );
    const nameOf = (author: string): string | undefined =>
      node.lattice.peers().find((one) => one.author === author)?.peerId;
    const get = (path: string, headers: Record<string, string> = auth) =>
      node.ask(`/api/v1/peers/${path}`, { headers });

    const whole = await get(`${peerId}/differences`);
    expect(whole.status).toBe(200);
    const found = whole.json();
    expect(found).toMatchObject({
      peer: peerId,
      ourRoot: node.lattice.root().root,
      theirRoot: root,
      complete: true,
      method: 'descent',
      keys: [{ side: 'ours' }, { side: 'ours' }, { side: 'ours' }],
    });
    expect((found['keys'] as { key: string }[]).map(({ key }) => key).sort()).toEqual(keys);
    expect((await get(`${peerId}/differences?limit=2`)).json()).toMatchObject({ complete: false, keys: [{}, {}] });
    const answers = [
      await get(`${peerId}/differences`, {}),
      await get(`${peerId}/differences?limit=0`),
      await get(`${peerId}/differences?limit=1001`),
      await get(`${peerId}/differences?other=1`),
      await get(`${nameOf(unreachable.author)}/differences`),
      await get('nobody/differences'),
    ];
    expect(answers.map(({ status }) => status)).toEqual([401, 400, 400, 400, 503, 404]);
    expect(answers[4]?.json()['code']).toBe('peer-unreachable');
  });
});
