import type { Author, Bytes, CommitId, Hlc } from './bytes.ts';
import type { JsonValue } from './json.ts';

/** An author and an HLC, which together name what that author wrote at that time. */
export interface Dot {
  readonly author: Author;
  readonly hlc: Hlc;
}

/** A version vector: for each author the greatest HLC seen. It is sorted by author and has each author once. */
export type Context = readonly Dot[];

/**
 * The put or the delete of one key, with what its author had seen of that key. The author's own dots are implied and
 * are not in the context.
 */
export interface Operation {
  readonly kind: 'put' | 'delete';
  readonly key: string;
  /** It is there exactly when `kind` is 'put'. */
  readonly value?: JsonValue;
  readonly context: Context;
  /** Of a put that ends: the Unix ms from which on it is as good as deleted. Only headers of version 2 have such puts. */
  readonly expires?: number;
}

/** The signed part of a commit (SPEC H1). */
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

/** An operation of a fragment: its index in the commit, its exact bytes, and what they say. */
export interface FragmentOperation {
  readonly index: number;
  readonly bytes: Bytes;
  readonly operation: Operation;
}

/**
 * A commit, or some of its operations with the hashes that prove that they belong to it. A whole commit is the fragment
 * that has every operation, and no hashes. Byte fields are exactly the bytes received.
 */
export interface Fragment {
  readonly id: CommitId;
  /** The 32 bytes of `id`. */
  readonly idBytes: Bytes;
  readonly header: Header;
  readonly headerBytes: Bytes;
  /** 64 bytes, Ed25519 over COMMIT_DOMAIN ‖ headerBytes. */
  readonly signature: Bytes;
  /** At least one, in the order of their indices. */
  readonly operations: readonly FragmentOperation[];
  /** Hashes of the maximal subtrees that have none of `operations`, 32 bytes each, one after another from left to right. */
  readonly proof: Bytes;
}

/** An operation of a key that no other operation supersedes, with everything that it takes to verify it. */
export interface Sibling {
  /** The id of the commit, 32 bytes. `index` is the index of the operation in that commit. */
  readonly commit: Bytes;
  readonly index: number;
  readonly author: Author;
  readonly hlc: Hlc;
  readonly operation: Operation;
  readonly operationBytes: Bytes;
  readonly headerBytes: Bytes;
  readonly signature: Bytes;
  /** The hashes that prove that this one operation belongs to the commit, as in a fragment with one index. */
  readonly proof: Bytes;
}

/**
 * A key with all its siblings, winner first: greatest (HLC, author, commit id, index). There is at least one sibling.
 */
export interface Entry {
  readonly key: string;
  readonly siblings: readonly Sibling[];
}
