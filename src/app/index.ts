export { type CheckProofOptions, checkProof } from './check-proof.ts';
export { generateNodeKey, type NodeKey } from './node-key.ts';
export { type StartedNode, type StartOptions, startNode } from './start-node.ts';
