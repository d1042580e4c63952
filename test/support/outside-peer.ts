import { noise } from '@chainsafe/libp2p-noise';
import { yamux } from '@chainsafe/libp2p-yamux';
import { type GossipSub, type GossipsubOpts, gossipsub } from '@libp2p/gossipsub';
import { type Identify, identify } from '@libp2p/identify';
import type { Libp2p } from '@libp2p/interface';
import { ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import { createLibp2p } from 'libp2p';
import { installShims } from '../../src/adapters/p2p/runtime-shims.ts';

installShims();

/** An independent node: stock js-libp2p with stock GossipSub, nothing of ours. It belongs to no fleet. */
export type OutsidePeer = Libp2p<{ identify: Identify; pubsub: GossipSub }>;

export async function startOutsidePeer(options: Partial<GossipsubOpts> = {}): Promise<OutsidePeer> {
  return await createLibp2p({
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: {
      identify: identify(),
      ping: ping(),
      pubsub: gossipsub({ allowPublishToZeroTopicPeers: true, globalSignaturePolicy: 'StrictNoSign', ...options }),
    },
  });
}
