import type { Hasher } from '../../types/index.ts';
import { canonicalText, type OriginalObject, textHash } from '../canon.ts';
import type { OriginalValue } from '../json.ts';
import { certificateClaims } from './certificate.ts';
import { type Claim, digestClaim, proofClaim, uncoveredClaims } from './claims.ts';
import { fieldsOf, type VaultForm } from './forms.ts';
import { malformed } from './malformed.ts';
import { NODE_CERTIFICATE, readNodeCertificate } from './node-certificate.ts';

/** The signature of a bundle, which is over its function hash, AST and certificate, and not over its code. */
export function bundleSignature(
  hash: string,
  ast: OriginalObject,
  certificate: OriginalObject | undefined,
  hasher: Hasher,
): string {
  const signed = new Map<string, OriginalValue>([
    ['function_hash', hash],
    ['ast', ast],
    ['certificate', certificate ?? null],
  ]);
  return textHash(canonicalText(signed), hasher);
}

/** The certificate of a node in a bundle, and what is to be said of it before its signature is checked. */
function ofNode(fields: OriginalObject): Pick<VaultForm, 'claims' | 'nodeCertificate'> {
  if (!fields.has(NODE_CERTIFICATE)) return { claims: [] };
  const reason = 'its signature was not checked here';
  const claim: Claim = { claim: NODE_CERTIFICATE, about: 'content', checked: false, holds: false, reason };
  return { claims: [claim], nodeCertificate: readNodeCertificate(fields) };
}

/**
 * Reads the bundle of a function (SPEC I9), which the original makes to hand a function on. Throws LatticeError
 * `vault-file-malformed`.
 */
export function readSignedBundle(fields: OriginalObject, hasher: Hasher): VaultForm {
  const read = fieldsOf('signed-bundle', fields);
  const intent = read.text('intent_name');
  read.text('code');
  const hash = read.hash('function_hash');
  const ast = read.object('ast');
  const certificate = read.maybeObject('certificate');
  const node = ofNode(fields);
  const covered = ['function_hash', 'ast', 'certificate', 'bundle_signature', NODE_CERTIFICATE];
  const claims: Claim[] = [
    digestClaim('function_hash', hash, textHash(canonicalText(ast), hasher), 'the AST'),
    digestClaim(
      'bundle_signature',
      read.text('bundle_signature'),
      bundleSignature(hash, ast, certificate, hasher),
      'function hash, AST and certificate',
    ),
    ...(certificate === undefined ? [] : certificateClaims(certificate, hasher, 'certificate.', hash)),
    ...node.claims,
    ...uncoveredClaims(fields, covered),
    proofClaim('proof'),
  ];
  const name = `${intent}_${hash.slice(0, 8)}.ae_bundle`;
  return { kind: 'signed-bundle', hash, name, fields, ...node, claims };
}

/** Reads a bundle of code, which is named by the hash of that. Throws LatticeError `vault-file-malformed`. */
export function readContentBundle(fields: OriginalObject, hasher: Hasher): VaultForm {
  const read = fieldsOf('content-bundle', fields);
  const hash = read.hash('content_hash');
  const code = read.text('code');
  if (/\p{Surrogate}/u.test(code)) throw malformed('the code holds half of a surrogate pair, which has no hash');
  read.maybeObject('metadata');
  const node = ofNode(fields);
  const claims = [
    digestClaim('content_hash', hash, textHash(code, hasher), 'the code'),
    ...node.claims,
    ...uncoveredClaims(fields, ['content_hash', 'code', NODE_CERTIFICATE]),
    proofClaim('proof'),
  ];
  return { kind: 'content-bundle', hash, name: `${hash.slice(0, 16)}.ae_bundle`, fields, ...node, claims };
}
