export { type ChildDigests, DESCENT_BITS, DIGEST_BYTES } from './digests.ts';
export { emptyRoot, type LeafRef, leafHash, leafHashInto } from './leaf.ts';
export { createTreeLoader, type TreeLoader } from './load.ts';
export {
  decodeProof,
  encodeProof,
  type MerklePath,
  type MerkleProof,
  type ProofStep,
  pathToProof,
  verifyProof,
} from './proof.ts';
export { createMerkleTree, type MerkleTree } from './tree.ts';
