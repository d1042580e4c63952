import { checkValue } from '../core/cbor/index.ts';
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

const isText = (given: unknown): boolean => typeof given === 'string';
/** What each option may be, beside the trust list and the value, whose rules are their own. */
const FIELDS: Readonly<
  Record<Exclude<keyof CheckProofOptions, 'trusted' | 'value'>, readonly [(given: unknown) => boolean, string]>
> = {
  key: [isText, 'a text'],
  network: [isText, 'a text'],
  root: [isText, 'a text of 64 hex digits'],
  noValue: [(given) => typeof given === 'boolean', 'true or false'],
  rosters: [(given) => Array.isArray(given) && Array.from(given as unknown[]).every(isText), 'an array of texts'],
};

/**
 * A copy of the options, once they are some. A misspelt one is refused, because it would be a check that is not made.
 * Throws LatticeError `invalid-request`.
 */
function ownOptions(options: unknown): CheckProofOptions {
  const refuse = (what: string): LatticeError =>
    new LatticeError('invalid-request', what, { next: "Give options such as { trusted, key: 'greeting' }." });
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw refuse('the options are no object');
  const own: Readonly<Record<string, unknown>> = { ...options };
  for (const [name, value] of Object.entries(own)) {
    if (value === undefined || name === 'trusted') continue;
    if (name === 'value') checkValue(value);
    else if (!Object.hasOwn(FIELDS, name)) throw refuse(`there is no option ${JSON.stringify(name)}`);
    else {
      const [fits, form] = FIELDS[name as keyof typeof FIELDS];
      if (!fits(value)) throw refuse(`${name} is not ${form}`);
    }
  }
  return own;
}

/** Checks a proof document by a hash and a signature check, as `checkProof` does with those of its surroundings. */
export async function checkProofWith(deps: AuditDeps, document: unknown, options: CheckProofOptions): Promise<Proven> {
  const { trusted, rosters, ...asked } = ownOptions(options);
  if (trusted === undefined)
    throw new LatticeError('trust-needed', 'without a trust list nothing is verified: anyone can sign with a new key', {
      next: "Give the fleet's public keys as trusted.",
    });
  return await verifyProofDocument(document, { ...deps, trusted, rosters, asked });
}
