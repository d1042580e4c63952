import { createHash } from 'node:crypto';
import { noise } from '@chainsafe/libp2p-noise';
import { yamux } from '@chainsafe/libp2p-yamux';
import { type GossipSub, gossipsub, StrictNoSign } from '@libp2p/gossipsub';
import { type Identify, identify } from '@libp2p/identify';
import type { ConnectionGater, Libp2p, Listener, PeerDiscovery, PeerInfo, PrivateKey } from '@libp2p/interface';
import { mdns } from '@libp2p/mdns';
import { type Ping, ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import { webSockets } from '@libp2p/websockets';
import type { Multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { allowedHosts, type BootstrapPeer } from './addresses.ts';
import {
  ADDRESS_DIAL_TIMEOUT_MS,
  BEHAVIOUR_TOLERANCE,
  DIAL_TIMEOUT_MS,
  GRAYLIST,
  GUEST_SCORE,
  INBOUND_PER_SECOND,
  INVALID_DECAY,
  INVALID_WEIGHT,
  MAX_CONNECTIONS,
  MAX_INBOUND_STREAMS,
  MAX_OUTBOUND_BUFFER_BYTES,
  MAX_RPC_BYTES,
  MAX_RPC_CONTROL,
  MAX_RPC_MESSAGES,
  MAX_RPC_SUBSCRIPTIONS,
  MAX_SOCKETS,
  MAX_STREAM_WINDOW_BYTES,
  RETAIN_SCORE_MS,
  SEEN_TTL_MS,
  UPGRADE_TIMEOUT_MS,
} from './limits.ts';

export type Node = Libp2p<{ identify: Identify; ping: Ping; gossip: GossipSub; listening: Listening }>;

/** Answers the open listeners. libp2p's own list of addresses leaves out public ones that it has not verified. */
interface Listening {
  listeners(): readonly Listener[];
}

export interface NodeConfig {
  readonly key: PrivateKey;
  readonly listen: readonly Multiaddr[];
  readonly bootstrap: readonly BootstrapPeer[];
  readonly topic: string;
  readonly gater: ConnectionGater;
  readonly gossipHeartbeatMs: number;
  /** Whether the peer is connected without being a member. */
  readonly isGuest: (peerId: string) => boolean;
  /** When given, peers are searched by mDNS, and every announcement of a peer calls this. */
  readonly onDiscovered: ((peer: PeerInfo) => void) | undefined;
}

/** Assembles a libp2p node that is not started. */
export async function createNode(config: NodeConfig): Promise<Node> {
  const { onDiscovered } = config;
  return createLibp2p({
    start: false,
    privateKey: config.key,
    nodeInfo: { name: 'diotec360-lattice', userAgent: 'diotec360-lattice' },
    addresses: { listen: config.listen.map(String) },
    transports: [
      tcp({ maxConnections: MAX_SOCKETS }),
      // Addresses of any kind may be added, or announced, while the node runs.
      webSockets({
        http: {
          headersTimeout: UPGRADE_TIMEOUT_MS,
          requestTimeout: UPGRADE_TIMEOUT_MS,
          connectionsCheckingInterval: 1000,
        },
      }),
    ],
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({
        maxInboundStreams: MAX_INBOUND_STREAMS,
        streamOptions: { maxStreamWindowSize: MAX_STREAM_WINDOW_BYTES },
      }),
    ],
    connectionGater: config.gater,
    connectionManager: {
      maxConnections: MAX_CONNECTIONS,
      // admission.ts bounds those that are pending.
      maxIncomingPendingConnections: MAX_SOCKETS,
      inboundConnectionThreshold: INBOUND_PER_SECOND,
      inboundUpgradeTimeout: UPGRADE_TIMEOUT_MS,
      // GossipSub opens its streams one after the other, so a peer that does not answer would hold up all others.
      outboundStreamProtocolNegotiationTimeout: UPGRADE_TIMEOUT_MS,
      inboundStreamProtocolNegotiationTimeout: UPGRADE_TIMEOUT_MS,
      dialTimeout: DIAL_TIMEOUT_MS,
      addressDialTimeout: ADDRESS_DIAL_TIMEOUT_MS,
      allow: allowedHosts(config.bootstrap),
    },
    // libp2p's monitor closes every connection whose ping is late, even one under load. liveness.ts closes only those
    // that are dead.
    connectionMonitor: { enabled: false },
    ...(onDiscovered === undefined ? {} : { peerDiscovery: [discovery(onDiscovered)] }),
    services: {
      identify: identify(),
      ping: ping(),
      gossip: gossip(config),
      listening,
    },
  });
}

function listening(components: { readonly transportManager: { getListeners(): Listener[] } }): Listening {
  return { listeners: () => components.transportManager.getListeners() };
}

function gossip({ topic, gossipHeartbeatMs, isGuest }: NodeConfig): ReturnType<typeof gossipsub> {
  return gossipsub({
    globalSignaturePolicy: StrictNoSign,
    msgIdFn: (message) => createHash('sha256').update(message.data).digest(),
    msgIdToStrFn: (id) => Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('latin1'),
    allowedTopics: [topic],
    allowPublishToZeroTopicPeers: true,
    // The same bytes may be published twice, which is not an error here.
    ignoreDuplicatePublishError: true,
    fallbackToFloodsub: false,
    batchPublish: true,
    doPX: false,
    heartbeatInterval: gossipHeartbeatMs,
    D: 6,
    Dlo: 4,
    Dhi: 12,
    // There is no lazy gossip. GossipSub answers an IWANT with one frame of all messages that were asked for. After a
    // stall that frame is longer than the receiver accepts, which ends gossip on the connection. Repair fetches what
    // the mesh has lost.
    Dlazy: 0,
    gossipFactor: 0,
    mcacheLength: 2,
    mcacheGossip: 1,
    seenTTL: SEEN_TTL_MS,
    maxInboundStreams: 2,
    maxOutboundStreams: 2,
    maxInboundDataLength: MAX_RPC_BYTES,
    maxOutboundBufferSize: MAX_OUTBOUND_BUFFER_BYTES,
    decodeRpcLimits: {
      maxSubscriptions: MAX_RPC_SUBSCRIPTIONS,
      maxMessages: MAX_RPC_MESSAGES,
      maxControlMessages: MAX_RPC_CONTROL,
      maxIhaveMessageIDs: MAX_RPC_MESSAGES,
      maxIwantMessageIDs: MAX_RPC_MESSAGES,
      maxIdontwantMessageIDs: MAX_RPC_CONTROL,
      maxPeerInfos: MAX_RPC_SUBSCRIPTIONS,
    },
    scoreParams: {
      IPColocationFactorWeight: 0,
      behaviourPenaltyThreshold: BEHAVIOUR_TOLERANCE,
      retainScore: RETAIN_SCORE_MS,
      appSpecificScore: (peerId) => (isGuest(peerId) ? GUEST_SCORE : 0),
      appSpecificWeight: 1,
      topics: {
        // Only P4, invalid messages, counts: in a fleet of few writers, an honest peer may be silent.
        [topic]: {
          topicWeight: 1,
          timeInMeshWeight: 0,
          timeInMeshQuantum: 1,
          timeInMeshCap: 1,
          firstMessageDeliveriesWeight: 0,
          firstMessageDeliveriesDecay: 0.5,
          firstMessageDeliveriesCap: 1,
          meshMessageDeliveriesWeight: 0,
          meshMessageDeliveriesDecay: 0.5,
          meshMessageDeliveriesCap: 1,
          meshMessageDeliveriesThreshold: 1,
          meshMessageDeliveriesWindow: 0,
          meshMessageDeliveriesActivation: 1000,
          meshFailurePenaltyWeight: 0,
          meshFailurePenaltyDecay: 0.5,
          invalidMessageDeliveriesWeight: INVALID_WEIGHT,
          invalidMessageDeliveriesDecay: INVALID_DECAY,
        },
      },
    },
    scoreThresholds: { graylistThreshold: GRAYLIST },
  });
}

type MdnsComponents = Parameters<ReturnType<typeof mdns>>[0];

/**
 * libp2p tells of a discovered peer only once, but to redial it the lung needs every announcement. The service tag
 * keeps peers of other programs out.
 */
function discovery(onDiscovered: (peer: PeerInfo) => void): (components: MdnsComponents) => PeerDiscovery {
  return (components) => {
    const service = mdns({ serviceTag: '_diotec360-lattice._udp.local' })(components);
    service.addEventListener('peer', (event) => onDiscovered(event.detail));
    return service;
  };
}
