import { RefusedDifferences } from '../../core/reconcile/index.ts';
import { type Author, bytesToHex, equalBytes } from '../../core/types/index.ts';
import type { Head, SignedHead } from '../../core/wire/index.ts';
import type { Clock } from '../../ports/index.ts';
import type { Agreement, RepairProgress, RepairReport } from '../facade/facade.ts';
import { initialPath, type PathState } from './failover.ts';

/** Peers remembered. Trusted and configured ones are always few; strangers beyond this are not listed. */
const MAX_PEERS = 512;
/** Roots of either side within this time count as the same moment: heads are compared while commits are in flight. */
const ROOT_WINDOW_MS = 3_000;
const MAX_RECENT_ROOTS = 4096;
/** Roots after which old ones are taken out. Not with every root: see dropOldest. */
const LOOK_EVERY_ROOTS = 64;
/** A life not heard for this long is over, whatever the clock of the next one says. */
const FORMER_LIFE_MS = 10_000;

export type LungName = 'p2p' | 'http';

/** Everything known about one peer, named by its author key. Times are monotonic ms unless they say otherwise. */
export interface Peer {
  readonly author: Author;
  configured: boolean;
  url: string | undefined;
  connected: boolean;
  /** It has asked us something since our start, by whatever lung: it finds us by itself. */
  reachesUs: boolean;
  head: Head | undefined;
  readonly heardAt: { p2p: number | undefined; http: number | undefined };
  /**
   * The newest head of the peer's present life by each lung: the lungs race, and each is judged by what it brings
   * itself.
   */
  readonly newest: { p2p: number; http: number };
  behindSince: number | undefined;
  /** The life before the present one, hex. */
  formerLife: string | undefined;
  /** A life that had been replaced came back: two nodes run with this key. */
  twin: boolean;
  agreement: Agreement;
  agreementAt: number;
  /** Unix ms. */
  agreementSince: number;
  /** Our root and the peer's as last compared, and since when (monotonic ms) they have been those. */
  pair: { readonly roots: string; readonly at: number };
  /** The pair of roots for which a repair found nothing but refused items left. */
  exceptRefused: string | undefined;
  readonly roots: RecentRoots;
  path: PathState;
  readonly refused: RefusedDifferences;
  trustMatches: boolean | undefined;
  software: string | undefined;
  clockOffsetMs: number | undefined;
  /**
   * The peer's own session with us, as far as its requests tell: how many are being answered, when the last came or was
   * answered, and when the first of them came.
   */
  readonly served: { open: number; at: number; since: number };
  /** How many keys differed when it was last looked, without what has been repaired since. `at`: Unix ms. */
  differing: { readonly keys: number; readonly at: number; readonly exact: boolean } | undefined;
  /**
   * `undecoded`: repairs in a row whose coded symbols did not decode. `urgent`: the next difference is repaired without
   * waiting for it to settle.
   */
  readonly repair: {
    running: boolean;
    urgent: boolean;
    nextAt: number;
    failures: number;
    undecoded: number;
    last: RepairReport | undefined;
    progress: RepairProgress | undefined;
  };
}

/** Roots seen lately, newest last: equality with any of them means that both sides were equal within the window. */
export class RecentRoots {
  readonly #seen = new Map<string, number>();
  #lookAt = LOOK_EVERY_ROOTS;

