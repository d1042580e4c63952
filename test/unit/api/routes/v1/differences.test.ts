import { afterEach, describe, expect, it } from 'vitest';
import { createHttpLung } from '../../../../../src/adapters/http/index.ts';
import { nodeHasher, systemRandom } from '../../../../../src/adapters/system/index.ts';
import { eventually } from '../../../../support/wait.ts';
import { createAuthor, verifier } from '../../../runtime/support.ts';
import { type LiveLattice, startLattice } from '../../live-lattice.ts';
import { auth, clock, silentLog, startApi, type TestApi } from '../../support.ts';

const lungs: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(lungs.splice(0).map((lung) => lung.close()));
});

/** A node that reaches others over HTTP, and trusts only its own key beside `more`. */
async function startOnline(id: number, more: readonly LiveLattice['self'][] = []): Promise<TestApi> {
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
  const trusted = [signer, ...more].map(({ author }) => author);
  return startApi({ lattice: await startLattice({ id, clock, http, trusted }) });
}

describe('GET /api/v1/peers/<peerId>/differences', () => {
  it('tells which keys differ, to whoever has the token', async () => {
    const unreachable = createAuthor(5);
    const [node, peer] = [await startOnline(3, [unreachable]), await startOnline(4)];
    // Neither takes what the other one signs: what differs stays so.
    const keys = ['differs/0', 'differs/1', 'differs/2'];
    await node.lattice.write(keys.map((key) => ({ op: 'put', key, value: 1 })));
    await peer.lattice.addPeer({ url: node.url });
    await node.lattice.addPeer({ url: peer.url });
    const { peerId, root } = peer.lattice.status();
    await eventually('each knows the other', () =>
      [node, peer].every(({ lattice }) => lattice.peers().some(({ http }) => http.reachable)),
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
