export * from './claims.ts';
export * from './contents.ts';
export { isHash, type NodeCertificate, type VaultForm, type VaultKind } from './forms.ts';
export { indexClaims } from './listings.ts';
export * from './make-bundle.ts';
export { type NodeOutcome, withNodeChecked } from './node-certificate.ts';
export * from './read.ts';
