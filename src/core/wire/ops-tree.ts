import { malformed } from '../cbor/reader.ts';
import { type Bytes, type Hasher, MAX_OPERATIONS } from '../types/index.ts';

const HASH_BYTES = 32;
const LEAF_TAG = 0;
const INNER_TAG = 1;

/**
 * The Merkle tree over a commit's operations (RFC 9162 §2.1.1: leaf = H(0x00 ‖ op), inner = H(0x01 ‖ left ‖ right),
 * split at the largest power of two below the size). Nodes stand in pre-order: the root is node 0, the left child of
 * node p is p+1, and the right child is p+2k, where k is the size of the left part. A tree that was built from a part
 * of the operations has only the nodes that these and their proof determine.
 */
export interface OpsTree {
  readonly count: number;
  /** The hashes of all nodes, (2·count − 1) × 32 bytes. */
  readonly hashes: Bytes;
}

interface Visitor {
  /** Called for each maximal subtree without any chosen operation. */
  skipped(node: number): void;
  /** Called for the `nth` chosen operation. */
  leaf(node: number, nth: number): void;
  /** Called for an inner node, after both of its parts. */
  inner?(node: number, left: number, right: number): void;
}

function createTree(count: number): OpsTree {
  return { count, hashes: new Uint8Array((2 * count - 1) * HASH_BYTES) };
}

function nodeHash(tree: OpsTree, node: number): Bytes {
  return tree.hashes.subarray(node * HASH_BYTES, (node + 1) * HASH_BYTES);
}

/**
 * Walks top down and from left to right, and never into a subtree without a chosen operation. `indices` strictly
 * increase and lie below `count`.
 */
function visit(count: number, indices: readonly number[], visitor: Visitor): void {
  let nth = 0;
  const walk = (node: number, low: number, size: number): void => {
    const next = indices[nth];
    if (next === undefined || next >= low + size) {
      visitor.skipped(node);
    } else if (size === 1) {
      visitor.leaf(node, nth++);
    } else {
      const k = 1 << (31 - Math.clz32(size - 1)); // the largest power of two below size
      walk(node + 1, low, k);
      walk(node + 2 * k, low + k, size - k);
      visitor.inner?.(node, node + 1, node + 2 * k);
    }
  };
  walk(0, 0, count);
}

function checkIndices(count: number, indices: readonly number[]): void {
  if (count < 1 || count > MAX_OPERATIONS)
    throw malformed(`a commit has 1 to ${MAX_OPERATIONS} operations, not ${count}`);
  if (indices.length === 0) throw malformed('no operation is chosen');
  let before = -1;
  for (const index of indices) {
    if (!Number.isInteger(index) || index <= before || index >= count)
      throw malformed('indices must strictly increase and lie below the count');
    before = index;
  }
}

function innerHasher(tree: OpsTree, hasher: Hasher): NonNullable<Visitor['inner']> {
  const scratch = new Uint8Array(1 + 2 * HASH_BYTES);
  scratch[0] = INNER_TAG;
  return (node, left, right) => {
    scratch.set(nodeHash(tree, left), 1);
    scratch.set(nodeHash(tree, right), 1 + HASH_BYTES);
    hasher.hashInto(scratch, tree.hashes, node * HASH_BYTES);
  };
}

/**
 * Memory in which operations up to this size are put together with their tag, because allocating costs more than
 * hashing.
 */
const leafScratch = new Uint8Array(2048);

/** Writes the hash of one operation as a leaf, H(0x00 ‖ bytes). */
export function leafHashInto(operation: Bytes, hasher: Hasher, out: Bytes, offset: number): void {
  const length = 1 + operation.length;
  const tagged = length <= leafScratch.length ? leafScratch.subarray(0, length) : new Uint8Array(length);
  tagged[0] = LEAF_TAG;
  tagged.set(operation, 1);
  hasher.hashInto(tagged, out, offset);
}

/** The proof of all operations of a commit. */
export const NO_PROOF: Bytes = new Uint8Array();

