import { createVerifier, nodeHasher } from '../adapters/system/index.ts';
// Not the index of audit, whose cryptography takes a node's start longer to load than everything else here.
import { type CheckProofOptions, checkProofWith } from '../audit/check-proof.ts';
import type { Proven } from '../audit/index.ts';
import { unreadable } from './given.ts';

/**
 * Checks a proof document without any network, with the cryptography of Node.js: against its certificate when it has
 * one, else against the signed head of the node that served it. With a certificate that node needs no trust. The document
 * is JSON text or its bytes, which are read strictly, or the object that a node answered. What `key`, `network`, `root`,
 * `value` or `noValue` ask for must be what the document is about.
 *
 * @throws `proof-malformed` and `proof-invalid`, which name the check that failed; `trust-needed` without a trust list;
 * `invalid-author` for a trust list that is none; `invalid-request`, `invalid-value` for another option that is none
 * @example
 * const proven = await checkProof(document, { trusted, key: 'greeting' });
 * console.log(proven.kind, proven.value, proven.root);
 */
export async function checkProof(document: unknown, options: CheckProofOptions = {}): Promise<Proven> {
  try {
    return await checkProofWith({ hasher: nodeHasher(), verifier: createVerifier() }, document, options);
  } catch (error) {
    throw unreadable(error);
  }
}
