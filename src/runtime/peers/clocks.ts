import type { Author } from '../../core/types/index.ts';
import type { Peer } from './peers.ts';
import { clockOf } from './view.ts';

/** What is known of a peer's clock. */
export interface PeerClock {
  /** What people know the peer by. */
  readonly name: string;
  /** The peer's wall clock less our monotonic clock, in ms. Steps of our own wall clock don't change it. */
  readonly ms: number;
  /** When the peer last told of its clock, in monotonic ms. */
  readonly heardAt: number;
}

/** The clocks of all peers that have told of theirs. */
export function clocksOf(peers: Iterable<Peer>, nameOf: (author: Author) => string): readonly PeerClock[] {
  const clocks: PeerClock[] = [];
  for (const { author, view } of peers) {
    const told = clockOf(view);
    if (told !== undefined) clocks.push({ name: nameOf(author), ms: told.ms, heardAt: told.at });
  }
  return clocks;
}
