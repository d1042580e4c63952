/** Most milliseconds for which a write can be waited with: a cut is complete some 20 s after what it holds. */
export const MAX_RECEIPT_MS = 60_000;
/** For how long copies on other writers are waited for where nothing else is said. */
export const REPLICAS_MS = 5_000;
/** For how long cuts are waited for: one is taken every 10 s, settles for 5 s, and takes some seconds to everybody. */
export const CUTS_MS = 30_000;

/** What a write waits for after it is durable on this node. */
export interface ReceiptWish {
  /** How many other writers of the present roster have to hold it durably, or what supersedes it: at least 1. */
  readonly replicas?: number | undefined;
  /** A certified cut has to hold it. */
  readonly certified?: boolean | undefined;
  /** A complete cut has to hold it: then it is final, whatever happens to the roster. */
  readonly complete?: boolean | undefined;
  /** How long it waits at most, 1 to MAX_RECEIPT_MS; by default REPLICAS_MS, or CUTS_MS where a cut is waited for. */
  readonly timeoutMs?: number | undefined;
}

/** A writer, and what people read in place of its id. */
export interface ReceiptNode {
  readonly author: string;
  readonly label: string;
}

/** What has come of what was asked for. */
export interface ReceiptView {
  /** Whether all of it has. */
  readonly met: boolean;
  readonly waitedMs: number;
  /** The other writers of the roster by whether they have signed that they hold it. */
  readonly replicas?: {
    readonly wanted: number;
    readonly signed: readonly ReceiptNode[];
    readonly missing: readonly ReceiptNode[];
  };
  /** The time (Unix ms) of a certified cut that holds it; without a time there is none yet. */
  readonly certified?: { readonly at?: number };
  /** The same of a complete cut. */
  readonly complete?: { readonly at?: number };
}

/** What a receipt is of. */
export interface WrittenCommit {
  /** 64 hex digits. */
  readonly commit: string;
  readonly hlc: string;
  readonly keys: readonly string[];
}

/** The place of one write among those that wait. */
export interface ReceiptPlace {
  /**
   * Waits once the write is durable here. Resolves as soon as all has come, and with what has come when the time is over
   * or the place is ended. Rejects when `signal` is aborted.
   */
  wait(written: WrittenCommit, signal?: AbortSignal): Promise<ReceiptView>;
  /** Gives the place back. To be called in any case; what waits there then, or later, ends with what has come. */
  end(): void;
}

export interface ReceiptService {
  /**
   * Takes a place for a write that is to wait, before it is written. Throws LatticeError `too-many-replicas` where there
   * are fewer other writers than are asked for, `invalid-receipt` for numbers out of range, and `overloaded` while all
   * places are taken.
   */
  reserve(wish: ReceiptWish): ReceiptPlace;
}
