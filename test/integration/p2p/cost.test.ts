import type { GossipSub } from '@libp2p/gossipsub';
import { multiaddr } from '@multiformats/multiaddr';
import { afterEach, describe, expect, it } from 'vitest';
import type { P2pLungOptions } from '../../../src/adapters/p2p/index.ts';
import type { Author } from '../../../src/core/types/index.ts';
import { peerIdToAuthor } from '../../../src/core/wire/peer-id.ts';
import type { Standing, Verdict } from '../../../src/ports/index.ts';
import { createHandClock } from '../../support/clock.ts';
import { type OutsidePeer, startOutsidePeer } from '../../support/outside-peer.ts';
import { meshed, settled, startedLung, type TestLung, TOPIC, testLung, until } from './support.ts';

const foreigners: OutsidePeer[] = [];
afterEach(async () => {
  for (const node of foreigners.splice(0)) await node.stop();
});

/** Stock js-libp2p with stock GossipSub, in hostile hands. */
async function foreignNode(): Promise<OutsidePeer> {
  const node = await startOutsidePeer();
  foreigners.push(node);
  node.services.pubsub.subscribe(TOPIC);
  return node;
}

async function foreignPeer(lung: TestLung): Promise<OutsidePeer> {
  const node = await foreignNode();
  await node.dial(multiaddr(lung.address()));
  await until('the topic is joined', () => node.services.pubsub.getSubscribers(TOPIC).length === 1);
  return node;
}

/** The peers to which a node relays, and which relay to it. GossipSub's published interface does not tell of them. */
const meshOf = ({ services }: OutsidePeer): readonly string[] =>
  (services.pubsub as GossipSub & { getMeshPeers(topic: string): string[] }).getMeshPeers(TOPIC);

/** Opens and ends streams until the lung has put the node out. A connection that is lost otherwise is made again. */
async function churn(node: OutsidePeer, lung: TestLung, times: number): Promise<void> {
  for (let i = 0; i < times && evictions(lung).length === 0; i++) {
    const connection = node.getConnections()[0] ?? (await node.dial(multiaddr(lung.address())).catch(() => undefined));
    const stream = await connection?.newStream('/ipfs/ping/1.0.0').catch(() => undefined);
    stream?.abort(new Error('over'));
  }
  await until('it is out', () => node.getConnections().length === 0);
}

const KIB = 1024;
const message = (size: number, number: number): Uint8Array => {
  const data = new Uint8Array(size);
  new DataView(data.buffer).setUint32(0, number);
  return data;
};
const evictions = (lung: TestLung): readonly unknown[] =>
  lung.log.lines.filter(({ message: text }) => text === 'peer evicted').map(({ fields }) => fields);

/** A lung that is open to guests and takes nothing of what it hears for news, beside a member of it. */
async function openLung(options: Partial<P2pLungOptions> = {}): Promise<{ lung: TestLung; friend: TestLung }> {
  const seed = new Uint8Array(32).fill(31);
  const member = testLung({ seed }).author;
  const standingOf = (peer: Author | undefined): Standing => (peer === member ? 'member' : 'guest');
  const onGossip = (data: Uint8Array): Verdict => (data[0] === 0x70 ? 'accept' : 'ignore');
  const lung = await startedLung(options, { standingOf, onGossip });
  const friend = await startedLung({ seed, bootstrap: [lung.address()] });
  await settled(lung, friend);
  return { lung, friend };
}

