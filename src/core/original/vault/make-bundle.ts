import { type Hasher, LatticeError } from '../../types/index.ts';
import { indentedText, type OriginalObject, textHash } from '../canon.ts';
import { type OriginalValue, parseOriginalJson } from '../json.ts';
import { bundleSignature } from './bundle.ts';
import { brokenDigest, type Claim } from './claims.ts';
import type { VaultForm } from './forms.ts';
import { withNodeCertificate } from './node-certificate.ts';
import { readVaultObject } from './read.ts';

/** The node that makes a bundle, and when. */
export interface BundleMaker {
  readonly network: string;
  /** 64 hex digits. */
  readonly author: string;
  /** Signs a text by Ed25519 and returns 128 hex digits. */
  sign(text: string): string;
  /** Unix ms, and the same moment in UTC as ISO 8601 writes it: `2026-01-02T03:04:05.678Z`. */
  readonly now: { readonly ms: number; readonly iso: string };
}

/** A bundle in the form and the bytes in which the original would write it, with the certificate of the node. */
export interface MadeBundle {
  readonly form: VaultForm;
  readonly text: string;
}

const made = (fields: OriginalObject, maker: BundleMaker, hasher: Hasher): MadeBundle => {
  const signed = withNodeCertificate(fields, maker);
  return { form: readVaultObject(signed, hasher), text: indentedText(signed) };
};

/**
 * Makes a bundle of code (SPEC I11). `metadata` is what the original keeps beside it, among it `intent_name`. Throws
 * LatticeError `vault-file-malformed` for code that has no hash.
 */
export function makeContentBundle(
  code: string,
  metadata: OriginalObject,
  maker: BundleMaker,
  hasher: Hasher,
): MadeBundle {
  const fields = new Map<string, OriginalValue>([
    ['code', code],
    ['metadata', metadata],
    ['content_hash', textHash(code, hasher)],
    ['timestamp', parseOriginalJson((maker.now.ms / 1000).toFixed(3))],
  ]);
  return made(fields, maker, hasher);
}

/**
 * Makes the bundle of a function from its entry and its certificate. Throws LatticeError `vault-file-mismatch` when one
 * of them does not verify, because a bundle is handed on as what is right.
 */
export function makeFunctionBundle(
  entry: VaultForm,
  certificate: VaultForm | undefined,
  maker: BundleMaker,
  hasher: Hasher,
): MadeBundle {
  for (const { kind, claims } of certificate === undefined ? [entry] : [entry, certificate]) {
    const broken = brokenDigest(claims);
    if (broken !== undefined) throw mismatch(kind, broken);
  }
  const of = (name: string): OriginalValue => entry.fields.get(name) ?? null;
  const ast = of('ast') as OriginalObject;
  const fields = new Map<string, OriginalValue>([
    ['bundle_version', '1.0'],
    ['function_hash', entry.hash],
    ['intent_name', of('intent_name')],
    ['ast', ast],
    ['code', of('code')],
    ['verification', of('verification')],
    ['certificate', certificate?.fields ?? null],
    ['metadata', entry.fields.get('metadata') ?? new Map()],
    ['created_at', of('created_at')],
    // As Python writes a time without a zone; it is UTC.
    ['bundle_created_at', maker.now.iso.replace('Z', '000')],
    ['bundle_signature', bundleSignature(entry.hash, ast, certificate?.fields, hasher)],
  ]);
  return made(fields, maker, hasher);
}

function mismatch(kind: string, { claim, reason, stored, computed }: Claim): LatticeError {
  const digests = stored === undefined ? '' : ` (it says ${stored}, its content has ${computed})`;
  return new LatticeError('vault-file-mismatch', `the ${kind} does not verify: ${claim}: ${reason}${digests}`, {
    next: 'Put a copy into the vault that verifies.',
    details: { claim, stored, computed },
  });
}
