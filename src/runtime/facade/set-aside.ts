import type { JsonValue } from '../../core/types/index.ts';
import type { Page } from './entries.ts';

/** Why an operation was set aside. */
export const ASIDE_CODES = [
  'late', // it came here after a cut was fixed that all writers attested without it
  'refused', // other writers refuse it: it belongs to a time for which their state is closed
] as const;
export type AsideCode = (typeof ASIDE_CODES)[number];

/** What an operation that was set aside is to the present value of its key. */
export const ASIDE_STANDINGS = [
  'missing', // the key has no value at present, and what was set aside is a value
  'older', // the key has an older value at present
  'newer', // the key was written or deleted later
  'same', // the key shows the very same
  'ended', // what was set aside is a value whose end has come
  'replaced', // a later operation of the same key was set aside too
] as const;
export type AsideStanding = (typeof ASIDE_STANDINGS)[number];

/** An operation that was taken out of the state and is kept beside it (SPEC FL8). */
export interface AsideView {
  readonly key: string;
  readonly version: string;
  /** Whether it is a delete. */
  readonly deleted: boolean;
  /** Absent for a delete. */
  readonly value?: JsonValue;
  /** When it ends or has ended, Unix ms; absent where it has no end. */
  readonly expires?: number;
  readonly author: string;
  /** What people read in place of the author. */
  readonly label: string;
  /** 16 hex digits. */
  readonly hlc: string;
  /** When it was written by the clock of its author, Unix ms. */
  readonly at: number;
  readonly code: AsideCode;
  /** Why it was set aside, for people. */
  readonly text: string;
  readonly standing: AsideStanding;
}

/** Of which keys. Either `keys`, at most 256 of them, or `all`. */
export interface AsideChoice {
  readonly keys?: readonly string[] | undefined;
  readonly all?: true | undefined;
}

/** What was asked to be written anew. */
export interface RecoverWish extends AsideChoice {
  /** True: also where the key was written later. What it shows then is replaced. */
  readonly overwrite?: boolean | undefined;
  /** With `all`: where the call before it stopped. */
  readonly cursor?: string | undefined;
}

/** What came of writing anew what was set aside. */
export interface Recovered {
  /** What was written, with its new version; it is durable. */
  readonly written: readonly { readonly key: string; readonly version: string; readonly deleted: boolean }[];
  /** Keys of which nothing was written, and why. One that was written later stays set aside; the others are forgotten. */
  readonly passedOver: readonly { readonly key: string; readonly standing: AsideStanding }[];
  /** How many operations are set aside no more. */
  readonly forgotten: number;
  /** With `all`: there is more, from here on. */
  readonly cursor?: string;
}

/** What was set aside, for operators. */
export interface SetAsideService {
  /**
   * What is set aside, by key and the newest first. `fits` is asked for each item in turn, and the page ends before the
   * first one that it refuses, unless that is the first. Rejects with LatticeError `invalid-cursor` or `invalid-limit`.
   */
  list(options?: {
    readonly limit?: number;
    readonly cursor?: string;
    readonly fits?: (item: AsideView) => boolean;
  }): Promise<Page<AsideView>>;
  /**
   * Writes the newest of what is set aside under each key anew, as a commit of this node, and forgets what is set aside
   * under that key. At most 256 keys a call. What is of no use any more is passed over. Rejects with LatticeError
   * `invalid-body`, `not-found` for a key under which nothing is set aside, in which case nothing was written,
   * `invalid-cursor`, `overloaded` while another call runs, or as a write does.
   */
  recover(wish: RecoverWish): Promise<Recovered>;
  /** Forgets what is set aside, for good. Rejects with LatticeError `invalid-body`, `not-found` or `store-write-failed`. */
  forget(choice: AsideChoice): Promise<{ readonly forgotten: number }>;
}
