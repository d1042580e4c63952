export {
  type AuditDeps,
  CERTIFICATE_CHECKS,
  type CertificateCheck,
  type Check,
  type Examination,
  PROOF_CHECKS,
  type ProofCheck,
} from './checks.ts';
export { type VerifyCommitOptions, verifyCommit } from './commit.ts';
export { MAX_DOCUMENT_BYTES } from './document.ts';
export { checkTrust, type Trust } from './trust.ts';
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
