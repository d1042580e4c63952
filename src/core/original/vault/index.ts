export * from './claims.ts';
export * from './contents.ts';
export { isHash, type NodeCertificate, type VaultForm, type VaultKind, vaultKindOf } from './forms.ts';
export { indexClaims } from './listings.ts';
export * from './make-bundle.ts';
export {
  BUNDLE_DOMAIN,
  NODE_CERTIFICATE,
  type NodeOutcome,
  withNodeCertificate,
  withNodeChecked,
} from './node-certificate.ts';
export * from './read.ts';
