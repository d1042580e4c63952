import type { Connection } from '@libp2p/interface';
import type { Clock } from '../../ports/index.ts';
import { gossipStream, isGossipProtocol } from './gossip.ts';

export interface StreamWatchDeps {
  readonly clock: Clock;
  readonly missingStreamMs: number;
  connections(): readonly Connection[];
  /** Protocols that the peer said it speaks; undefined when it has not said so (identify failed or is under way). */
  protocolsOf(peerId: string): Promise<readonly string[] | undefined>;
  close(peerId: string, reason: string): void;
}

/**
 * Finds peers that are connected but without gossip in one direction or the other: libp2p never opens such a stream
 * again while the connection lives (a frame too long, a full buffer, the wrong one of two connections closed). After
 * `missingStreamMs` the peer's connections are closed and a redial starts afresh. A peer that says it has no gossip is
 * left alone.
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
