export {
  type CheckProofOptions,
  checkProof,
  generateNodeKey,
  type NodeKey,
  type StartedNode,
  type StartOptions,
  startNode,
} from './app/index.ts';
export type { ProofQuestion, Proven, Trust } from './audit/index.ts';
export { type Config, type LoadOptions, loadConfig } from './config/index.ts';
export type { Author, ErrorCode, JsonValue } from './core/types/index.ts';
export type { Log } from './ports/index.ts';
export type {
  CauseCode,
  Coded,
  ReadOnlyCode,
  ReadOnlyReason,
  Warning,
  WarningCode,
} from './runtime/facade/codes.ts';
export * from './runtime/facade/index.ts';
