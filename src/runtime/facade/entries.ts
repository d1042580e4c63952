import type { JsonValue } from '../../core/types/index.ts';

/**
 * A key as readers see it, which is its winner. Versions, authors and commits are in the text forms of JSON answers.
 */
export interface EntryView {
  readonly key: string;
  readonly value: JsonValue;
  /** The version, `<commit id>.<operation index>`, which HTTP gives as the ETag. */
  readonly version: string;
  readonly author: string;
  /** 16 hex digits. */
  readonly hlc: string;
  readonly commit: string;
  readonly index: number;
  /** When it ends, Unix ms; absent where it has no end. */
  readonly expires?: number;
  /** Number of other siblings; absent when there are none. */
  readonly conflicts?: number;
}

/** A sibling of a key in conflict. It has no `value` when it is `deleted`, which one that has ended is too. */
export interface SiblingView {
  readonly version: string;
  readonly author: string;
  readonly hlc: string;
  readonly deleted: boolean;
  readonly value?: JsonValue;
  /** When it ends or has ended, Unix ms; absent where it has no end. */
  readonly expires?: number;
}

/**
 * An operation that this node has taken out of its state, because it came after the end of its author (SPEC RO17). It
 * has no `value` when it is `deleted`. Times are Unix ms.
 */
export interface DisplacedView {
  readonly key: string;
  readonly version: string;
  readonly author: string;
  /** What people read in place of the author. */
  readonly name: string;
  readonly hlc: string;
  readonly commit: string;
  /** When it was written, by the clock of its author. */
  readonly at: number;
  readonly deleted: boolean;
  readonly value?: JsonValue;
  /** The end of the author: nothing later counts. */
  readonly until: number;
  /** When it was taken out here. */
  readonly displacedAt: number;
}

export interface ConflictView {
  readonly key: string;
  /** The winner comes first; the order is the same on every node. */
  readonly siblings: readonly SiblingView[];
}

/** A key that has a value, or a deletion, of the author that was asked for. */
export interface AuthoredView extends ConflictView {
  /** The version of what that author wrote. It is one of the siblings. */
  readonly written: string;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** The `cursor` to pass for the next page; absent on the last page. A page before that may have no items. */
  readonly cursor?: string;
}

export interface WriteOperation {
  readonly op: 'put' | 'delete';
  readonly key: string;
  readonly value?: JsonValue;
  /**
   * When a put ends (SPEC EX1), Unix ms: later than the present and at most 253402300799999. From then on every node
   * shows the key as deleted. LatticeError `invalid-expiry` beyond these bounds, and `version-not-read` while a member
   * is not known to read such writes.
   */
  readonly expires?: number;
  /** The same as a span: how many whole seconds after it is written a put ends, 1 to 3,153,600,000. Not with `expires`. */
  readonly ttl?: number;
  /**
   * What the write presumes of the key: `'*'` that it exists, a version or several that its current version is one of
   * them. Where that does not hold, the write is rejected with LatticeError `precondition-failed`.
   */
  readonly ifMatch?: string | readonly string[];
  /**
   * The opposite: with `'*'` the write succeeds only if the key does not exist, with a version or several only if none
   * of them is current.
   */
  readonly ifNoneMatch?: string | readonly string[];
  /**
   * When true, the delete of an absent key is rejected with LatticeError `not-found`; otherwise that delete writes a
   * tombstone.
   */
  readonly mustExist?: boolean;
}

export interface WriteResult {
  readonly commit: string;
  readonly hlc: string;
  /**
   * The author who signed it, 64 hex digits. Absent where it is `replayed` from what an earlier version of this software
   * kept.
   */
  readonly author?: string;
  readonly results: readonly {
    readonly key: string;
    readonly version: string;
    readonly created: boolean;
    /** When what was written ends, Unix ms; absent where it has no end. */
    readonly expires?: number;
  }[];
  /** True: an earlier write under the same idempotency key has this result, and this call wrote nothing. */
  readonly replayed?: true;
}

/** A key that a batch changed, and its place among the changes of the batch. */
export interface ChangedKey {
  readonly key: string;
  readonly sequence: number;
  readonly place: number;
}

/** What readers were shown under a key for some time. */
export interface HistoryItem {
  readonly version: string;
  /**
   * Author, HLC (16 hex digits) and the HLC's wall time (Unix ms). All three are absent where neither the journal nor a
   * sibling tells them.
   */
  readonly author?: string;
  readonly hlc?: string;
  readonly at?: number;
  /** Whether it was a delete; of a present one, also whether it has ended. */
  readonly deleted: boolean;
  /** When a present one ends or has ended, Unix ms; absent where it has no end. */
  readonly expires?: number;
  /** The local sequence from which on it was shown; absent where the journal does not tell it. */
  readonly sequence?: number;
  /** Whether it is what the key shows at present. */
  readonly current: boolean;
  /** True: the key still has it beside the current one, because neither write had seen the other. */
  readonly concurrent?: true;
  /** Present only where the node still stores the value. */
  readonly value?: JsonValue;
}

export interface HistoryPage {
  readonly key: string;
  /** The siblings come first, with the winner at the head, then what they replaced, newest first. */
  readonly items: readonly HistoryItem[];
  /** True: the history has nothing older than these items. */
  readonly complete: boolean;
  readonly cursor?: string;
}

/**
 * Everything that is needed to check one key against a root offline, as one file for an auditor. Byte fields are
 * base64url.
 */
export interface ProofDocument {
  readonly format: 'diotec360-lattice-proof/1';
  readonly key: string;
  readonly kind: 'present' | 'deleted' | 'expired' | 'absent';
  readonly root: string;
  readonly network: string;
  /** The Merkle proof in the binary form of SPEC P1. */
  readonly merkle: string;
  /**
   * The operations of the siblings as fragments (SPEC F1: header, signature, operations, hashes), the winner first. The
   * list is empty for an absent key.
   */
  readonly fragments: readonly string[];
  /** The serving node's signed head that names this root; absent where there is a certificate. */
  readonly head?: string;
  /** A quorum's certificate of this root, which is then the root of a cut. */
  readonly certificate?: string;
  /** The certificates of the rosters from the pinned one on, base64url; absent where none was decided. */
  readonly rosters?: readonly string[];
  readonly value?: JsonValue;
}

/** A certificate as a node gives it out (SPEC Z5). */
export interface CertificateDocument {
  /** Unix ms. */
  readonly at: number;
  readonly certificate: string;
  /** The certificates of the rosters from the pinned one on, base64url; absent where none was decided. */
  readonly rosters?: readonly string[];
}