describe('a guest', () => {
  it('that sends more than is news is put out, its address is closed to its next keys, members stay [G8, S9]', async () => {
    const { lung, friend } = await openLung();
    const began = performance.now();
    const hostile = await foreignPeer(lung);
    for (let i = 0; hostile.getConnections().length > 0 && i < 200; i++)
      await hostile.services.pubsub.publish(TOPIC, message(32 * KIB, i)).catch(() => undefined);
    await until('it is out', () => hostile.getConnections().length === 0);
    expect(evictions(lung)).toEqual([
      { peer: hostile.peerId.toString(), reason: 'it sent more than a guest may', banMs: 30 * 60_000 },
    ]);
    const seconds = (performance.now() - began) / 1000;
    const author = peerIdToAuthor(hostile.peerId.toString());
    // Bytes are counted as they are read, 64 KiB at a time: the read that is too much may end two messages more.
    const mayCome = (384 + 64 + 32 * seconds) / 32;
    expect(lung.messages.filter(({ from }) => from === author).length).toBeLessThanOrEqual(mayCome);
    const next = await foreignNode();
    await next.dial(multiaddr(lung.address())).catch(() => undefined);
    await until('it is refused with a new key', () =>
      lung.log.lines.some(({ fields }) => fields['reason'] === 'guests of its address are banned'),
    );
    expect(lung.lung.connections().map(({ peer }) => peer)).toEqual([friend.author]);
    await meshed(friend, lung);
  });

  it('may send as much as is news, and is in no mesh of members [G8]', async () => {
    const lung = await startedLung({}, { standingOf: () => 'guest' });
    const honest = await foreignPeer(lung);
    for (let i = 0; i < 100; i++) {
      await honest.services.pubsub.publish(TOPIC, message(32 * KIB, i));
      await until('it has come', () => lung.messages.length === i + 1);
    }
    expect(evictions(lung)).toEqual([]);
    const hospitable = await startedLung();
    const member = await foreignPeer(hospitable);
    await until('a member is in the mesh', () => meshOf(member).length === 1);
    expect(meshOf(honest)).toEqual([]);
  });

  it.each([
    ['copies of one message', 32 * KIB],
    ['empty frames', 0],
  ])('that sends %s, which GossipSub does not ask about, is put out [G8]', async (_, size) => {
    // An allowance does not fill meanwhile, however long it takes to read so much.
    const { lung } = await openLung({ clock: createHandClock() });
    const hostile = await foreignPeer(lung);
    const stream = await hostile.getConnections()[0]?.newStream('/meshsub/1.1.0');
    // RPC { publish: [{ data, topic }] } in protobuf, after its length; or no RPC at all.
    const topic = Buffer.from(TOPIC);
    const varint = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, ...varint(n >> 7)]);
    const inner = Buffer.from([0x12, ...varint(size), ...new Uint8Array(size), 0x22, topic.length, ...topic]);
    const rpc = size === 0 ? Buffer.alloc(0) : Buffer.from([0x12, ...varint(inner.length), ...inner]);
    const frames = Buffer.concat(
      Array.from({ length: size === 0 ? 16 * KIB : 1 }, () => Buffer.from([...varint(rpc.length), ...rpc])),
    );
    for (let i = 0; i < 200 && hostile.getConnections().length > 0; i++) {
      if (stream?.status === 'open') stream.send(frames);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until('it is out', () => hostile.getConnections().length === 0);
    expect(evictions(lung)).toMatchObject([{ reason: 'it sent more than a guest may' }]);
  });

  it('that opens stream after stream is put out [L2]', async () => {
    const { lung } = await openLung({ clock: createHandClock() });
    const hostile = await foreignPeer(lung);
    await churn(hostile, lung, 200);
    expect(evictions(lung)).toMatchObject([{ reason: 'too many streams' }]);
  });
});

describe('a member', () => {
  it('that sends more than is news is read as slowly as its allowance fills, and stays [G8]', async () => {
    const lung = await startedLung({}, { onGossip: () => 'ignore' });
    const hostile = await foreignPeer(lung);
    const size = 96 * KIB;
    const began = performance.now();
    // The burst is 16 MiB, and 1 MiB a second is read besides: 4 MiB more than both wait, however long sending takes.
    const allowance = (): number => (16 + (performance.now() - began) / 1000) * 1024 * KIB;
    for (let i = 0; i * size < allowance() + 4 * 1024 * KIB; i++) {
      await hostile.services.pubsub.publish(TOPIC, message(size, i)).catch(() => undefined);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until('the burst has been read', () => lung.messages.length >= (16 * 1024) / 96);
    expect(lung.messages.length * size).toBeLessThan(allowance() + size);
    const before = lung.messages.length;
    await until('it is read on', () => lung.messages.length > before);
    expect(evictions(lung)).toEqual([]);
    expect(lung.lung.connections()).toHaveLength(1);
  });

  it('that opens stream after stream is put out for a minute [L2]', async () => {
    // Its allowance does not fill meanwhile, however long opening takes.
    const lung = await startedLung({ clock: createHandClock() });
    const hostile = await foreignPeer(lung);
    await churn(hostile, lung, 1000);
    expect(evictions(lung)).toMatchObject([{ reason: 'too many streams', banMs: 60_000 }]);
  });
});
