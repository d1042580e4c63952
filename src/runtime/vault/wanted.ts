import type { Author } from '../../core/types/index.ts';
import type { Transfer } from './transfer.ts';

/** What is known of one peer in respect of one object. */
export interface Offer {
  has: 'unknown' | 'asking' | 'none' | 'whole';
  /** Monotonic ms before which the peer is not asked for it again. */
  nextAt: number;
  failures: number;
  /** The peer sent wrong bytes of it, and is asked for it no more until the node starts again. */
  leftOut: boolean;
}

/** Someone who waits for an object to be here. */
export interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** An object that is to be fetched. */
export interface Wanted {
  readonly hash: string;
  readonly offers: Map<Author, Offer>;
  readonly waiters: Set<Waiter>;
  /** Set for what is here and damaged: it stays until a peer is known to have it whole. */
  mends: boolean;
  transfer: Transfer | undefined;
  /** Whether the transfer is being opened or ended. */
  busy: boolean;
  inFlight: number;
  /** Labels of the peers that blocks of it came from in this run. */
  readonly from: Set<string>;
  /** Why it does not go on, and since when nothing of it has come; monotonic ms. */
  reason: string | undefined;
  lastProgressAt: number;
}

export function createWanted(hash: string, now: number, mends = false): Wanted {
  return {
    hash,
    offers: new Map(),
    waiters: new Set(),
    mends,
    transfer: undefined,
    busy: false,
    inFlight: 0,
    from: new Set(),
    reason: undefined,
    lastProgressAt: now,
  };
}

export function offerOf({ offers }: Wanted, author: Author): Offer {
  let offer = offers.get(author);
  if (offer === undefined) offers.set(author, (offer = { has: 'unknown', nextAt: 0, failures: 0, leftOut: false }));
  return offer;
}

/** Whether the peer may be asked for bytes of the object at present. */
export function offers(wanted: Wanted, author: Author, now: number): boolean {
  const offer = wanted.offers.get(author);
  return offer !== undefined && offer.has === 'whole' && !offer.leftOut && now >= offer.nextAt;
}
