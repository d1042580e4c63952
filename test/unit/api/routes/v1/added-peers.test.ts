import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createSigner, systemRandom } from '../../../../../src/adapters/system/index.ts';
import { createClient, type LatticeClient } from '../../../../../src/client/index.ts';
import { bytesToHex } from '../../../../../src/core/types/index.ts';
import { DEADLINE_MS } from '../../../../support/wait.ts';
import { type LiveNode, startLiveNode } from '../../live-node.ts';
import { TOKEN } from '../../support.ts';

const nodes: LiveNode[] = [];
afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.end()));
});
/** Nodes answer only to members: these know each other's keys, not yet their addresses. */
const SEEDS = Array.from({ length: 2 }, () => systemRandom().bytes(32));
const MEMBERS = SEEDS.map((seed) => createSigner(seed).author).join(',');
async function start(settings: Record<string, string> = {}): Promise<LiveNode> {
  const seed = bytesToHex(SEEDS[nodes.length] ?? systemRandom().bytes(32));
  const node = await startLiveNode({
    HEARTBEAT_INTERVAL: '0.2',
    NODE_PRIVKEY_HEX: seed,
    TRUSTED_STATE_PUBKEYS: MEMBERS,
    ...settings,
  });
  nodes.push(node);
  return node;
}
const clientOf = (node: LiveNode): LatticeClient => createClient({ url: node.url, token: TOKEN });

