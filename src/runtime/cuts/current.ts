import type { LeafRef, MerkleTree } from '../../core/merkle/index.ts';
import type { LiveCells } from '../../core/reconcile/index.ts';
import type { Bytes } from '../../core/types/index.ts';

/**
 * The newest cut, as the trailing tree holds it, until the next await: ask inside `writer.read`, where tree and store
 * agree, and copy what is to be kept.
 */
export interface CurrentCut {
  /** Unix ms: the state made of the operations with an HLC of at most this many milliseconds. */
  readonly at: number;
  readonly root: Bytes;
  readonly entries: number;
  readonly tree: MerkleTree;
  /** Coded symbols of `tree`. */
  readonly cells: LiveCells;
  /** Whether the key has operations later than the cut: then its live entry is not what it was at the cut. */
  isPending(keyHash: Bytes): boolean;
  /** Key hashes of all pending keys, in no order. */
  pendingKeys(): Iterable<Bytes>;
  /**
   * What the leaf at the cut of a pending key consists of; undefined for a key that is not pending or was not there
   * yet.
   */
  refsOf(keyHash: Bytes): readonly LeafRef[] | undefined;
  /** The quorum certificate of exactly this root, once there is one. */
  readonly certificate?: Bytes;
}
