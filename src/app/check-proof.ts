import { createVerifier, nodeHasher } from '../adapters/system/index.ts';
import { type ProofQuestion, type Proven, type Trust, verifyProofDocument } from '../audit/index.ts';
import { LatticeError } from '../core/types/index.ts';

/** What a proof document is checked against. */
export interface CheckProofOptions extends ProofQuestion {
  /**
   * The authors that the head and all commits must come from; for a proof at a cut, the whole trust list of the fleet.
   * `anyone` leaves authors unchecked.
   */
  readonly trusted?: Trust | undefined;
}

/**
 * Checks a proof document without any network: against its certificate when it has one, else against the signed head of
 * the node that served it. With a certificate that node needs no trust. The document is JSON text or its bytes, which
 * are read strictly, or the object that a node answered. Rejects with LatticeError `proof-malformed` or
 * `proof-invalid`, which name the check that failed, `trust-needed` without a trust list, or `invalid-author`.
 */
export async function checkProof(document: unknown, { trusted, ...asked }: CheckProofOptions = {}): Promise<Proven> {
  if (trusted === undefined)
    throw new LatticeError('trust-needed', 'without a trust list nothing is verified: anyone can sign with a new key', {
      next: "Give the fleet's public keys as trusted.",
    });
  return await verifyProofDocument(document, { hasher: nodeHasher(), verifier: createVerifier(), trusted, asked });
}
