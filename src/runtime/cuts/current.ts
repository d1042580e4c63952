import type { LeafRef, MerkleTree } from '../../core/merkle/index.ts';
import type { LiveCells } from '../../core/reconcile/index.ts';
import type { Bytes } from '../../core/types/index.ts';

/**
 * The newest cut, as the trailing tree has it. It holds good until the next await only: read it inside `writer.read`,
 * where the tree and the store agree, and copy what is to be kept.
 */
export interface CurrentCut {
  /** The time of the cut in Unix ms: the state is made of the operations with an HLC of at most this. */
  readonly at: number;
  readonly root: Bytes;
  readonly entries: number;
  readonly tree: MerkleTree;
  /** Coded symbols of `tree`. */
  readonly cells: LiveCells;
  /** Whether the key has operations later than the cut. Then its present entry is not what it was at the cut. */
  isPending(keyHash: Bytes): boolean;
  /** The key hashes of all pending keys, in no particular order. */
  pendingKeys(): Iterable<Bytes>;
  /**
   * What the leaf of a pending key consists of at the cut. Undefined for a key that is not pending, or that was not in
   * the state at the cut.
   */
  refsOf(keyHash: Bytes): readonly LeafRef[] | undefined;
  /** The certificate of exactly this root, if there is one. */
  readonly certificate?: Bytes;
}
