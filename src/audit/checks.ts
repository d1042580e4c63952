import { type Author, type Bytes, type Hasher, LatticeError } from '../core/types/index.ts';

/** The checks of a proof document, in the order in which they are made. */
export const PROOF_CHECKS = [
  'form', // the document is read strictly and holds what its kind has (SPEC P5)
  'key', // it is about the key that was asked for
  'network', // it is of the network that was asked for
  'root', // it is for the root that was asked for
  'rosters', // each later roster was decided by a majority of the writers of the one before (SPEC Z11)
  'signature', // the head is signed by its author, or the certificate by a quorum
  'signer', // the author of the head is trusted
  'path', // the Merkle proof leads from the key to the signed root
  'commits', // the commits are signed, and are exactly those in the tree
  'writers', // the authors of the commits are trusted
  'value', // kind and value are those of the winning commit, and the ones that were asked for
] as const;

/** The checks of a certificate that stands alone, in the order in which they are made. */
export const CERTIFICATE_CHECKS = ['form', 'network', 'root', 'time', 'rosters', 'signature'] as const;

/** The checks of evidence, in the order in which they are made. */
export const EVIDENCE_CHECKS = ['form', 'network', 'contradiction', 'signature', 'author'] as const;

export type ProofCheck = (typeof PROOF_CHECKS)[number];
export type CertificateCheck = (typeof CERTIFICATE_CHECKS)[number];

/** One check, and what came of it. `text` is a sentence for people: what holds, what does not, or why nobody looked. */
export interface Check<Name extends string = string> {
  readonly check: Name;
  readonly result: 'ok' | 'failed' | 'not-checked';
  readonly text: string;
}

/** The text of a check that was not made because an earlier one failed. */
export const NOT_REACHED = 'not reached, because an earlier check failed';

/** What every check is made with. */
export interface AuditDeps {
  readonly hasher: Hasher;
  /** Verifies Ed25519 signatures under the strict rule (SPEC K1), as createVerifier of adapters/system does. */
  readonly verifier: { verify(author: Author, message: Bytes, signature: Bytes): Promise<boolean> };
}

/**
 * What the checks came to: every one of them with its result, and either what was proven or the error that says why
 * nothing was.
 */
export type Examination<Proven> =
  | { readonly checks: readonly Check[]; readonly proven: Proven; readonly error?: never }
  | { readonly checks: readonly Check[]; readonly proven?: never; readonly error: LatticeError };

/** What the steps of an examination tell about the check that they are at. */
export interface Checklist<Name extends string> {
  /** From here on, an error is one of this check. */
  begin(check: Name): void;
  /** The check that was begun holds. */
  ok(text: string): void;
  /** Nobody looked at what this check is about, for the reason in `text`. */
  skip(check: Name, text: string): void;
}

/**
 * Runs the steps of an examination. An error that is no LatticeError is a defect of this program and goes on; any other
 * one fails the check that had begun, and leaves the later ones unchecked.
 */
export async function examine<Name extends string, Proven>(
  names: readonly Name[],
  steps: (list: Checklist<Name>) => Promise<Proven>,
): Promise<Examination<Proven>> {
  const made = new Map<Name, Check<Name>>();
  let current: Name | undefined;
  const list: Checklist<Name> = {
    begin(check) {
      current = check;
    },
    ok(text) {
      if (current !== undefined) made.set(current, { check: current, result: 'ok', text });
    },
    skip: (check, text) => void made.set(check, { check, result: 'not-checked', text }),
  };
  const all = (): Check<Name>[] =>
    names.map((check) => made.get(check) ?? { check, result: 'not-checked', text: NOT_REACHED });
  try {
    const proven = await steps(list);
    return { checks: all(), proven };
  } catch (error) {
    if (!(error instanceof LatticeError)) throw error;
    if (current !== undefined) made.set(current, { check: current, result: 'failed', text: error.message });
    return { checks: all(), error };
  }
}
