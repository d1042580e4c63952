import { LatticeError } from '../core/types/index.ts';
import type { AuditDeps } from './checks.ts';
import type { ProofTrust } from './trust.ts';
import { type ProofQuestion, type Proven, verifyProofDocument } from './verify-proof.ts';

/** What a proof document is checked against. */
export interface CheckProofOptions extends ProofQuestion {
  /**
   * The authors that the head and all commits must come from; for a proof at a cut, the whole configured trust list of
   * the fleet, or the hash of a later roster. `anyone` leaves authors unchecked.
   */
  readonly trusted?: ProofTrust | undefined;
  /** Roster certificates that the verifier knows already, base64url, in order of their epochs. */
  readonly rosters?: readonly string[] | undefined;
}

/** Checks a proof document by a hash and a signature check, as `checkProof` does with those of its surroundings. */
export async function checkProofWith(
  deps: AuditDeps,
  document: unknown,
  { trusted, rosters, ...asked }: CheckProofOptions,
): Promise<Proven> {
  if (trusted === undefined)
    throw new LatticeError('trust-needed', 'without a trust list nothing is verified: anyone can sign with a new key', {
      next: "Give the fleet's public keys as trusted.",
    });
  return await verifyProofDocument(document, { ...deps, trusted, rosters, asked });
}
