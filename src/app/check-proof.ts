import { createVerifier, nodeHasher } from '../adapters/system/index.ts';
import { type Proven, verifyProofDocument } from '../audit/index.ts';
import type { Author } from '../core/types/index.ts';

/**
 * Checks a proof document without any network and without trusting the node that served it: against its certificate
 * when it has one, else against the signed head of that node. `root`: 64 hex digits that the root must equal.
 * `trusted`: the fleet's whole trust list; needed for a certificate. Rejects with LatticeError `proof-malformed`,
 * `proof-invalid` or `trust-needed`, naming the check that failed.
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
