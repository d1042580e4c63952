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

/** The ways on which attestations go on. */
export interface AttestationWays {
  /** Sends an attestation on: by gossip unless it came so, and on every push stream but its bringer's. */
  spread(signed: SignedAttestation, lung: LungName | undefined, from: Author | undefined): void;
  /** Peers that HTTP carries without a stream each way, as behind a proxy that cuts them or where only one side dials. */
  streamless(): readonly StreamlessPeer[];
}

export function createAttestationWays(deps: {
  readonly p2p: Pick<P2pSupervisor, 'publish'>;
  readonly http: Pick<HttpSupervisor, 'peers' | 'request'>;
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
        return [{ author, ask: (message) => ask((m) => http.request(url, m, author), message) }];
      }),
  };
}
