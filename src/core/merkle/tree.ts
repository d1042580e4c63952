import type { Bytes, Hasher } from '../types/index.ts';
import type { LeafDigest } from '../wire/index.ts';
import {
  type ChildDigests,
  childDigests,
  countUnder,
  eachLeaf,
  leafPage,
  leavesUnder,
  subtreeHashes,
} from './digests.ts';
import { bitAt, emptyRoot, KEY_BITS, requireHash } from './leaf.ts';
import { BIT, BIT_MASK, COUNT, DIRTY, LEFT, Nodes, STRIDE } from './nodes.ts';
import type { MerklePath, ProofStep } from './proof.ts';
import { removeLeaf } from './remove.ts';

/**
 * The Merkle tree of a state: a binary radix trie over 256-bit key hashes, path-compacted (a crit-bit tree), so its
 * shape and root depend on the leaves alone and not on the order in which they came (SPEC T5). The leaf of a deleted
 * key stays, made of its tombstones; only what should never have been taken in is removed.
 *
 * The tree owns its memory: bytes given to it are copied, and bytes that it returns are copies. The calls that need
 * hashes recompute them, each changed node once, however many leaves below it have changed.
 */
export interface MerkleTree {
  /** Number of leaves. */
  readonly size: number;
  /**
   * Inserts a leaf or replaces its hash; both are 32 bytes, else RangeError. True when there was a leaf: its hash is
   * then written to `before`, if given, so that a caller who needs it does not walk the tree twice.
   */
  set(keyHash: Bytes, leafHash: Bytes, before?: Bytes): boolean;
  /** Takes a leaf out and writes its hash to `before`. False when there is none. */
  remove(keyHash: Bytes, before: Bytes): boolean;
  /** The leaf hash of a key hash, or undefined when there is no leaf. */
  get(keyHash: Bytes): Bytes | undefined;
  /** The root: 32 bytes. */
  root(): Bytes;
  /** The path from the leaf that the key hash leads to, up to the root; `pathToProof` makes a proof of it. */
  path(keyHash: Bytes): MerklePath;
  /**
   * Digests of the 16 subtrees one nibble below a prefix. `bits` 0…252, `prefix` at least ceil(bits / 8) bytes, of
   * which only the first `bits` bits count; RangeError otherwise (here and below).
   */
  childDigests(prefix: Bytes, bits: number): ChildDigests;
  /** Number of leaves under a prefix of 0…256 bits. */
  countUnder(prefix: Bytes, bits: number): number;
  /**
   * At most `limit` leaves under a prefix, ascending by key hash: the first ones, or the first ones greater than
   * `after`.
   */
  leavesUnder(prefix: Bytes, bits: number, limit: number, after?: Bytes): LeafDigest[];
  /** Every leaf under a prefix, ascending: key hash ‖ leaf hash, 64 bytes each. */
  leafPage(prefix: Bytes, bits: number): Bytes;
  /**
   * Every leaf under a prefix, ascending, greater than `after` where that is given. The tree may change between two
   * steps; leaves then come from the tree as it is at that step.
   */
  eachLeaf(prefix: Bytes, bits: number, after?: Bytes): Generator<LeafDigest, void, undefined>;
  /**
   * For each of the 2^bits prefixes of `bits` bits (0…16, else RangeError), ascending, 32 bytes: the hash of the node
   * that covers exactly the leaves under it, zero when there are none.
   */
  subtreeHashes(bits: number): Bytes;
  /** A copy that changes on its own: a copy of memory, 112 bytes a leaf. */
  copy(): MerkleTree;
}

/**
 * An empty tree. `capacity` is the number of leaves to make room for at once, 112 bytes each; the tree grows by
 * doubling.
 */
export function createMerkleTree(hasher: Hasher, options: { capacity?: number } = {}): MerkleTree {
  return treeOfNodes(new Nodes(hasher, options.capacity), hasher);
}

