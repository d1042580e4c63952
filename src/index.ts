export type { ReloadReport, ResourceView } from './api/index.ts';
export {
  type ConfigOption,
  checkProof,
  type EmbeddedAudit,
  type EmbeddedCall,
  type EmbeddedInvitations,
  type EmbeddedLattice,
  type EmbeddedMembers,
  type EmbeddedPage,
  type EmbeddedPutOptions,
  type EmbeddedSetAside,
  type EmbeddedTokens,
  type EmbeddedVault,
  generateNodeKey,
  type Logger,
  type LoggerOption,
  type NodeKey,
  type NodeLogLine,
  type ServingNode,
  type StartExtras,
  type StartedNode,
  type StartOptions,
  type StartSettings,
  type SubscribeOptions,
  startNode,
} from './app/index.ts';
export type { CheckProofOptions, ProofQuestion, ProofTrust, Proven, Trust } from './audit/index.ts';
export {
  type ApiSettings,
  type Config,
  type LoadOptions,
  loadConfig,
  type NodeSettings,
  type P2pSettings,
  type Problem,
} from './config/index.ts';
export { type Author, ERROR_CODES, type ErrorCode, type JsonValue, LatticeError } from './core/types/index.ts';
export type { Log } from './ports/index.ts';
export type {
  AttackRow,
  AuditKind,
  AuditRecord,
  AuditStats,
  AuditView,
  ExecutionRow,
} from './runtime/facade/audit.ts';
export type * from './runtime/facade/cleaning.ts';
export type * from './runtime/facade/codes.ts';
export type * from './runtime/facade/entries.ts';
export type * from './runtime/facade/events.ts';
export type * from './runtime/facade/floor.ts';
export type {
  InvitationStage,
  InvitationView,
  InvitationWish,
  JoinAnswer,
  JoinQuestion,
} from './runtime/facade/invitations.ts';
export type {
  ChangeAction,
  ChangeStage,
  ChangeView,
  EndingKind,
  GoneView,
  RosterMemberView,
  RosterView,
} from './runtime/facade/members.ts';
export type * from './runtime/facade/peers.ts';
export type { ReceiptNode, ReceiptView, ReceiptWish } from './runtime/facade/receipts.ts';
export type {
  AsideChoice,
  AsideCode,
  AsideStanding,
  AsideView,
  Recovered,
  RecoverWish,
} from './runtime/facade/set-aside.ts';
export type * from './runtime/facade/status.ts';
export type { Right, TokenView, TokenWish } from './runtime/facade/tokens.ts';
export type {
  VaultChecked,
  VaultCollection,
  VaultFetch,
  VaultObject,
  VaultPolicy,
  VaultStatus,
} from './runtime/facade/vault.ts';
export type * from './runtime/facade/verdict.ts';
export type { Change, Changes, ChangesOptions } from './runtime/streams/changes.ts';
export type { Stream } from './timing/index.ts';
