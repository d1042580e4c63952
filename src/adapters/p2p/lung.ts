import { privateKeyFromRaw } from '@libp2p/crypto/keys';
import type { Connection, PeerInfo } from '@libp2p/interface';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import type { Author, Bytes } from '../../core/types/index.ts';
import { concatBytes, LatticeError } from '../../core/types/index.ts';
import { authorToPeerId, peerIdToAuthor } from '../../core/wire/peer-id.ts';
import type { P2pConnection, P2pHandlers, RequestOptions, Standing } from '../../ports/index.ts';
import { every, type Repetition, settleWithin } from '../../timing/index.ts';
import { parseBootstrap, parseListen, toStartError } from './addresses.ts';
import { createAdmission } from './admission.ts';
import { createAllowances } from './allowances.ts';
import type { Bans } from './bans.ts';
import { createConnectedPeers } from './connected-peers.ts';
import { createGossip } from './gossip.ts';
import { limitGossip } from './gossip-flow.ts';
import { createNode, type Node } from './libp2p-node.ts';
import {
  BAN_MS,
  HEARTBEAT,
  MAX_DISCOVERY_DIALS,
  MAX_SYNC_STREAMS,
  MEMBER_BAN_MS,
  STOP_GRACE_MS,
  STOP_MS,
  SYNC_PROTOCOL,
  TICK_MS,
} from './limits.ts';
import { guardSockets, type SocketGuard } from './listeners.ts';
import { createLiveness } from './liveness.ts';
import { createMeter } from './meter.ts';
import type { P2pLungOptions } from './options.ts';
import { toReason } from './reasons.ts';
import { createRedial } from './redial.ts';
import { createStreamWatch } from './stream-watch.ts';
import { createSyncClient } from './sync-client.ts';
import { createSyncServer } from './sync-server.ts';

/** A started lung. It is started once and stopped once. */
export interface RunningLung {
  stop(): Promise<void>;
  publish(data: Bytes): Promise<number>;
  request(peer: Author, message: Bytes, options: RequestOptions): Promise<Bytes>;
  connections(): readonly P2pConnection[];
  topicPeers(): number;
  listenAddresses(): readonly string[];
  /** Sets the peers that are dialled whenever they are not connected, in place of the bootstrap peers. */
  stayWith(addresses: readonly string[], announced: readonly string[]): void;
}

