import type { Author } from '../../core/types/index.ts';
import type { SignedHead } from '../../core/wire/index.ts';
import type { Clock } from '../../ports/index.ts';
import { createLink, type LungName, type PeerLink } from './link.ts';
import { createRepairing, expectDifference, hurry, type PeerRepair } from './repairing.ts';
import {
  compareHead,
  createView,
  forgetExceptRefused,
  hearHead,
  type OurSide,
  type PeerView,
  restartAgreement,
} from './view.ts';

/** Peers remembered. Trusted and configured ones are always few; strangers beyond this are not listed. */
const MAX_PEERS = 512;

/** Everything known about one peer, named by its author key: how it is reached, what it holds, what was repaired. */
export interface Peer {
  readonly author: Author;
  readonly link: PeerLink;
  readonly view: PeerView;
  readonly repair: PeerRepair;
}

export interface PeerTable {
  get(author: Author): Peer | undefined;
  /** Finds or makes a peer; undefined when the table is full of others. */
  ensure(author: Author): Peer | undefined;
  all(): Iterable<Peer>;
  /** Notes a verified head of a peer. False when this lung has brought it or a newer one before (a replay or a slow relay). */
  hear(peer: Peer, signed: SignedHead, lung: LungName, direct: boolean): boolean;
  /** Compares the peer's newest head with our state. */
  compare(peer: Peer, ours: OurSide): void;
  /** The next difference with this peer is repaired at once: its lung changed, or its stream lost its place. */
  repairSoon(author: Author): void;
}

export function createPeerTable(clock: Clock): PeerTable {
  const peers = new Map<Author, Peer>();
  const moment = () => ({ now: clock.monotonic(), wall: clock.now() });

  return {
    get: (author) => peers.get(author),
    ensure(author) {
      const known = peers.get(author);
      if (known !== undefined) return known;
      if (peers.size >= MAX_PEERS) return undefined;
      const peer: Peer = {
        author,
        link: createLink(clock.monotonic()),
        view: createView(moment()),
        repair: createRepairing(),
      };
      peers.set(author, peer);
      return peer;
    },
    all: () => peers.values(),
    hear(peer, signed, lung, direct) {
      const heard = hearHead(peer.view, signed, lung, direct, moment());
      // What a new life missed while it was away is not on its way to it.
      if (heard?.newIncarnation === true) expectDifference(peer.repair);
      if (heard?.newTrust === true) forgetRefused(peer);
      return heard !== undefined;
    },
    compare: (peer, ours) => compareHead(peer.view, ours, moment()),
    repairSoon(author) {
      const peer = peers.get(author);
      if (peer === undefined) return;
      hurry(peer.repair);
      // From here on the side with the greater key waits for the other.
      restartAgreement(peer.view, clock.monotonic());
    },
  };
}

/** The peer's trust list or software changed: every refusal is open again, and is looked at without waiting. */
export function forgetRefused({ view, repair }: Peer): void {
  repair.refused.clear();
  if (forgetExceptRefused(view)) hurry(repair);
}
