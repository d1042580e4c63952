import { noise } from '@chainsafe/libp2p-noise';
import { yamux } from '@chainsafe/libp2p-yamux';
import type { GossipsubOpts } from '@libp2p/gossipsub';
import { identify } from '@libp2p/identify';
import { ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { afterEach, describe, expect, it } from 'vitest';
import { type OutsidePeer, startOutsidePeer } from '../../support/outside-peer.ts';
import { eventually } from '../../support/wait.ts';
import { bytes, startedLung, type TestLung, TOPIC, until } from './support.ts';

const foreigners: OutsidePeer[] = [];

afterEach(async () => {
  for (const node of foreigners.splice(0)) await node.stop();
});

async function foreignPeer(options: Partial<GossipsubOpts>): Promise<OutsidePeer> {
  const node = await startOutsidePeer(options);
  foreigners.push(node);
  node.services.pubsub.subscribe(TOPIC);
  return node;
}

/** A link on which gossip was too late is closed, and dialled anew as by any node. */
async function joined(node: OutsidePeer, lung: TestLung): Promise<void> {
  await eventually('the topic is joined on both sides', async () => {
    if (node.getConnections().length === 0) await node.dial(multiaddr(lung.address()));
    return lung.lung.topicPeers() === 1 && node.services.pubsub.getSubscribers(TOPIC).length === 1;
  });
}

/** Refused whether the dial itself fails or the connection is closed right after the handshake. */
async function isRefused(node: OutsidePeer, lung: TestLung): Promise<void> {
  const before = lung.events.length;
  await node.dial(multiaddr(lung.address())).catch(() => undefined);
  await until('the connection is closed again', () => node.getConnections().length === 0);
  expect(lung.events).toHaveLength(before);
}

describe('peers that are not ours', () => {
  it('a stock js-libp2p node joins the topic, receives exactly the published bytes and is heard [G1]', async () => {
    const lung = await startedLung();
    const node = await foreignPeer({ globalSignaturePolicy: 'StrictNoSign' });
    const received: Uint8Array[] = [];
    node.services.pubsub.addEventListener('message', ({ detail }) => {
      if (detail.type === 'unsigned') received.push(new Uint8Array(detail.data));
    });
    await joined(node, lung);
    const [connection] = node.getConnections();
    expect([connection?.encryption, connection?.multiplexer]).toEqual(['/noise', '/yamux/1.0.0']);
    const { protocols } = await node.peerStore.get(connection?.remotePeer ?? expect.fail('it is connected'));
    expect(protocols).toEqual(expect.arrayContaining(['/meshsub/1.0.0', '/meshsub/1.1.0', '/meshsub/1.2.0']));
    const published = new Uint8Array([0, 255, 1, 2, 3]);
    expect(await lung.lung.publish(published)).toBe(1);
    await until('it has the bytes', () => received.length === 1);
    expect(received[0]).toEqual(published);
    await node.services.pubsub.publish(TOPIC, bytes('from outside'));
    await until('we have its bytes', () => lung.messages.length === 1);
    expect(lung.messages[0]?.data).toBe('from outside');
  });

  it('one that publishes garbage is evicted and cannot come back, others stay', async () => {
    const lung = await startedLung({}, { onGossip: (data) => (data[0] === 0x67 ? 'reject' : 'accept') });
    const honest = await foreignPeer({ globalSignaturePolicy: 'StrictNoSign' });
    await honest.dial(multiaddr(lung.address()));
    const hostile = await foreignPeer({ globalSignaturePolicy: 'StrictNoSign' });
    await hostile.dial(multiaddr(lung.address()));
    await until(
      'both have joined',
      () => lung.lung.topicPeers() === 2 && hostile.services.pubsub.getSubscribers(TOPIC).length > 0,
    );
    for (let i = 0; i < 50; i++) await hostile.services.pubsub.publish(TOPIC, bytes(`garbage ${i}`));
    await until('it is out', () => hostile.getConnections().length === 0);
    expect(lung.lung.connections().map(({ peerId }) => peerId)).toEqual([honest.peerId.toString()]);
    expect(lung.log.lines.find(({ message }) => message === 'peer evicted')?.fields).toMatchObject({
      peer: hostile.peerId.toString(),
      banMs: 30 * 60_000,
    });
    await isRefused(hostile, lung);
    // Nor does a restart of the lung pardon it.
    await lung.lung.stop();
    await lung.start();
    await isRefused(hostile, lung);
  });

  it('one that sends garbage slowly, below the count that evicts at once, is evicted by its score', async () => {
    const lung = await startedLung({}, { onGossip: () => 'reject' });
    const hostile = await foreignPeer({ globalSignaturePolicy: 'StrictNoSign' });
    await joined(hostile, lung);
    for (let i = 0; i < 4; i++) await hostile.services.pubsub.publish(TOPIC, bytes(`garbage ${i}`));
    await until('it is out', () => hostile.getConnections().length === 0);
    expect(lung.log.lines.find(({ message }) => message === 'peer evicted')?.fields['reason']).toBe('invalid messages');
  });

  it('one that signs its messages breaks the policy and is evicted, its messages never reach the handler [G1]', async () => {
    const lung = await startedLung();
    const signer = await foreignPeer({ globalSignaturePolicy: 'StrictSign' });
    await joined(signer, lung);
    for (let i = 0; i < 8; i++) await signer.services.pubsub.publish(TOPIC, bytes(`signed ${i}`));
    await until('it is out', () => signer.getConnections().length === 0);
    expect(lung.messages).toEqual([]);
  });

  it('a frame over the cap ends the gossip of its link: the connection is closed so that a new one heals it', async () => {
    const lung = await startedLung({ heartbeat: { missingStreamMs: 2_000 } });
    const node = await foreignPeer({ globalSignaturePolicy: 'StrictNoSign' });
    await joined(node, lung);
    const stream = await node.getConnections()[0]?.newStream('/meshsub/1.1.0');
    stream?.send(new Uint8Array([0xff, 0xff, 0xff, 0x7f])); // the length: 256 MiB
    await until('the link is closed', () => node.getConnections().length === 0);
    expect(lung.log.lines.find(({ message }) => message.startsWith('connection closed'))?.fields).toMatchObject({
      reason: 'no gossip stream',
    });
    await joined(node, lung);
    await node.services.pubsub.publish(TOPIC, bytes('healed'));
    await until('we hear it again', () => lung.messages.length === 1);
  });

  it('a node without gossip is left alone', async () => {
    const lung = await startedLung({ heartbeat: { missingStreamMs: 100, pingIntervalMs: 50 } });
    const node = await createLibp2p({
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: { identify: identify(), ping: ping() },
    });
    try {
      await node.dial(multiaddr(lung.address()));
      const rounds: number[] = [];
      await until('many pings have passed', () => {
        const rtt = lung.lung.connections()[0]?.rttMs;
        if (rtt !== undefined) rounds.push(rtt);
        return rounds.length > 100 || lung.events.length === 2;
      });
      expect(lung.events).toHaveLength(1);
    } finally {
      await node.stop();
    }
  });
});