/** Starts libp2p and everything around it. On rejection (LatticeError) nothing is left running. */
export async function startLung(options: P2pLungOptions, bans: Bans, handlers: P2pHandlers): Promise<RunningLung> {
  const { clock, log, topic } = options;
  const heartbeat = { ...HEARTBEAT, ...options.heartbeat };
  const key = privateKeyFromRaw(concatBytes(options.seed, options.publicKey));
  const ownId = peerIdFromPrivateKey(key).toString();
  const listen = options.listen.map(parseListen);
  const bootstrap = parseBootstrap(options.bootstrap, ownId);

  const standingOf = (peerId: string): Standing => handlers.standingOf(roster.authorOf(peerId));
  const admission = createAdmission({ clock, log, bans, standingOf });
  const allowances = createAllowances(clock);

  let node: Node | undefined;
  let discoveryDials = 0;
  const onDiscovered = (peer: PeerInfo): void => {
    const peerId = peer.id.toString();
    if (
      node?.status !== 'started' ||
      peerId === ownId ||
      isConnected(peerId) ||
      bans.has(peerId) ||
      standingOf(peerId) === 'barred' ||
      discoveryDials >= MAX_DISCOVERY_DIALS
    )
      return;
    discoveryDials++;
    node
      .dial([...peer.multiaddrs])
      .catch((cause: unknown) => log.debug({ peer: peerId, reason: toReason(cause) }, 'discovered peer not reachable'))
      .finally(() => discoveryDials--);
  };
  const started = await createNode({
    key,
    listen,
    bootstrap,
    topic,
    gater: admission.gater,
    gossipHeartbeatMs: heartbeat.gossipMs,
    isGuest: (peerId) => standingOf(peerId) === 'guest',
    onDiscovered: options.mdns ? onDiscovered : undefined,
  });
  node = started;

  const openConnections = (): readonly Connection[] =>
    started.getConnections().filter((connection) => connection.status === 'open');
  const connectionTo = (peerId: string): Connection | undefined =>
    openConnections().find((connection) => connection.remotePeer.toString() === peerId);
  const isConnected = (peerId: string): boolean => connectionTo(peerId) !== undefined;
  const disconnect = (peerId: string, reason: string): void => {
    for (const connection of started.getConnections()) {
      if (connection.remotePeer.toString() === peerId) connection.abort(new Error(reason));
    }
    roster.update();
  };
  const evict = (peerId: string, reason: string, firstMs = BAN_MS): void => {
    if (bans.has(peerId)) return;
    const banMs = bans.add(peerId, firstMs);
    if (standingOf(peerId) === 'guest') admission.barGuest(peerId);
    log.warn({ peer: peerId, reason, banMs }, 'peer evicted');
    disconnect(peerId, reason);
  };

  const roster = createConnectedPeers({ log, handlers, connections: openConnections });
  const pubsub = started.services.gossip;
  const gossip = createGossip({
    pubsub,
    topic,
    clock,
    log,
    handlers,
    authorOf: (peerId) => roster.authorOf(peerId),
    connections: openConnections,
    evict,
    onNews: (bytes) => allowances.earn(bytes),
  });
  limitGossip(pubsub, { clock, allowances, standingOf });
  const meter = createMeter({
    clock,
    allowances,
    standingOf,
    addressesOf: admission.addressesOf,
    evict: (peerId, reason) => evict(peerId, reason, standingOf(peerId) === 'member' ? MEMBER_BAN_MS : BAN_MS),
  });
  const sync = createSyncClient({ clock, connectionTo });
  const redial = createRedial(
    {
      clock,
      random: options.random,
      log,
      isConnected,
      isBanned: (peerId) => bans.has(peerId),
      dial: (addresses) => started.dial([...addresses]),
    },
    bootstrap,
  );
  const watch = createStreamWatch({
    clock,
    missingStreamMs: heartbeat.missingStreamMs,
    connections: openConnections,
    protocolsOf: async (peerId) => {
      const connection = connectionTo(peerId);
      if (connection === undefined) return [];
      const protocols = (await started.peerStore.get(connection.remotePeer).catch(() => undefined))?.protocols ?? [];
      return protocols.length === 0 ? undefined : protocols;
    },
    close: (peerId, reason) => {
      log.warn({ peer: peerId, reason }, 'connection closed to heal it');
      disconnect(peerId, reason);
    },
  });

  const liveness = createLiveness({
    clock,
    random: options.random,
    pingIntervalMs: heartbeat.pingIntervalMs,
    silenceMs: heartbeat.pingIntervalMs + heartbeat.pingTimeoutMs,
    connections: openConnections,
    gossipHeardAt: (peerId) => gossip.heardAt(peerId),
  });

  let stopping = false;
  let supervision: Repetition | undefined;
  let sockets: SocketGuard | undefined;
  const fail = (cause: Error): void => {
    if (stopping) return;
    handlers.onFailure(cause);
  };
  /** Membership may end while a peer is connected. */
  const endBarred = (): void => {
    for (const peerId of new Set(openConnections().map((connection) => connection.remotePeer.toString()))) {
      if (standingOf(peerId) !== 'barred') continue;
      log.info({ peer: peerId }, 'peer is no member any more');
      disconnect(peerId, 'no member any more');
    }
  };
  const supervise = (): void => {
    endBarred();
    roster.update();
    redial.tick();
    liveness.tick();
    watch.tick();
    gossip.tick();
  };
  const stop = async (): Promise<void> => {
    if (stopping) return;
    stopping = true;
    supervision?.stop();
    sync.clear();
    await stopNode();
    roster.clear();
  };
  const stopNode = async (): Promise<void> => {
    const stopped = Promise.resolve(started.stop()).catch((cause: unknown) =>
      log.warn({ reason: toReason(cause) }, 'libp2p stopped with an error'),
    );
    // A listener closes when all of its sockets have, even those that never became connections. Sockets that outlast
    // the time that libp2p gives its connections are destroyed.
    const grace = clock.after(STOP_GRACE_MS, () => sockets?.destroy());
    await settleWithin(clock, STOP_MS, stopped, () => new LatticeError('timeout', 'libp2p did not stop in time')).catch(
      (cause: unknown) => log.error({}, toReason(cause)),
    );
    grace.cancel();
    sockets?.destroy();
  };

  try {
    await started.handle(SYNC_PROTOCOL, createSyncServer({ clock, log, handlers }), {
      maxInboundStreams: MAX_SYNC_STREAMS,
      maxOutboundStreams: MAX_SYNC_STREAMS,
    });
    started.addEventListener('connection:open', ({ detail }) => meter.watch(detail));
    started.addEventListener('peer:connect', () => roster.update());
    started.addEventListener('connection:close', () => roster.update());
    await started.start();
    const listeners = started.services.listening.listeners();
    sockets = guardSockets(clock, listeners, options.mayAccept ?? (() => true));
    const expected = listeners.length;
    started.addEventListener('transport:close', () => {
      if (started.services.listening.listeners().length < expected)
        fail(new LatticeError('listener-closed', 'a P2P listener closed unexpectedly'));
    });
    gossip.join();
    supervision = every(clock, TICK_MS, supervise, {
      firstMs: 0,
      onError: (cause) => fail(new LatticeError('p2p-failed', `P2P supervision failed: ${toReason(cause)}`, { cause })),
    });
  } catch (cause) {
    await stop();
    throw toStartError(cause);
  }
  const listenAddresses = (): readonly string[] =>
    started.services.listening
      .listeners()
      .flatMap((listener) => listener.getAddrs().map((address) => `${address.toString()}/p2p/${ownId}`));
  log.info({ peer: ownId, listen: listenAddresses(), topic, bootstrap: bootstrap.length }, 'P2P started');

  return {
    stop,
    publish: (data) => gossip.publish(data),
    request: (peer, message, request) => sync.request(authorToPeerId(peer), message, request),
    connections: () => openConnections().map((connection) => toConnection(connection, liveness.rttMs(connection))),
    topicPeers: () => gossip.topicPeers(),
    listenAddresses,
    stayWith(addresses, announced) {
      const isUsable = (address: string): boolean => {
        try {
          return parseBootstrap([address], ownId).length > 0;
        } catch (cause) {
          // One bad address must not keep the others from being dialled.
          log.warn({ address, reason: toReason(cause) }, 'added peer has no usable address');
          return false;
        }
      };
      const more = announced.filter((address) => !addresses.includes(address));
      redial.set([
        ...parseBootstrap(addresses.filter(isUsable), ownId),
        ...parseBootstrap(more.filter(isUsable), ownId).map((peer) => ({ ...peer, announced: true as const })),
      ]);
    },
  };
}

function toConnection(connection: Connection, rttMs: number | undefined): P2pConnection {
  const peerId = connection.remotePeer.toString();
  return {
    peer: peerIdToAuthor(peerId),
    peerId,
    address: connection.remoteAddr.toString(),
    direction: connection.direction,
    rttMs,
  };
}
