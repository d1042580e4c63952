export type { Roster } from '../core/roster/index.ts';
export { type Author, ERROR_CODES, type ErrorCode, type JsonValue, LatticeError } from '../core/types/index.ts';
export { bundledCrypto, checkProof } from './bundled.ts';
export { type CheckedFile, checkBundle } from './check-bundle.ts';
export type { CheckProofOptions } from './check-proof.ts';
export {
  type AuditDeps,
  CERTIFICATE_CHECKS,
  type CertificateCheck,
  type Check,
  type EvidenceCheck,
  type Examination,
  PROOF_CHECKS,
  type ProofCheck,
} from './checks.ts';
export { type VerifyCommitOptions, verifyCommit } from './commit.ts';
export { checkContent, checkRange, type ExpectedBlocks, type ExpectedContent } from './content.ts';
export { MAX_DOCUMENT_BYTES } from './document.ts';
export { examineEvidence, type ProvenEvidence, type VerifyEvidenceOptions } from './evidence.ts';
export { safetyOf } from './rosters.ts';
export { checkTrust, type PinnedRoster, type ProofTrust, type Trust } from './trust.ts';
export {
  type Certified,
  examineCertificate,
  MAX_CERTIFICATE_TEXT,
  type VerifyCertificateOptions,
  verifyCertificate,
} from './verify-certificate.ts';
export {
  examineProof,
  type ProofQuestion,
  type Proven,
  type VerifyProofOptions,
  verifyProofDocument,
} from './verify-proof.ts';
