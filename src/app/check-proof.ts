import { createVerifier, nodeHasher } from '../adapters/system/index.ts';
import { type Proven, verifyProofDocument } from '../audit/index.ts';
import type { Author } from '../core/types/index.ts';

/**
 * Checks a proof document without any network: against its certificate when it has one, else against the signed head of
 * the node that served it. With a certificate that node needs no trust. `root` is the root that the document must be
 * for, 64 lower-case hex digits. `trusted` is the whole trust list of the fleet, without which no certificate can be
 * checked. Rejects with LatticeError `proof-malformed` or `proof-invalid`, which name the check that failed, or
 * `trust-needed`.
 */
export function checkProof(
  document: unknown,
  options: { readonly root?: string; readonly trusted?: readonly Author[] } = {},
): Promise<Proven> {
  return verifyProofDocument(document, {
    hasher: nodeHasher(),
    verifier: createVerifier(),
    root: options.root,
    trusted: options.trusted,
  });
}