/** Hands out proof hashes in order. `finish` throws when some are left over. */
function proofHashes(proof: Bytes): { next(): Bytes; finish(): void } {
  let used = 0;
  return {
    next() {
      if (used + HASH_BYTES > proof.length) throw malformed('the proof lacks hashes');
      return proof.subarray(used, (used += HASH_BYTES));
    },
    finish() {
      if (used !== proof.length) throw malformed('the proof has hashes left over');
    },
  };
}

/** The hash of one operation as a leaf: H(0x00 ‖ bytes). */
export function operationLeafHash(operation: Bytes, hasher: Hasher): Bytes {
  const out = new Uint8Array(HASH_BYTES);
  leafHashInto(operation, hasher, out, 0);
  return out;
}

/**
 * The tree that the operations at `indices` and the hashes of the maximal subtrees without them determine. The root is
 * computed, not checked. LatticeError `malformed` when indices are out of order or range, or when hashes are missing or
 * left over.
 */
export function treeFromOperations(
  count: number,
  indices: readonly number[],
  operations: readonly Bytes[],
  proof: Bytes,
  hasher: Hasher,
): OpsTree {
  checkIndices(count, indices);
  if (operations.length !== indices.length)
    throw malformed(`${operations.length} operations for ${indices.length} indices`);
  const tree = createTree(count);
  const hashes = proofHashes(proof);
  visit(count, indices, {
    skipped: (node) => nodeHash(tree, node).set(hashes.next()),
    leaf: (node, nth) => leafHashInto(operations[nth] as Bytes, hasher, tree.hashes, node * HASH_BYTES),
    inner: innerHasher(tree, hasher),
  });
  hashes.finish();
  return tree;
}

/** A tree without hashes, into which `putSingleProof` writes those of proofs. */
export function emptyTree(count: number): OpsTree {
  return createTree(count);
}

/**
 * Writes the hashes of the proof of the one operation at `index` into the tree. LatticeError `malformed` when their
 * number is wrong.
 */
export function putSingleProof(tree: OpsTree, index: number, proof: Bytes): void {
  checkIndices(tree.count, [index]);
  const hashes = proofHashes(proof);
  visit(tree.count, [index], { skipped: (node) => nodeHash(tree, node).set(hashes.next()), leaf: () => undefined });
  hashes.finish();
}

/** A copy of the root's hash. */
export function treeRoot(tree: OpsTree): Bytes {
  return nodeHash(tree, 0).slice();
}

/** The proof of the operations at `indices`, from a tree that was built from operations which include them all. */
export function treeProof(tree: OpsTree, indices: readonly number[]): Bytes {
  checkIndices(tree.count, indices);
  const nodes: number[] = [];
  visit(tree.count, indices, { skipped: (node) => nodes.push(node), leaf: () => undefined });
  const proof = new Uint8Array(nodes.length * HASH_BYTES);
  nodes.forEach((node, i) => proof.set(nodeHash(tree, node), i * HASH_BYTES));
  return proof;
}

/**
 * What `treeProof` finds for each of `indices` alone, without its bookkeeping, because every stored operation carries
 * such a proof. All of them are views of one buffer.
 */
export function singleProofs(tree: OpsTree, indices: readonly number[]): Bytes[] {
  const { count, hashes } = tree;
  const all = new Uint8Array(indices.length * depthOf(count) * HASH_BYTES);
  let end = 0;
  return indices.map((index) => {
    checkIndices(count, [index]);
    const start = end;
    let depth = 0;
    let node = 0;
    let low = 0;
    for (let size = count; size > 1; depth++) {
      const k = 1 << (31 - Math.clz32(size - 1));
      const isLeft = index < low + k;
      beside[depth] = node + (isLeft ? 2 * k : 1);
      if (isLeft) {
        isRight[depth] = 1;
        node += 1;
        size = k;
      } else {
        isRight[depth] = 0;
        node += 2 * k;
        low += k;
        size -= k;
      }
    }
    const put = (step: number): void => {
      const from = (beside[step] as number) * HASH_BYTES;
      for (let i = 0; i < HASH_BYTES; i++) all[end + i] = hashes[from + i] as number;
      end += HASH_BYTES;
    };
    // In a proof, left parts stand first, from the top down, and right parts after them, from the bottom up.
    for (let step = 0; step < depth; step++) if (isRight[step] === 0) put(step);
    for (let step = depth - 1; step >= 0; step--) if (isRight[step] === 1) put(step);
    return all.subarray(start, end);
  });
}

