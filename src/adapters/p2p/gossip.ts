import { type GossipSub, TopicValidatorResult } from '@libp2p/gossipsub';
import type { Connection, PeerId, Stream } from '@libp2p/interface';
import { type Author, type Bytes, inSeconds, LatticeError, MAX_GOSSIP_BYTES } from '../../core/types/index.ts';
import type { Clock, Log, P2pHandlers, Verdict } from '../../ports/index.ts';
import { withDeadline } from '../../timing/index.ts';
import { forgetOldMessages } from './gossip-memory.ts';
import {
  GRAYLIST,
  HOSTILE_INVALID,
  MAX_VALIDATING,
  MAX_VALIDATING_PER_PEER,
  PUBLISH_HIGH_WATER_BYTES,
  PUBLISH_WAIT_MS,
  REJECTED_LIMIT,
  REJECTED_WINDOW_MS,
  VALIDATION_TIMEOUT_MS,
} from './limits.ts';
import { toReason } from './reasons.ts';

export interface Gossip {
  /** Joins the topic. To be called when the libp2p node has started. */
  join(): void;
  publish(data: Bytes): Promise<number>;
  topicPeers(): number;
  /** When the last message came from the peer, monotonic ms. Forgotten when the peer disconnects. */
  heardAt(peerId: string): number | undefined;
  /**
   * Gives up validations that take too long, forgets old rejections and evicts hostile peers. The lung's supervision
   * calls it.
   */
  tick(): void;
}

export interface GossipDeps {
  readonly pubsub: GossipSub;
  readonly topic: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly handlers: Pick<P2pHandlers, 'onGossip'>;
  authorOf(peerId: string): Author | undefined;
  connections(): readonly Connection[];
  /** Disconnects the peer and bans it. */
  evict(peerId: string, reason: string): void;
  /** Called with the bytes of each message that was news to this node, or that this node made. */
  onNews(bytes: number): void;
}

interface Validation {
  readonly peerId: string;
  readonly startedAt: number;
  finish(verdict: Verdict): void;
}

const undrained = (): LatticeError =>
  new LatticeError('timeout', `no recipient took the gossip within ${inSeconds(PUBLISH_WAIT_MS)}`);

/** Methods that GossipSub's class has beyond its published interface. */
interface Scores {
  getScore(peerId: string): number;
  dumpPeerScoreStats(): Record<string, { topics: Record<string, { invalidMessageDeliveries: number }> }>;
}

const RESULTS = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
};

