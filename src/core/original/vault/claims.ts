import type { OriginalObject } from '../canon.ts';

/** What a file of the original's vault says of itself or of a part of it, and whether that was checked. */
export interface Claim {
  /** The name of the field that says it, or that is said something of. */
  readonly claim: string;
  /**
   * `digest`: a digest or signature that the file has. `content`: code, of which a digest should speak, and what was
   * not checked yet. `remark`: what else the file tells, which no digest of the original concerns. `proof`: that the
   * code was proved.
   */
  readonly about: 'digest' | 'content' | 'remark' | 'proof';
  readonly checked: boolean;
  /** Whether it was found true; false for what was not checked. */
  readonly holds: boolean;
  /** A sentence without its full stop. */
  readonly reason: string;
  /** What the file says and what its content gives, where both are digests and differ. */
  readonly stored?: string;
  readonly computed?: string;
}

const isFound = (claim: Claim): boolean => claim.checked && claim.holds;

/** Whether every digest and signature in a file holds, which is the original's own rule for taking it. */
export function verifies(claims: readonly Claim[]): boolean {
  return claims.every((claim) => claim.about !== 'digest' || isFound(claim));
}

/** Whether, beyond that, the code was checked too: nothing that matters in the file can have been changed. */
export function isIntact(claims: readonly Claim[]): boolean {
  return claims.every((claim) => (claim.about !== 'digest' && claim.about !== 'content') || isFound(claim));
}

/** The first digest or signature that does not hold. */
export function brokenDigest(claims: readonly Claim[]): Claim | undefined {
  return claims.find((claim) => claim.about === 'digest' && !isFound(claim));
}

/** A digest that the file stores beside what it is of; `of` names that. */
export function digestClaim(claim: string, stored: string, computed: string, of: string): Claim {
  if (stored === computed)
    return { claim, about: 'digest', checked: true, holds: true, reason: `it is the digest of ${of}` };
  return {
    claim,
    about: 'digest',
    checked: true,
    holds: false,
    reason: `it is not the digest of ${of}: that was changed after it was made`,
    stored,
    computed,
  };
}

/** A condition that the original checks as it checks a digest. */
export function ruleClaim(claim: string, holds: boolean, reason: string): Claim {
  return { claim, about: 'digest', checked: true, holds, reason };
}

const UNCOVERED = 'no digest in the file is over it';
const PROOF = 'the judge that proves code is no part of this node, so that nobody proved it again';

/** A claim for each field of a file that no digest in it concerns. `covered` are those of which one does. */
export function uncoveredClaims(fields: OriginalObject, covered: readonly string[]): readonly Claim[] {
  const claims: Claim[] = [];
  for (const field of fields.keys()) {
    if (covered.includes(field)) continue;
    const about = field === 'code' ? 'content' : 'remark';
    claims.push({ claim: field, about, checked: false, holds: false, reason: UNCOVERED });
  }
  return claims;
}

export function proofClaim(field: string): Claim {
  return { claim: field, about: 'proof', checked: false, holds: false, reason: PROOF };
}

/** The claims of a file whose every byte is known to be as somebody put it somewhere; `because` says how. */
export function withBytesKnown(claims: readonly Claim[], because: string): readonly Claim[] {
  return claims.map((claim) =>
    claim.checked || claim.reason !== UNCOVERED
      ? claim
      : { claim: claim.claim, about: claim.about, checked: true, holds: true, reason: because },
  );
}
