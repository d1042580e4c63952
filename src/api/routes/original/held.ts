import { type VaultForm, withNodeChecked } from '../../../core/original/vault/index.ts';
import { type Author, type Bytes, LatticeError } from '../../../core/types/index.ts';
import type { Lattice } from '../../../runtime/facade/index.ts';

/** All that was read of the original's files is in memory, some times as large as its text. */
export const MAX_HELD_BYTES = 64 * 1024 * 1024;

/** Checks the certificate of a node in a bundle, where there is one. */
export type NodeCheck = (form: VaultForm) => Promise<VaultForm>;

export interface SignatureCheck {
  verify(author: Author, message: Bytes, signature: Bytes): Promise<boolean>;
}

/**
 * A signature that holds counts when its author is this node or trusted here, because anyone can sign a bundle with a new
 * key. Whether it holds is checked once for each form; whom the node trusts is looked at each time.
 */
export function createNodeCheck(lattice: Lattice, verifier: SignatureCheck | undefined): NodeCheck {
  const signed = new WeakMap<VaultForm, boolean>();
  return async (form) => {
    const { nodeCertificate } = form;
    if (nodeCertificate === undefined || verifier === undefined) return form;
    const { author, message, signature } = nodeCertificate;
    const holds = signed.get(form) ?? (await verifier.verify(author as Author, message, signature));
    signed.set(form, holds);
    if (!holds) return withNodeChecked(form, 'broken', `${author} did not sign this content`);
    const isTrusted =
      author === lattice.status().author || lattice.peers().some((peer) => peer.author === author && peer.trusted);
    return isTrusted
      ? withNodeChecked(form, 'trusted', `${author} signed every byte of it`)
      : withNodeChecked(form, 'unknown', `${author} signed it, who is not trusted here`);
  };
}

/** A part of the files would look like all of them. */
export function tooLarge(what: string): LatticeError {
  return new LatticeError('vault-too-large', `the vault has ${what} of the original's files`, {
    next: 'Move files that are not needed out of DIOTEC360_VAULT_DIR, or delete them with `lattice vault rm`.',
  });
}
