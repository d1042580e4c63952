import { expect, it } from 'vitest';
import { createMemoryStore } from '../../../../src/adapters/store/index.ts';
import { encodeCbor } from '../../../../src/core/cbor/index.ts';
import { metaKey } from '../../../../src/core/rows/index.ts';
import { authorToPeerId } from '../../../../src/core/wire/peer-id.ts';
import { createAddedPeers, loadAddedPeers, multiaddrAuthor } from '../../../../src/runtime/upkeep/added-peers.ts';
import { createAuthor, log, openTestState } from '../support.ts';

const OTHER = createAuthor(2).author;
const ID = authorToPeerId(OTHER);

async function open() {
  const { store, writer, self } = await openTestState();
  const added = createAddedPeers({
    writer,
    added: { now: await loadAddedPeers(store) },
    configured: { urls: ['http://configured.example'], multiaddrs: [], authors: [] },
    self: self.author,
    http: { add() {}, remove() {}, find: () => undefined, peers: () => [] },
    members: { configure() {}, release() {} },
    onChange() {},
    stayWith() {},
    log,
  });
  return { store, added, self };
}

it('one peer has one form, however it is written [A24]', async () => {
  const { store, added } = await open();
  expect(await added.add({ url: 'HTTP://Node.example.:80/' })).toBe(true);
  expect(await added.add({ url: 'http://node.example' })).toBe(false);
  expect(await added.add({ url: 'http://CONFIGURED.example/' })).toBe(false);
  expect(await added.add({ multiaddr: `/dns4/Node.Example/tcp/9000/p2p/${ID}` })).toBe(true);
  expect(await added.add({ multiaddr: ` /dns4/node.example./tcp/9000/p2p/${ID}` })).toBe(false);
  const kept = { urls: ['http://node.example'], multiaddrs: [`/dns4/node.example/tcp/9000/p2p/${ID}`] };
  expect(await loadAddedPeers(store)).toEqual(kept);
  expect(added.addressesOf(OTHER, ['http://node.example'])).toEqual([...kept.urls, ...kept.multiaddrs]);
  await added.remove({ url: 'http://NODE.example:80' });
  await added.remove({ multiaddr: `/dns4/NODE.example/tcp/9000/p2p/${ID}` });
  expect(await loadAddedPeers(store)).toEqual({ urls: [], multiaddrs: [] });
});

it('a node does not add itself [A24]', async () => {
  const { added, self } = await open();
  await expect(
    added.add({ multiaddr: `/ip4/192.0.2.1/tcp/9000/p2p/${authorToPeerId(self.author)}` }),
  ).rejects.toMatchObject({ code: 'invalid-peer', message: 'this is the address of this node itself' });
});

it('what was written down is read in its one form, once, without what is no address', async () => {
  const store = createMemoryStore();
  const row = [
    ['http://Node.example:80', 'http://node.example', 'http://a.example/?x'],
    [`/ip6/0::1/tcp/9000/p2p/${ID}`, `/ip4/node/tcp/9000/p2p/${ID}`],
  ];
  await store.batch([{ type: 'put', key: metaKey('added-peers'), value: encodeCbor(row) }]);
  expect(await loadAddedPeers(store)).toEqual({
    urls: ['http://node.example'],
    multiaddrs: [`/ip6/::1/tcp/9000/p2p/${ID}`],
  });
  await store.batch([{ type: 'put', key: metaKey('added-peers'), value: encodeCbor(['http://node.example']) }]);
  await expect(loadAddedPeers(store)).rejects.toMatchObject({ code: 'damaged-row' });
});

it('the peer id of a multiaddr tells the author, when it is one of a node', () => {
  expect(multiaddrAuthor(`/dns/node.example/tcp/443/wss/p2p/${ID}`)).toBe(OTHER);
  expect(multiaddrAuthor(`/dns/node.example/udp/443/p2p/${ID}`)).toBeUndefined();
});
