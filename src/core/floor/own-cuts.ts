import { lastHlcAt } from '../clock/index.ts';
import { type Bytes, equalBytes, type Hlc, MAX_AHEAD_MS } from '../types/index.ts';

/** What a node says of the state at one cut. */
export interface FloorClaim {
  /** Unix ms. */
  readonly at: number;
  /** The root of the state at the cut, 32 bytes. */
  readonly root: Bytes;
  /** The hash of the roster by which its operations count, 32 bytes. */
  readonly roster: Bytes;
  /** The collection floor of the state, Unix ms. */
  readonly collection: number;
  /** The T that its signer had attested before this one, Unix ms: it attested none in between. */
  readonly previous: number;
}

/** Whether two claims are about one state. Each signer has a previous cut of its own. */
export const isSameClaim = (a: FloorClaim, b: FloorClaim): boolean =>
  a.at === b.at && a.collection === b.collection && equalBytes(a.root, b.root) && equalBytes(a.roster, b.roster);

/** The cuts that a node has fixed. Durable before any of them is attested. */
export interface OwnCuts {
  /** The newest T that was fixed, Unix ms; 0 when none was. No T is fixed twice, and none that is earlier. */
  readonly newest: number;
  /** What was fixed later than the floor, oldest first, at most MAX_FIXED. */
  readonly fixed: readonly FloorClaim[];
}

export const NO_CUTS: OwnCuts = { newest: 0, fixed: [] };

/** As many cuts as a node tells of, ten minutes: when the floor stands still for longer, it is taken by a snapshot. */
export const MAX_FIXED = 64;

/**
 * Fixes a cut. What is returned is made durable together, and `observe` is observed with it: the last HLC of T, so that
 * no commit that this node makes from then on belongs to T. RangeError for a T that is not later than all before.
 */
export function fixCut(own: OwnCuts, claim: FloorClaim): { readonly own: OwnCuts; readonly observe: Hlc } {
  if (claim.at <= own.newest) throw new RangeError(`the cut at ${claim.at} is not later than the one at ${own.newest}`);
  return {
    own: { newest: claim.at, fixed: [...own.fixed.slice(1 - MAX_FIXED), claim] },
    observe: lastHlcAt(claim.at),
  };
}

/**
 * Whether a cut can no more become complete, by what writers of its roster claim: one says something else of it, or has
 * passed it over.
 */
export function isRefuted(own: FloorClaim, claims: Iterable<FloorClaim>): boolean {
  for (const claim of claims) {
    if (claim.at === own.at && !isSameClaim(claim, own)) return true;
    if (claim.previous < own.at && own.at < claim.at) return true;
  }
  return false;
}

/** The cuts that are later than the floor. */
export const aboveFloor = ({ newest, fixed }: OwnCuts, floor: number): OwnCuts => ({
  newest,
  fixed: fixed.filter(({ at }) => at > floor),
});

/**
 * What is observed of a T that another node attests: a slow clock would else go on making commits that belong to it,
 * and no two nodes would ever attest it alike. Undefined for a T too far ahead to believe.
 */
export function heardCut(at: number, nowMs: number): Hlc | undefined {
  return at - nowMs < MAX_AHEAD_MS ? lastHlcAt(at) : undefined;
}

/** How long a node that kept its store waits for a peer that tells it of its past. */
export const PAST_WAIT_MS = 10_000;

/** What a peer knows of another node's past. */
export interface Past {
  /** The greatest HLC of a commit by any key of that node; zero when none is known. */
  readonly committed: Hlc;
  /** The newest T that it attested, Unix ms; 0 when none is known. */
  readonly attested: number;
  /** The peer's own floor, Unix ms; 0 when there is none. */
  readonly floor: number;
}

/** What a node observes of its past before it writes or attests anything. */
export function observedOfPast({ committed, attested, floor }: Past): Hlc {
  const last = lastHlcAt(Math.max(attested, floor));
  return committed > last ? committed : last;
}

/** Whether a node that has started may write and attest. Times are of a clock that only goes forward, ms. */
export interface StartGate {
  readonly heard: boolean;
  readonly notBefore: number;
  /** When it stops waiting to be told of its past; undefined when it waits for good. */
  readonly givesUpAt: number | undefined;
}

/**
 * A node that kept its store waits for a short time only, because its clock and its store know its past. A store that
 * is new or was restored waits until a peer has told it; and for MAX_AHEAD_MS in any case, because that peer may not
 * know the newest that was attested with the lost store, and no fleet's clocks are further apart than that.
 */
export function startGate(store: 'kept' | 'new', nowMs: number): StartGate {
  return store === 'kept'
    ? { heard: false, notBefore: nowMs, givesUpAt: nowMs + PAST_WAIT_MS }
    : { heard: false, notBefore: nowMs + MAX_AHEAD_MS, givesUpAt: undefined };
}

export const isOpen = ({ heard, notBefore, givesUpAt }: StartGate, nowMs: number): boolean =>
  nowMs >= notBefore && (heard || (givesUpAt !== undefined && nowMs >= givesUpAt));
