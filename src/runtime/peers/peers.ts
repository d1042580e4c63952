import type { Unsettled } from '../../core/reconcile/index.ts';
import type { Author } from '../../core/types/index.ts';
import type { Head, SignedHead } from '../../core/wire/index.ts';
import type { Clock } from '../../ports/index.ts';
import { createLink, type LungName, type PeerLink } from './link.ts';
import { createRepairing, hurry, noteReborn, type PeerRepair } from './repairing.ts';
import {
  compareHead,
  createView,
  forgetExceptRefused,
  hearHead,
  isNews,
  type OurSide,
  type PeerView,
  restartAgreement,
} from './view.ts';

/** How many peers are remembered. Trusted and configured ones are few; strangers beyond the bound are not listed. */
const MAX_PEERS = 512;

/**
 * Everything known of one peer, which its author names: the ways to it, its state as we see it, and repairs with it.
 */
export interface Peer {
  readonly author: Author;
  readonly link: PeerLink;
  readonly view: PeerView;
  readonly repair: PeerRepair;
}

export interface PeerTable {
  get(author: Author): Peer | undefined;
  /** Finds a peer or makes its records. Undefined when the peer is new and the table is full. */
  ensure(author: Author): Peer | undefined;
  all(): Iterable<Peer>;
  /** Whether a head that is not verified yet would be news: that a replay is one is seen without its signature. */
  isNews(peer: Peer, head: Head, lung: LungName, direct: boolean): boolean;
  /**
   * Takes note of a verified head of the peer. Returns false when this lung has brought that head or a newer one before
   * (by a replay or a slow relay).
   */
  hear(peer: Peer, signed: SignedHead, lung: LungName, direct: boolean): boolean;
  /** Compares the peer's newest head with our state. */
  compare(peer: Peer, ours: OurSide): void;
  /** Has the next difference with this peer repaired at once, because its lung changed or its stream lost its place. */
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
    isNews: (peer, head, lung, direct) => isNews(peer.view, head, lung, direct, moment()),
    hear(peer, signed, lung, direct) {
      const heard = hearHead(peer.view, signed, lung, direct, moment());
      // What a peer missed before its new incarnation began is not on its way to it, so only a repair brings it.
      if (heard?.newIncarnation === true) noteReborn(peer.repair, clock.monotonic());
      // A node that has started again may have room, another clock or another trust list.
      if (heard?.newIncarnation === true || heard?.newTrust === true) forgetRefused(peer);
      return heard !== undefined;
    },
    compare: (peer, ours) => compareHead(peer.view, ours, moment()),
    repairSoon(author) {
      const peer = peers.get(author);
      if (peer === undefined) return;
      hurry(peer.repair);
      // Of two nodes that differ, the one with the greater author waits for the other; that wait begins here.
      restartAgreement(peer.view, clock.monotonic());
    },
  };
}

/**
 * Forgets what was refused for these reasons, or everything without them, because the reason has gone on the peer's
 * side: each refusal may come out otherwise, and a repair finds out without waiting.
 */
export function forgetRefused({ view, repair }: Peer, reasons?: ReadonlySet<Unsettled>): void {
  repair.refused.forget(reasons);
  if (forgetExceptRefused(view) || repair.running) hurry(repair);
}

/** The same with all peers, because the reason has gone on our side: a repair with each begins at once. */
export function takeAgain(peers: PeerTable, reasons?: ReadonlySet<Unsettled>): void {
  for (const peer of peers.all()) {
    forgetRefused(peer, reasons);
    peers.repairSoon(peer.author);
  }
}
