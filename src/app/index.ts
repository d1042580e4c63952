export { checkProof } from './check-proof.ts';
export type { EmbeddedAudit } from './embedded-audit.ts';
export type { EmbeddedCall, EmbeddedPage } from './embedded-call.ts';
export type { EmbeddedInvitations } from './embedded-invitations.ts';
export type { EmbeddedLattice } from './embedded-lattice.ts';
export type { EmbeddedMembers } from './embedded-members.ts';
export type { EmbeddedSetAside } from './embedded-set-aside.ts';
export type { SubscribeOptions } from './embedded-state.ts';
export type { EmbeddedTokens } from './embedded-tokens.ts';
export type { EmbeddedPutOptions, EmbeddedVault } from './embedded-vault.ts';
export type { Logger, LoggerOption, NodeLogLine } from './logger.ts';
export { generateNodeKey, type NodeKey } from './node-key.ts';
export { startNode } from './start-node.ts';
export type {
  ConfigOption,
  ServingNode,
  StartExtras,
  StartedNode,
  StartOptions,
  StartSettings,
} from './started-node.ts';
export { settleVaultDisk } from './vault-disk.ts';
