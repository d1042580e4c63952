import type { Hasher } from '../../types/index.ts';
import { canonicalText, type OriginalObject, textHash } from '../canon.ts';
import type { OriginalValue } from '../json.ts';
import { type Claim, digestClaim, proofClaim, ruleClaim } from './claims.ts';
import { fieldsOf, type VaultForm } from './forms.ts';

/** The name that the original's judge got, and the one that stood in certificates when they were signed. */
const RENAMED = 'DIOTEC360_Judge_';
const SIGNED_AS = 'Aethel_Judge_';

function signatureOver(certificate: OriginalObject, hasher: Hasher, judge?: string): string {
  const signed = new Map<string, OriginalValue>(certificate);
  signed.delete('signature');
  if (judge !== undefined) signed.set('judge_version', judge);
  return textHash(canonicalText(signed), hasher);
}

/** The signature of a certificate, which is SHA-256 of its canonical text without the signature (SPEC I9). */
function signatureClaim(certificate: OriginalObject, claim: string, hasher: Hasher): Claim {
  const stored = fieldsOf('certificate', certificate).text('signature');
  const computed = signatureOver(certificate, hasher);
  const checked = digestClaim(claim, stored, computed, 'the certificate');
  const judge = certificate.get('judge_version');
  if (checked.holds || typeof judge !== 'string' || !judge.startsWith(RENAMED)) return checked;
  const before = SIGNED_AS + judge.slice(RENAMED.length);
  if (signatureOver(certificate, hasher, before) !== stored) return checked;
  return {
    ...checked,
    reason: `it fails by the original's own rule until ${judge} reads ${before}: the judge was renamed in the file after it was signed`,
  };
}

/**
 * The claims of a certificate, under names that begin with `prefix`. `functionHash` is that of the function for which it
 * stands somewhere. Throws LatticeError `vault-file-malformed`.
 */
export function certificateClaims(
  certificate: OriginalObject,
  hasher: Hasher,
  prefix = '',
  functionHash?: string,
): readonly Claim[] {
  const read = fieldsOf('certificate', certificate);
  const hash = read.hash('function_hash');
  const status = read.text('status');
  const claims: Claim[] = [
    signatureClaim(certificate, `${prefix}signature`, hasher),
    ruleClaim(
      `${prefix}status`,
      status === 'PROVED',
      status === 'PROVED'
        ? 'it is PROVED, the only status that the original takes'
        : `it is ${JSON.stringify(status.slice(0, 40))}: the original takes PROVED alone`,
    ),
  ];
  if (functionHash !== undefined) {
    const same = hash === functionHash;
    claims.push(
      ruleClaim(
        `${prefix}function_hash`,
        same,
        same ? 'the certificate is for this function' : `the certificate is for another function, ${hash}`,
      ),
    );
  }
  return claims;
}

/** Reads a certificate. Throws LatticeError `vault-file-malformed`. */
export function readCertificate(fields: OriginalObject, hasher: Hasher): VaultForm {
  const hash = fieldsOf('certificate', fields).hash('function_hash');
  const claims = [...certificateClaims(fields, hasher), proofClaim('proof')];
  return { kind: 'certificate', hash, name: `${hash}.cert.json`, fields, claims };
}