export function createGossip(deps: GossipDeps): Gossip {
  const { pubsub, topic, clock, log } = deps;
  // A Set keeps the order of insertion, so the validation that began first comes first.
  const validations = new Set<Validation>();
  const perPeer = new Map<string, number>();
  const rejected = new Map<string, number[]>();
  const heardAt = new Map<string, number>();

  const begin = (peerId: string, data: Bytes): Promise<Verdict> =>
    new Promise((resolve) => {
      const validation: Validation = {
        peerId,
        startedAt: clock.monotonic(),
        finish(verdict) {
          if (!validations.delete(validation)) return;
          const left = (perPeer.get(peerId) ?? 1) - 1;
          if (left === 0) perPeer.delete(peerId);
          else perPeer.set(peerId, left);
          resolve(verdict);
        },
      };
      validations.add(validation);
      perPeer.set(peerId, (perPeer.get(peerId) ?? 0) + 1);
      const ask = async (): Promise<Verdict> => deps.handlers.onGossip(data, deps.authorOf(peerId));
      ask().then(
        (verdict) => validation.finish(verdict),
        (cause: unknown) => {
          log.error({ reason: toReason(cause) }, 'gossip handler failed');
          validation.finish('ignore'); // The failure is ours, so the relay is not punished.
        },
      );
    });

  const countRejected = (peerId: string): void => {
    const now = clock.monotonic();
    const times = (rejected.get(peerId) ?? []).filter((at) => now - at < REJECTED_WINDOW_MS);
    times.push(now);
    rejected.set(peerId, times);
    if (times.length >= REJECTED_LIMIT)
      deps.evict(peerId, `${times.length} invalid messages within ${REJECTED_WINDOW_MS / 1000} s`);
  };

  const judge = async (from: PeerId, data: Bytes): Promise<TopicValidatorResult> => {
    const peerId = from.toString();
    heardAt.set(peerId, clock.monotonic());
    if (validations.size >= MAX_VALIDATING || (perPeer.get(peerId) ?? 0) >= MAX_VALIDATING_PER_PEER)
      return RESULTS.ignore;
    const verdict = data.length === 0 || data.length > MAX_GOSSIP_BYTES ? 'reject' : await begin(peerId, data);
    if (verdict === 'reject') countRejected(peerId);
    if (verdict === 'accept') deps.onNews(data.length);
    return RESULTS[verdict];
  };
  // The data is copied, because it is a view of a network buffer that it would keep in memory.
  pubsub.topicValidators.set(topic, (from, message) => judge(from, new Uint8Array(message.data)));

  const outboundStreams = (recipients: ReadonlySet<string>): Stream[] =>
    deps
      .connections()
      .filter((connection) => recipients.has(connection.remotePeer.toString()))
      .flatMap((connection) => gossipStream(connection, 'outbound') ?? []);

  /** Waits until the outbound buffer of at least one recipient has room. */
  const room = async (recipients: ReadonlySet<string>, signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      const streams = outboundStreams(recipients);
      if (streams.length === 0 || streams.some((stream) => stream.writeBufferLength <= PUBLISH_HIGH_WATER_BYTES))
        return;
      await nextEvent(streams, signal);
    }
  };

  return {
    join() {
      pubsub.subscribe(topic);
    },
    async publish(data) {
      if (data.length === 0 || data.length > MAX_GOSSIP_BYTES)
        throw new RangeError(`a gossip message has 1 to ${MAX_GOSSIP_BYTES} bytes, not ${data.length}`);
      const { recipients } = await pubsub.publish(topic, data);
      deps.onNews(data.length);
      const ids = new Set(recipients.map(String));
      // The fastest recipient sets the pace, for at most PUBLISH_WAIT_MS. A slower one fills its buffer to its limit.
      await withDeadline(clock, PUBLISH_WAIT_MS, (signal) => room(ids, signal), undrained).catch(() => undefined);
      return ids.size;
    },
    topicPeers() {
      return pubsub.getSubscribers(topic).length;
    },
    heardAt: (peerId) => heardAt.get(peerId),
    tick() {
      const now = clock.monotonic();
      for (const validation of validations) {
        if (now - validation.startedAt < VALIDATION_TIMEOUT_MS) break;
        log.error({ peer: validation.peerId }, 'gossip handler did not answer in time');
        validation.finish('ignore');
      }
      const connected = new Set(deps.connections().map((connection) => connection.remotePeer.toString()));
      for (const peerId of heardAt.keys()) {
        if (!connected.has(peerId)) heardAt.delete(peerId);
      }
      for (const [peerId, times] of rejected) {
        if (now - (times.at(-1) ?? 0) >= REJECTED_WINDOW_MS) rejected.delete(peerId);
      }
      forgetOldMessages(pubsub);
      // GossipSub also counts invalid messages that never reach the validator, such as signed ones. By itself it only
      // stops listening to a peer that sends them.
      if (!hasScores(pubsub)) return;
      const listed = [...connected].filter((id) => pubsub.getScore(id) <= GRAYLIST);
      if (listed.length === 0) return;
      const stats = pubsub.dumpPeerScoreStats();
      for (const peerId of listed) {
        if ((stats[peerId]?.topics[topic]?.invalidMessageDeliveries ?? 0) >= HOSTILE_INVALID)
          deps.evict(peerId, 'invalid messages');
      }
    },
  };
}

/**
 * The connection's GossipSub stream in one direction, if GossipSub still uses it. When GossipSub gives a stream up, it
 * only closes our end, and the stream's status stays open until the other side closes too.
 */
export function gossipStream(connection: Connection, direction: 'inbound' | 'outbound'): Stream | undefined {
  return connection.streams.find(
    (stream) =>
      stream.direction === direction &&
      isGossipProtocol(stream.protocol) &&
      stream.status === 'open' &&
      !isClosed(stream.writeStatus) &&
      !(direction === 'inbound' && isClosed(stream.remoteWriteStatus)),
  );
}

function isClosed(status: Stream['writeStatus']): boolean {
  return status === 'closed' || status === 'closing';
}

/**
 * Resolves when one of the streams drains or closes, or when the signal aborts. The streams' own onDrain() waits only
 * the first time that it is called.
 */
export function nextEvent(streams: readonly Stream[], signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      for (const stream of streams) {
        stream.removeEventListener('drain', done);
        stream.removeEventListener('close', done);
      }
      signal.removeEventListener('abort', done);
      resolve();
    };
    for (const stream of streams) {
      stream.addEventListener('drain', done);
      stream.addEventListener('close', done);
    }
    signal.addEventListener('abort', done);
  });
}

export function isGossipProtocol(protocol: string): boolean {
  return protocol.startsWith('/meshsub/');
}

function hasScores(pubsub: unknown): pubsub is Scores {
  return typeof pubsub === 'object' && pubsub !== null && 'getScore' in pubsub && 'dumpPeerScoreStats' in pubsub;
}
