import type { JsonValue } from '../../core/types/index.ts';

/** One key as readers see it: the winning sibling. Text forms as in JSON answers. */
export interface EntryView {
  readonly key: string;
  readonly value: JsonValue;
  /** `<commit id>.<index>`: the ETag. */
  readonly version: string;
  readonly author: string;
  /** 16 hex digits. */
  readonly hlc: string;
  readonly commit: string;
  readonly index: number;
  /** Number of other siblings; absent when there are none. */
  readonly conflicts?: number;
}

/** One sibling of a key in conflict. `deleted` siblings have no value. */
export interface SiblingView {
  readonly version: string;
  readonly author: string;
  readonly hlc: string;
  readonly deleted: boolean;
  readonly value?: JsonValue;
}

export interface ConflictView {
  readonly key: string;
  /** The winner first, the same order on every node. */
  readonly siblings: readonly SiblingView[];
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Pass as `cursor` for the next page; absent on the last. */
  readonly cursor?: string;
}

export interface WriteOperation {
  readonly op: 'put' | 'delete';
  readonly key: string;
  readonly value?: JsonValue;
  /**
   * A version, or several of which one must be current, or '*' for "exists". Otherwise the write fails with code
   * `precondition-failed`.
   */
  readonly ifMatch?: string | readonly string[];
  /** '*': only if the key does not exist. A version, or several: only if none of them is current. */
  readonly ifNoneMatch?: string | readonly string[];
  /** A delete of an absent key fails with `not-found` when true; else it writes a tombstone. */
  readonly mustExist?: boolean;
}

export interface WriteResult {
  readonly commit: string;
  readonly hlc: string;
  readonly results: readonly { readonly key: string; readonly version: string; readonly created: boolean }[];
  /** An earlier write under the same idempotency key: this call wrote nothing. */
  readonly replayed?: true;
}

/** What readers were shown under a key at some time. */
export interface HistoryItem {
  readonly version: string;
  /** Author, clock (16 hex digits) and its time (Unix ms) are absent where neither the journal nor a sibling tells. */
  readonly author?: string;
  readonly hlc?: string;
  readonly at?: number;
  readonly deleted: boolean;
  /** Local sequence since which it was shown; absent where the journal does not tell. */
  readonly sequence?: number;
  /** What readers see now. */
  readonly current: boolean;
  /** Only where it is still held. */
  readonly value?: JsonValue;
}

export interface HistoryPage {
  readonly key: string;
  /** The present siblings first, the winner at the head; then what they replaced, newest first. */
  readonly items: readonly HistoryItem[];
  /** There is nothing older. */
  readonly complete: boolean;
  readonly cursor?: string;
}

/** An auditor's file: everything needed to check one key against a root offline. Byte fields are base64url. */
export interface ProofDocument {
  readonly format: 'diotec360-lattice-proof/1';
  readonly key: string;
  readonly kind: 'present' | 'deleted' | 'absent';
  readonly root: string;
  readonly network: string;
  /** The binary Merkle proof of SPEC.md. */
  readonly merkle: string;
  /** The sibling operations as fragments (header, signature, operation, path), winner first; empty when absent. */
  readonly fragments: readonly string[];
  /** The serving node's signed head naming this root; absent where there is a certificate. */
  readonly head?: string;
  /** A quorum's certificate of this root: the root is that of a cut. */
  readonly certificate?: string;
  readonly value?: JsonValue;
}
