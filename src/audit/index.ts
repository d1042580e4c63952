export { type Proven, type VerifyProofOptions, verifyProofDocument } from './verify-proof.ts';
