import type { PeerStatus, PingOutcome } from '../runtime/facade/facade.ts';

/** The answer of GET /api/v1/peers. */
export interface PeersAnswer {
  readonly peers: readonly PeerStatus[];
}

/** The answer of POST /api/v1/peers/ping. */
export interface PingAnswer {
  readonly peer: string;
  readonly results: readonly PingOutcome[];
}
