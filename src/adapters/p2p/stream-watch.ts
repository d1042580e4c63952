import type { Connection } from '@libp2p/interface';
import type { Clock } from '../../ports/index.ts';
import { gossipStream, isGossipProtocol } from './gossip.ts';

export interface StreamWatchDeps {
  readonly clock: Clock;
  readonly missingStreamMs: number;
  connections(): readonly Connection[];
  /** The protocols that the peer says it speaks. Undefined while it has not said so: identify runs or has failed. */
  protocolsOf(peerId: string): Promise<readonly string[] | undefined>;
  close(peerId: string, reason: string): void;
}

/**
 * Finds peers that are connected but lack a gossip stream in one direction. A stream is lost by a frame that is too
 * long, by a full buffer, or when the wrong one of two connections is closed, and libp2p never opens it again while the
 * connection lasts. After `missingStreamMs` the peer's connections are closed, and a redial begins afresh. A peer that
 * says that it does not speak gossip is left alone.
 */
export function createStreamWatch(deps: StreamWatchDeps): { tick(): void } {
  const missingSince = new Map<string, number>();

  const check = async (peerId: string): Promise<void> => {
    const protocols = await deps.protocolsOf(peerId);
    if (protocols !== undefined && !protocols.some(isGossipProtocol)) return;
    deps.close(peerId, 'no gossip stream');
  };

  return {
    tick() {
      const now = deps.clock.monotonic();
      const peers = new Map<string, { inbound: boolean; outbound: boolean }>();
      for (const connection of deps.connections()) {
        const peerId = connection.remotePeer.toString();
        const seen = peers.get(peerId) ?? { inbound: false, outbound: false };
        seen.inbound ||= gossipStream(connection, 'inbound') !== undefined;
        seen.outbound ||= gossipStream(connection, 'outbound') !== undefined;
        peers.set(peerId, seen);
      }
      for (const peerId of missingSince.keys()) {
        if (!peers.has(peerId)) missingSince.delete(peerId);
      }
      for (const [peerId, { inbound, outbound }] of peers) {
        if (inbound && outbound) {
          missingSince.delete(peerId);
          continue;
        }
        const since = missingSince.get(peerId) ?? now;
        missingSince.set(peerId, since);
        if (now - since < deps.missingStreamMs) continue;
        missingSince.set(peerId, now);
        void check(peerId);
      }
    },
  };
}
