export * from './about.ts';
export * from './announcement.ts';
export * from './attestation.ts';
export * from './cells.ts';
export type { Difference, HashPrefix, LeafDigest, SubtreeDigests } from './differences.ts';
export * from './entry.ts';
export * from './envelope.ts';
export {
  type CommitRequest,
  contextFault,
  createCommit,
  decodeFragment,
  encodeFragment,
  pickOperations,
} from './fragment.ts';
export * from './gossip.ts';
export * from './head.ts';
export * from './header.ts';
export type { Hello } from './hello.ts';
export * from './key-hash.ts';
export {
  authorToBytes,
  decodeOperation,
  encodeOperation,
  type PreparedOperation,
  prepareOperation,
} from './operation.ts';
export { operationLeafHash, opsRoot, proveOperations, rootFromOperations } from './ops-tree.ts';
export * from './receipts.ts';
export * from './roster.ts';
export * from './siblings.ts';
export * from './snapshot.ts';
export * from './sync.ts';
export { KEY_PREFIX_BYTES, MAX_ENTRY_FRAGMENTS, type PushVerdict } from './transfer.ts';
export * from './vault.ts';