/** How many hashes the proof of one of `count` operations has at most. */
const depthOf = (count: number): number => (count <= 1 ? 0 : 32 - Math.clz32(count - 1));
const MAX_DEPTH = depthOf(MAX_OPERATIONS);
/** For each step down to one operation, the node beside it and whether that is the right one. */
const beside = new Int32Array(MAX_DEPTH);
const isRight = new Uint8Array(MAX_DEPTH);

/** The input of an inner node's hash while a single path is climbed. */
const innerScratch = new Uint8Array(1 + 2 * HASH_BYTES);

/**
 * Writes into the first 32 bytes of `out` the root that a commit has if `operation` is the one at `index` and `proof`
 * (as `treeProof` makes it for one index) is right. The root is that of `rootFromOperations`, computed without a tree.
 * LatticeError `malformed`.
 */
export function singleRootInto(
  count: number,
  index: number,
  operation: Bytes,
  proof: Bytes,
  hasher: Hasher,
  out: Bytes,
): void {
  checkIndices(count, [index]);
  // From the top down: bit i of `turns` is set where step i goes to the right part.
  let turns = 0;
  let depth = 0;
  let lefts = 0;
  let low = 0;
  for (let size = count; size > 1; depth++) {
    const k = 1 << (31 - Math.clz32(size - 1));
    if (index < low + k) size = k;
    else {
      turns |= 1 << depth;
      lefts++;
      low += k;
      size -= k;
    }
  }
  if (proof.length !== depth * HASH_BYTES)
    throw malformed(`a proof of ${depth} hashes has ${proof.length} bytes, ${HASH_BYTES} each`);
  leafHashInto(operation, hasher, out, 0);
  innerScratch[0] = INNER_TAG;
  // In the proof, left parts stand first, from the top down, and right parts after them, from the bottom up.
  let left = lefts - 1;
  let right = lefts;
  for (let step = depth - 1; step >= 0; step--) {
    const turned = (turns >>> step) & 1;
    const other = HASH_BYTES * (turned === 1 ? left-- : right++);
    const otherAt = turned === 1 ? 1 : 1 + HASH_BYTES;
    const ownAt = turned === 1 ? 1 + HASH_BYTES : 1;
    for (let i = 0; i < HASH_BYTES; i++) {
      innerScratch[otherAt + i] = proof[other + i] as number;
      innerScratch[ownAt + i] = out[i] as number;
    }
    hasher.hashInto(innerScratch, out, 0);
  }
}

function allIndices(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

/**
 * The Merkle tree hash of RFC 9162 §2.1.1 over 1 to MAX_OPERATIONS operations (SPEC H3). LatticeError `malformed` for
 * another number.
 */
export function opsRoot(operations: readonly Bytes[], hasher: Hasher): Bytes {
  return treeRoot(treeFromOperations(operations.length, allIndices(operations.length), operations, NO_PROOF, hasher));
}

/**
 * The proof that the operations at `indices` (strictly increasing) belong to the commit with these leaf hashes: the
 * hashes of the maximal subtrees without any of them, top down and from left to right (SPEC F2). The proof of all
 * operations has no hash, and that of one at most 8. LatticeError `malformed` for bad indices.
 */
export function proveOperations(leafHashes: readonly Bytes[], indices: readonly number[], hasher: Hasher): Bytes {
  const count = leafHashes.length;
  checkIndices(count, indices);
  const tree = createTree(count);
  visit(count, allIndices(count), {
    skipped: () => undefined,
    leaf: (node, nth) => nodeHash(tree, node).set(leafHashes[nth] as Bytes),
    inner: innerHasher(tree, hasher),
  });
  return treeProof(tree, indices);
}

/**
 * The root that a commit of `count` operations has if these are the ones at `indices` and `proof` is right.
 * LatticeError `malformed`.
 */
export function rootFromOperations(
  count: number,
  indices: readonly number[],
  operations: readonly Bytes[],
  proof: Bytes,
  hasher: Hasher,
): Bytes {
  return treeRoot(treeFromOperations(count, indices, operations, proof, hasher));
}