  add(root: string, now: number): void {
    this.#seen.delete(root);
    this.#seen.set(root, now);
    if (this.#seen.size < this.#lookAt) return;
    for (const [old, at] of this.#seen) {
      if ((this.#seen.size <= MAX_RECENT_ROOTS && now - at <= ROOT_WINDOW_MS) || old === root) break;
      this.#seen.delete(old);
    }
    this.#lookAt = this.#seen.size + LOOK_EVERY_ROOTS;
  }

  has(root: string, now: number): boolean {
    const at = this.#seen.get(root);
    return at !== undefined && now - at <= ROOT_WINDOW_MS;
  }
}

export interface PeerTable {
  get(author: Author): Peer | undefined;
  /** Finds or makes a peer; undefined when the table is full of others. */
  ensure(author: Author): Peer | undefined;
  all(): Iterable<Peer>;
  /**
   * Notes a verified head of a peer. False when this lung has brought it or a newer one before (a replay or a slow
   * relay).
   */
  hear(peer: Peer, signed: SignedHead, lung: LungName, direct: boolean): boolean;
  /** Compares the peer's newest head with our state; `ours` are our recent roots, the newest being `root`. */
  compare(
    peer: Peer,
    ours: {
      readonly root: string;
      readonly recent: RecentRoots;
      readonly seenHlc: bigint;
      readonly trustHash: Uint8Array;
    },
  ): void;
}

export function createPeerTable(clock: Clock): PeerTable {
  const peers = new Map<Author, Peer>();

  function ensure(author: Author): Peer | undefined {
    const known = peers.get(author);
    if (known !== undefined) return known;
    if (peers.size >= MAX_PEERS) return undefined;
    const peer: Peer = {
      author,
      configured: false,
      url: undefined,
      connected: false,
      reachesUs: false,
      head: undefined,
      heardAt: { p2p: undefined, http: undefined },
      newest: { p2p: 0, http: 0 },
      behindSince: undefined,
      formerLife: undefined,
      twin: false,
      agreement: 'unknown',
      agreementAt: 0,
      agreementSince: clock.now(),
      pair: { roots: '', at: -Infinity },
      exceptRefused: undefined,
      roots: new RecentRoots(),
      path: initialPath(clock.monotonic()),
      refused: new RefusedDifferences(),
      trustMatches: undefined,
      software: undefined,
      clockOffsetMs: undefined,
      differing: undefined,
      served: { open: 0, at: -Infinity, since: -Infinity },
      repair: {
        running: false,
        urgent: true,
        nextAt: 0,
        failures: 0,
        undecoded: 0,
        last: undefined,
        progress: undefined,
      },
    };
    peers.set(author, peer);
    return peer;
  }

  return {
    get: (author) => peers.get(author),
    ensure,
    all: () => peers.values(),
    hear(peer, signed, lung, direct) {
      const { head } = signed;
      const known = peer.head;
      const now = clock.monotonic();
      if (known === undefined || !equalBytes(known.incarnation, head.incarnation)) {
        // Another life: at once when it speaks itself; by relay when its clock is later or its former life is silent.
        const lastHeard = Math.max(peer.heardAt.p2p ?? -Infinity, peer.heardAt.http ?? -Infinity);
        if (known !== undefined && !direct && head.wallMs <= known.wallMs && now - lastHeard < FORMER_LIFE_MS)
          return false;
        if (known !== undefined) {
          peer.twin ||= peer.formerLife === bytesToHex(head.incarnation);
          peer.formerLife = bytesToHex(known.incarnation);
          // What it missed while it was away is not on its way to it.
          peer.repair.urgent = true;
          peer.agreementAt = now;
        }
        peer.newest.p2p = 0;
        peer.newest.http = 0;
      } else if (head.sequence <= peer.newest[lung]) return false;
      peer.newest[lung] = head.sequence;
      peer.heardAt[lung] = now;
      if (head.sequence < Math.max(peer.newest.p2p, peer.newest.http)) return true;
      if (known !== undefined && !equalBytes(known.trustHash, head.trustHash)) forgetRefused(peer);
      peer.head = head;
      peer.roots.add(bytesToHex(head.root), now);
      if (direct) peer.clockOffsetMs = head.wallMs - clock.now();
      return true;
    },
    compare(peer, ours) {
      const { head } = peer;
      if (head === undefined) return;
      const now = clock.monotonic();
      peer.trustMatches = equalBytes(head.trustHash, ours.trustHash);
      if (head.hlc <= ours.seenHlc) peer.behindSince = undefined;
      else peer.behindSince ??= now;
      const theirs = bytesToHex(head.root);
      const roots = pairOf(ours.root, theirs);
      if (roots !== peer.pair.roots) peer.pair = { roots, at: now };
      const equal = theirs === ours.root || ours.recent.has(theirs, now) || peer.roots.has(ours.root, now);
      if (equal) setAgreement(peer, 'equal', now, clock.now());
      else if (peer.exceptRefused === roots) setAgreement(peer, 'equal-except-refused', now, clock.now());
      else setAgreement(peer, 'different', now, clock.now());
    },
  };
}

/** The peer's trust list or software changed: every refusal is open again, and is looked at without waiting. */
export function forgetRefused(peer: Peer): void {
  peer.refused.clear();
  if (peer.exceptRefused === undefined) return;
  peer.exceptRefused = undefined;
  peer.repair.nextAt = 0;
  peer.repair.urgent = true;
}

/** Names the two states that were compared. */
export function pairOf(ours: string, theirs: string): string {
  return `${ours}:${theirs}`;
}

/** Notes how a peer compares; `agreementAt` restarts only when the verdict changes or is confirmed as equal. */
export function setAgreement(peer: Peer, agreement: Agreement, now: number, wall: number): void {
  if (peer.agreement !== agreement) {
    peer.agreement = agreement;
    peer.agreementSince = wall;
    peer.agreementAt = now;
  } else if (agreement === 'equal') peer.agreementAt = now;
}
