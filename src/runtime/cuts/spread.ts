import type { Author } from '../../core/types/index.ts';
import { encodeGossip, type SignedAttestation, type SyncMessage } from '../../core/wire/index.ts';
import type { SyncMode } from '../facade/index.ts';
import type { LungName } from '../peers/link.ts';
import type { PeerTable } from '../peers/peers.ts';
import type { Streams } from '../streams/streams.ts';
import { ask } from '../transport/link.ts';
import type { HttpSupervisor } from '../transport/lung-http.ts';
import type { P2pSupervisor } from '../transport/lung-p2p.ts';

/** A peer that learns of attestations by requests only. */
export interface StreamlessPeer {
  readonly author: Author;
  readonly ask: (message: SyncMessage) => Promise<SyncMessage>;
}

/** The ways by which attestations are sent on. */
export interface AttestationWays {
  /**
   * Sends an attestation on: by gossip unless it came over P2P, and on every push stream except that of `from`, its
   * bringer.
   */
  spread(signed: SignedAttestation, lung: LungName | undefined, from: Author | undefined): void;
  /**
   * The peers that HTTP carries without a stream in each direction: a proxy may cut streams, or only one side can reach
   * the other.
   */
  streamless(): readonly StreamlessPeer[];
}

export function createAttestationWays(deps: {
  readonly p2p: Pick<P2pSupervisor, 'publish'>;
  readonly http: Pick<HttpSupervisor, 'peers' | 'find' | 'request'>;
  readonly streams: Pick<Streams, 'publishFrame' | 'streamsTo'>;
  readonly peers: Pick<PeerTable, 'get'>;
  readonly mode: () => SyncMode;
}): AttestationWays {
  const { p2p, http, streams, peers } = deps;
  return {
    spread(signed, lung, from) {
      const frame = encodeGossip({ type: 'attestation', attestation: signed });
      if (deps.mode() !== 'http' && lung !== 'p2p') p2p.publish(frame);
      streams.publishFrame(frame, from);
    },
    streamless: () =>
      http.peers().flatMap(({ url, author, reachable, streaming }) => {
        if (author === undefined || !reachable || peers.get(author)?.link.path.lung !== 'http') return [];
        if (streaming && streams.streamsTo(author)) return [];
        // One of several URLs of a peer is enough.
        if (http.find(author)?.url !== url) return [];
        return [{ author, ask: (message) => ask((m) => http.request(url, m, author), message) }];
      }),
  };
}
