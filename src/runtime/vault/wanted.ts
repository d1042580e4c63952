import type { Author } from '../../core/types/index.ts';
import type { Transfer } from './transfer.ts';

/** What is known of one peer in respect of one object. Only `offers.ts` writes it. */
export interface Offer {
  has: 'unknown' | 'asking' | 'none' | 'whole';
  /** Monotonic ms before which the peer is not asked for it again. */
  nextAt: number;
  failures: number;
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
  /** What is here of it. Only `transfers.ts` writes this and the two members below. */
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

export function createWanted(hash: string, now: number): Wanted {
  return {
    hash,
    offers: new Map(),
    waiters: new Set(),
    mends: false,
    transfer: undefined,
    busy: false,
    inFlight: 0,
    from: new Set(),
    reason: undefined,
    lastProgressAt: now,
  };
}

/** Whether it takes one of the places of objects that are fetched at a time. */
export const isUnderWay = ({ transfer, busy }: Wanted): boolean => transfer !== undefined || busy;