/** A server at `url` that passes connections on to `to`, and counts the push streams asked for on them. */
async function forward(url: string, to: string): Promise<{ streams(): number; close(): Promise<void> }> {
  let streams = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const target = connect(Number(new URL(to).port), '127.0.0.1');
    socket.on('data', (bytes) => {
      if (bytes.includes('GET /api/v1/sync/stream')) streams++;
    });
    socket.pipe(target).pipe(socket);
    socket.on('error', () => target.destroy());
    target.on('error', () => socket.destroy());
    sockets.add(socket);
  });
  const { hostname, port } = new URL(url);
  server.listen(Number(port), hostname);
  await once(server, 'listening');
  return {
    streams: () => streams,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Waits for a condition that is asked for over HTTP. */
async function eventually(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error('the condition did not come true');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('peers that operators add', () => {
  it('by URL are connected at once, shown as added, kept across a restart, and let go of when removed [A24]', async () => {
    const other = await start();
    const url = other.url;
    let node = await start();
    expect(await clientOf(node).addPeer({ url: `${url}/` })).toBe(true);
    expect(await clientOf(node).addPeer({ url })).toBe(false);
    await eventually(async () => (await clientOf(node).listPeers()).some((p) => p.http.reachable));
    const shown = (await clientOf(node).listPeers()).find((p) => p.url === url);
    expect(shown).toMatchObject({ added: true, configured: true });

    nodes.splice(nodes.indexOf(node), 1);
    node = await node.restart();
    nodes.push(node);
    await eventually(async () =>
      (await clientOf(node).listPeers()).some((p) => p.http.reachable && p.addedAs?.[0] === url),
    );

    await clientOf(node).removePeer({ url });
    const left = await clientOf(node).listPeers();
    expect(left.some((p) => p.url === url || p.added === true || p.configured)).toBe(false);
    await expect(clientOf(node).removePeer({ url })).rejects.toMatchObject({ status: 404 });
  });

  it.each([
    ['http://n.example', 'HTTP://N.example.:80/'],
    ['https://n.example', 'https://n.example:443'],
    ['http://[fd00::1]:8000', 'http://[FD00:0:0::0001]:8000/'],
    ['http://127.0.0.1:9', 'http://127.1:9'],
    ['http://n.example/lattice', 'http://n.EXAMPLE/lattice//'],
  ])('%s and %s are the same peer [A24, X11]', async (form, spelling) => {
    const node = await start();
    expect(await clientOf(node).addPeer({ url: spelling })).toBe(true);
    expect(await clientOf(node).addPeer({ url: form })).toBe(false);
    expect((await clientOf(node).listPeers()).flatMap(({ url }) => url ?? [])).toEqual([form]);
    await clientOf(node).removePeer({ url: spelling });
    expect((await clientOf(node).listPeers()).flatMap(({ url }) => url ?? [])).toEqual([]);
  });

  it('by several URLs of one node are one peer with one stream, and one row with its alternatives [A24, X11]', async () => {
    const other = await start({ ALLOWED_HOSTS: '127.0.0.2,127.0.0.3' });
    const { port } = new URL(other.url);
    const [first, second, third] = [1, 2, 3].map((i) => `http://127.0.0.${i}:${port}`) as [string, string, string];
    const proxies = await Promise.all([second, third].map((url) => forward(url, other.url)));
    try {
      const node = await start({ LATTICE_NODES: `${first},${second}`, P2P_ENABLED: 'false' });
      expect(await clientOf(node).addPeer({ url: third })).toBe(true);
      const row = async () => (await clientOf(node).listPeers()).filter(({ url }) => url !== undefined);
      await eventually(async () => (await row())[0]?.alternatives?.length === 2);
      const before = proxies.map((proxy) => proxy.streams());
      const heard = async () => (await row())[0]?.http.lastHeardAt ?? 0;
      const from = await heard();
      await eventually(async () => (await heard()) > from + 1000);
      const [peer, ...others] = await row();
      expect(others).toEqual([]);
      expect(new Set([peer?.url, ...(peer?.alternatives ?? [])])).toEqual(new Set([first, second, third]));
      expect(peer).toMatchObject({ added: true, http: { reachable: true, streaming: true } });
      expect((await clientOf(node).getStatus()).http).toMatchObject({ peers: 1, streaming: 1 });
      expect(proxies.map((proxy) => proxy.streams())).toEqual(before);
    } finally {
      await Promise.all(proxies.map((proxy) => proxy.close()));
    }
  });

  it('by multiaddr are dialled by the running P2P lung [A24]', async () => {
    const other = await start({ P2P_LISTEN: '/ip4/127.0.0.1/tcp/0' });
    const node = await start({ P2P_LISTEN: '/ip4/127.0.0.1/tcp/0' });
    let listen: string | undefined;
    await eventually(async () => {
      [listen] = (await clientOf(other).getStatus()).p2p.listen;
      return listen !== undefined && (await clientOf(node).getStatus()).p2p.state === 'running';
    });
    const multiaddr = listen ?? '';
    expect(await clientOf(node).addPeer({ multiaddr })).toBe(true);
    await eventually(async () => (await clientOf(node).listPeers()).some((p) => p.p2p.connected));
    expect((await clientOf(node).listPeers())[0]).toMatchObject({
      added: true,
      addedAs: [multiaddr],
      configured: true,
    });
    const { peerId } = await clientOf(other).getStatus();
    await eventually(async () => (await clientOf(node).pingPeer(peerId)).results.some((r) => r.lung === 'p2p' && r.ok));
    await clientOf(node).removePeer({ multiaddr });
    expect((await clientOf(node).listPeers())[0]?.added).toBeUndefined();
  });

  it('those of the configuration cannot be removed [A24]', async () => {
    const node = await start({ LATTICE_NODES: 'http://127.0.0.1:9' });
    await expect(clientOf(node).removePeer({ url: 'http://127.0.0.1:9' })).rejects.toMatchObject({
      status: 409,
      code: 'peer-configured',
    });
  });

  it.each([
    'ftp://node.example',
    'http://user:secret@node.example',
    'http://node.example/?a=1',
    'node.example',
    'http://',
  ])('%s is no base URL [A24]', async (url) => {
    const node = await start();
    await expect(clientOf(node).addPeer({ url })).rejects.toMatchObject({ status: 400, code: 'invalid-peer' });
  });

  it.each([
    '/ip4/127.0.0.1/tcp/9',
    '/ip4/127.0.0.1/tcp/99999/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp',
    'no address',
  ])('%s is no address of a node [A24]', async (multiaddr) => {
    const node = await start();
    await expect(clientOf(node).addPeer({ multiaddr })).rejects.toMatchObject({ status: 400, code: 'invalid-peer' });
  });

  it('a ping tells for each lung whether it answers, and how fast; of an unknown peer it is 404 [A25]', async () => {
    const other = await start();
    const node = await start({ LATTICE_NODES: `${other.url},http://127.0.0.1:9` });
    await eventually(async () => (await clientOf(node).listPeers()).some((p) => p.http.reachable));
    const { results } = await clientOf(node).pingPeer(other.url);
    expect(results).toEqual([{ lung: 'http', ok: true, rttMs: expect.any(Number) }]);
    const dead = await clientOf(node).pingPeer('http://127.0.0.1:9');
    expect(dead.results).toEqual([{ lung: 'http', ok: false, error: expect.any(String) }]);
    await expect(clientOf(node).pingPeer('nobody')).rejects.toMatchObject({ status: 404 });
  });
});
