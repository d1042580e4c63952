import { malformed } from '../cbor/reader.ts';
import { type Bytes, type Hasher, type Header, MAX_OPERATIONS } from '../types/index.ts';
import { leafHashInto } from './ops-tree.ts';

const HASH_BYTES = 32;
const INNER_TAG = 1;

/**
 * What was found right of the tree over a commit's operations (`OpsTree`): of each operation that was checked, the
 * nodes on its path and those beside it. A node is known only together with the one beside it and all above them.
 */
export interface CheckedPaths {
  /** The hashes of all nodes, (2·count − 1) × 32 bytes; of nodes that are not known, anything. */
  readonly hashes: Bytes;
  /** 1 for each node that is known. */
  readonly isKnown: Bytes;
}

/** Knows the root of a commit with this header. */
export function createCheckedPaths({ count, opsRoot }: Pick<Header, 'count' | 'opsRoot'>): CheckedPaths {
  const nodes = 2 * count - 1;
  const paths = { hashes: new Uint8Array(nodes * HASH_BYTES), isKnown: new Uint8Array(nodes) };
  paths.hashes.set(opsRoot);
  paths.isKnown[0] = 1;
  return paths;
}

const MAX_DEPTH = 32 - Math.clz32(MAX_OPERATIONS - 1);
/** For each step from the root down to one operation: the node above, the one beside, and whether it is the right one. */
const above = new Int32Array(MAX_DEPTH);
const beside = new Int32Array(MAX_DEPTH);
const isRight = new Uint8Array(MAX_DEPTH);
const own = new Uint8Array(HASH_BYTES);
const inner = new Uint8Array(1 + 2 * HASH_BYTES);
inner[0] = INNER_TAG;

function isSame(a: Bytes, atA: number, b: Bytes, atB: number): boolean {
  let same = 0;
  while (same < HASH_BYTES && a[atA + same] === b[atB + same]) same++;
  return same === HASH_BYTES;
}

function copy(from: Bytes, atFrom: number, to: Bytes, atTo: number): void {
  for (let i = 0; i < HASH_BYTES; i++) to[atTo + i] = from[atFrom + i] as number;
}

/**
 * Whether `operation` is the one at `index` of the commit, by a proof that `treeProof` makes for one index. Says the
 * same as `singleRootInto` and the header's root, and hashes only what no operation before has shown. LatticeError
 * `malformed` for a proof of another size.
 */
export function isOfCommit(
  { hashes, isKnown }: CheckedPaths,
  index: number,
  operation: Bytes,
  proof: Bytes,
  hasher: Hasher,
): boolean {
  const count = (isKnown.length + 1) / 2;
  if (!(Number.isInteger(index) && index >= 0 && index < count))
    throw malformed(`index ${index} of a commit with ${count} operations`);
  let depth = 0;
  let lefts = 0;
  let node = 0;
  let low = 0;
  for (let size = count; size > 1; depth++) {
    const k = 1 << (31 - Math.clz32(size - 1)); // the largest power of two below size
    above[depth] = node;
    const right = index >= low + k;
    isRight[depth] = right ? 1 : 0;
    beside[depth] = node + (right ? 1 : 2 * k);
    node += right ? 2 * k : 1;
    if (right) low += k;
    if (right) lefts++;
    size = right ? size - k : k;
  }
  if (proof.length !== depth * HASH_BYTES)
    throw malformed(`a proof of ${depth} hashes has ${proof.length} bytes, ${HASH_BYTES} each`);
  const leaf = node;
  leafHashInto(operation, hasher, own, 0);
  // In a proof, left parts stand first, from the top down, and right parts after them, from the bottom up.
  let leftAt = lefts - 1;
  let rightAt = lefts;
  let step = depth - 1;
  for (; isKnown[node] === 0; step--) {
    const other = HASH_BYTES * (isRight[step] === 1 ? leftAt-- : rightAt++);
    copy(own, 0, hashes, node * HASH_BYTES);
    copy(proof, other, hashes, (beside[step] as number) * HASH_BYTES);
    copy(own, 0, inner, isRight[step] === 1 ? 1 + HASH_BYTES : 1);
    copy(proof, other, inner, isRight[step] === 1 ? 1 : 1 + HASH_BYTES);
    hasher.hashInto(inner, own, 0);
    node = above[step] as number;
  }
  if (!isSame(own, 0, hashes, node * HASH_BYTES)) return false;
  // Above what is known, only the proof itself may be wrong.
  const top = node;
  for (; step >= 0; step--) {
    const other = HASH_BYTES * (isRight[step] === 1 ? leftAt-- : rightAt++);
    if (!isSame(proof, other, hashes, (beside[step] as number) * HASH_BYTES)) return false;
  }
  for (step = depth - 1, node = leaf; node !== top; step--) {
    isKnown[node] = 1;
    isKnown[beside[step] as number] = 1;
    node = above[step] as number;
  }
  return true;
}
