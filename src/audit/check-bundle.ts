import { isIntact, readVaultFile, type VaultForm, verifies, withNodeChecked } from '../core/original/vault/index.ts';
import type { Author, Bytes } from '../core/types/index.ts';
import type { AuditDeps } from './checks.ts';
import { checkTrust, type Trust } from './trust.ts';

/** What a file of the original's vault says of itself, and what of it was checked. */
export interface CheckedFile {
  readonly kind: VaultForm['kind'];
  /** The hash of the function or of the code, 64 hex digits; empty for an index and for precedents. */
  readonly hash: string;
  /** Every claim of the file (SPEC I9): whether it was checked, whether it holds, and why. */
  readonly claims: VaultForm['claims'];
  /** Whether every digest and signature in it holds. */
  readonly verifies: boolean;
  /** Whether, beyond that, its code was checked too: by a digest, or by a trusted node that signed the bundle. */
  readonly intact: boolean;
  /** The node that signed it (SPEC I11), whose signature holds; trusted or not. */
  readonly signedBy: Author | undefined;
}

/**
 * Checks a function entry, certificate or bundle in the form of the original without any network: every digest, and
 * the certificate of the node where a bundle has one. `trusted` are the nodes whose signatures count.
 *
 * @throws `vault-file-malformed` for what is no such file; `trust-needed`, `invalid-author` for a trust list that is none
 * @example
 * const checked = await checkBundle(bytes, { ...bundledCrypto(), trusted });
 * for (const { claim, checked: was, holds, reason } of checked.claims) console.log(claim, was, holds, reason);
 * console.log(checked.intact, checked.signedBy);
 */
export async function checkBundle(
  bytes: Bytes,
  { hasher, verifier, trusted }: AuditDeps & { readonly trusted: Trust },
): Promise<CheckedFile> {
  const trust = checkTrust(trusted);
  const form = readVaultFile(bytes, hasher);
  const { nodeCertificate } = form;
  let checked = form;
  let signedBy: Author | undefined;
  if (nodeCertificate !== undefined) {
    const { message, signature } = nodeCertificate;
    const author = nodeCertificate.author as Author;
    const holds = await verifier.verify(author, message, signature);
    if (holds) signedBy = author;
    const isTrusted = trust !== 'anyone' && trust.includes(author);
    checked = !holds
      ? withNodeChecked(form, 'broken', `${author} did not sign this content`)
      : isTrusted
        ? withNodeChecked(form, 'trusted', `${author} signed every byte of it`)
        : withNodeChecked(form, 'unknown', `${author} signed it, who is on no trust list here`);
  }
  const { kind, hash, claims } = checked;
  return { kind, hash, claims, verifies: verifies(claims), intact: isIntact(claims), signedBy };
}
