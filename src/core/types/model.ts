import type { Author, Bytes, CommitId, Hlc } from './bytes.ts';
import type { JsonValue } from './json.ts';

/** One event of one author: the pair that a context covers. */
export interface Dot {
  readonly author: Author;
  readonly hlc: Hlc;
}

/** A version vector: for each author the greatest HLC seen. Sorted by author, each author once. */
export type Context = readonly Dot[];

/** put or delete of one key, with the context its author had seen for that key (author's own dots implied). */
export interface Operation {
  readonly kind: 'put' | 'delete';
  readonly key: string;
  /** Present exactly when kind is 'put'. */
  readonly value?: JsonValue;
  readonly context: Context;
}

/** The signed part of a commit (SPEC: header). */
export interface Header {
  readonly version: number;
  readonly network: string;
  readonly author: Author;
  readonly hlc: Hlc;
  /** Number of operations in the whole commit, 1…MAX_OPERATIONS. */
  readonly count: number;
  /** RFC 9162 Merkle tree hash over the operations' bytes, in order. 32 bytes. */
  readonly opsRoot: Bytes;
}

/** An operation of a fragment: its place in the commit, its exact bytes, and what they say. */
export interface FragmentOperation {
  readonly index: number;
  readonly bytes: Bytes;
  readonly operation: Operation;
}

/**
 * A commit, or some of its operations with the hashes that prove they belong to it. A whole commit is the
 * fragment that holds every operation (and no hashes). Byte fields are exactly the bytes received.
 */
export interface Fragment {
  readonly id: CommitId;
  /** The 32 bytes of `id`. */
  readonly idBytes: Bytes;
  readonly header: Header;
  readonly headerBytes: Bytes;
  /** 64 bytes, Ed25519 over COMMIT_DOMAIN ‖ headerBytes. */
  readonly signature: Bytes;
  /** In increasing index, at least one. */
  readonly operations: readonly FragmentOperation[];
  /** Hashes of the maximal subtrees without any of `operations`, left to right. */
  readonly proof: readonly Bytes[];
}

/** An undominated operation of a key, self-contained: it verifies without any other record. */
export interface Sibling {
  readonly commit: Bytes;
  readonly index: number;
  readonly author: Author;
  readonly hlc: Hlc;
  readonly operation: Operation;
  readonly operationBytes: Bytes;
  readonly headerBytes: Bytes;
  readonly signature: Bytes;
  /** Proof hashes of this single operation within its commit (the fragment form with one index). */
  readonly proof: readonly Bytes[];
}

/** All undominated operations of a key, winner first: greatest (hlc, author, commit id, index). Never empty. */
export interface Entry {
  readonly key: string;
  readonly siblings: readonly Sibling[];
}