/** The tree over nodes that are linked already (see the loader). The caller must not use the nodes afterwards. */
export function treeOfNodes(nodes: Nodes, hasher: Hasher): MerkleTree {
  const empty = emptyRoot(hasher);
  const route = new Int32Array(KEY_BITS);

  /**
   * Marks the first `depth` nodes of the route dirty, from below. It ends at a dirty node, above which all are dirty.
   */
  function touch(depth: number): void {
    const { links } = nodes;
    for (let i = depth - 1; i >= 0; i--) {
      const at = (route[i] as number) * STRIDE + BIT;
      const bit = links[at] as number;
      if ((bit & DIRTY) !== 0) return;
      links[at] = bit | DIRTY;
    }
  }

  /**
   * Links a new leaf and its inner node, which branches at `bit`, into the route of a walk that ended at leaf `near`.
   */
  function insert(keyHash: Bytes, leafHash: Bytes, near: number, depth: number, bit: number): void {
    const added = nodes.addLeaf(keyHash, leafHash);
    const { links } = nodes;
    let above = depth;
    while (above > 0 && ((links[(route[above - 1] as number) * STRIDE + BIT] as number) & BIT_MASK) > bit) above--;
    const below = above === depth ? ~near : (route[above] as number);
    const at = added * STRIDE;
    const side = bitAt(keyHash, bit);
    links[at + LEFT + side] = ~added;
    links[at + LEFT + 1 - side] = below;
    links[at + COUNT] = nodes.countOf(below) + 1;
    links[at + BIT] = bit | DIRTY;
    for (let i = 0; i < above; i++) {
      const count = (route[i] as number) * STRIDE + COUNT;
      links[count] = (links[count] as number) + 1;
    }
    if (above === 0) nodes.root = added;
    else {
      const parent = (route[above - 1] as number) * STRIDE;
      links[parent + LEFT + bitAt(keyHash, (links[parent + BIT] as number) & BIT_MASK)] = added;
    }
    touch(above);
  }

  return {
    get size() {
      return nodes.size;
    },

    set(keyHash, leafHash, before) {
      requireHash(keyHash, 'key hash');
      requireHash(leafHash, 'leaf hash');
      if (nodes.size === 0) {
        nodes.root = ~nodes.addLeaf(keyHash, leafHash);
        return false;
      }
      const { leaf, depth } = nodes.walk(nodes.root, keyHash, route);
      const bit = nodes.firstDifference(keyHash, leaf);
      if (bit !== KEY_BITS) {
        insert(keyHash, leafHash, leaf, depth, bit);
        return false;
      }
      if (before !== undefined) nodes.copyHash(~leaf, before);
      nodes.setLeafHash(leaf, leafHash);
      touch(depth);
      return true;
    },

    remove(keyHash, before) {
      requireHash(keyHash, 'key hash');
      if (nodes.size === 0) return false;
      const { leaf } = nodes.walk(nodes.root, keyHash, route);
      nodes.copyHash(~leaf, before);
      return removeLeaf(nodes, keyHash, route);
    },

    get(keyHash) {
      requireHash(keyHash, 'key hash');
      if (nodes.size === 0) return undefined;
      const { leaf } = nodes.walk(nodes.root, keyHash, route);
      return nodes.firstDifference(keyHash, leaf) === KEY_BITS ? nodes.hashOf(~leaf) : undefined;
    },

    root() {
      if (nodes.size === 0) return empty.slice();
      nodes.flush();
      return nodes.hashOf(nodes.root);
    },

    path(keyHash) {
      requireHash(keyHash, 'key hash');
      if (nodes.size === 0) return { kind: 'empty' };
      nodes.flush();
      const { leaf, depth } = nodes.walk(nodes.root, keyHash, route);
      const steps: ProofStep[] = [];
      for (let i = depth - 1; i >= 0; i--) {
        const at = (route[i] as number) * STRIDE;
        const bit = nodes.links[at + BIT] as number;
        steps.push({ bit, sibling: nodes.hashOf(nodes.links[at + LEFT + 1 - bitAt(keyHash, bit)] as number) });
      }
      return { kind: 'leaf', keyHash: nodes.keyOf(leaf), leafHash: nodes.hashOf(~leaf), steps };
    },

    childDigests(prefix, bits) {
      nodes.flush();
      return childDigests(nodes, prefix, bits);
    },
    countUnder: (prefix, bits) => countUnder(nodes, prefix, bits),
    leavesUnder: (prefix, bits, limit, after) => leavesUnder(nodes, prefix, bits, limit, after),
    leafPage: (prefix, bits) => leafPage(nodes, prefix, bits),
    eachLeaf: (prefix, bits, after) => eachLeaf(nodes, prefix, bits, after),
    subtreeHashes(bits) {
      nodes.flush();
      return subtreeHashes(nodes, bits);
    },
    copy: () => treeOfNodes(nodes.copy(), hasher),
  };
}
