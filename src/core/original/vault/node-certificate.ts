import { bytesToHex, hexToBytes } from '../../types/index.ts';
import { canonicalText, isObject, type OriginalObject } from '../canon.ts';
import type { OriginalValue } from '../json.ts';
import { type Claim, withBytesKnown } from './claims.ts';
import type { NodeCertificate, VaultForm } from './forms.ts';
import { malformed } from './malformed.ts';

/** The field of a bundle that holds the certificate of the node that made it. The original's readers pass it over. */
export const NODE_CERTIFICATE = 'node_certificate';
/** What the signed text begins with, so that no other thing that a node signs can be taken for a bundle. */
const BUNDLE_DOMAIN = 'diotec360-lattice-bundle/1';

const MEMBERS = ['format', 'network', 'author', 'signature'];
const utf8 = new TextEncoder();

/**
 * The text that a node signs for a bundle (SPEC I11): the domain, a line feed, and the canonical text of the whole bundle
 * with its node certificate, the signature left out.
 */
function signedBundleText(bundle: OriginalObject): string {
  const certificate = bundle.get(NODE_CERTIFICATE);
  if (!isObject(certificate)) throw malformed(`the bundle has no object "${NODE_CERTIFICATE}"`);
  const unsigned = new Map<string, OriginalValue>(certificate);
  unsigned.delete('signature');
  return `${BUNDLE_DOMAIN}\n${canonicalText(new Map(bundle).set(NODE_CERTIFICATE, unsigned))}`;
}

/** The bundle with the certificate of a node, made by `sign`, which returns 128 hex digits. */
export function withNodeCertificate(
  bundle: OriginalObject,
  node: { readonly network: string; readonly author: string; readonly sign: (text: string) => string },
): OriginalObject {
  const certificate = new Map<string, OriginalValue>([
    ['format', BUNDLE_DOMAIN],
    ['network', node.network],
    ['author', node.author],
  ]);
  const unsigned = new Map(bundle).set(NODE_CERTIFICATE, certificate);
  return new Map(unsigned).set(
    NODE_CERTIFICATE,
    new Map(certificate).set('signature', node.sign(signedBundleText(unsigned))),
  );
}

/** Reads the certificate of a node in a bundle. Throws LatticeError `vault-file-malformed`. */
export function readNodeCertificate(bundle: OriginalObject): NodeCertificate {
  const certificate = bundle.get(NODE_CERTIFICATE);
  if (!isObject(certificate)) throw malformed(`"${NODE_CERTIFICATE}" is not an object`);
  const text = (name: string): string => {
    const value = certificate.get(name);
    if (typeof value !== 'string') throw malformed(`"${NODE_CERTIFICATE}" has no text "${name}"`);
    return value;
  };
  const strange = Array.from(certificate.keys()).find((name) => !MEMBERS.includes(name));
  if (strange !== undefined)
    throw malformed(
      `"${NODE_CERTIFICATE}" has the field ${JSON.stringify(strange.slice(0, 40))}, which it cannot have`,
    );
  if (text('format') !== BUNDLE_DOMAIN) throw malformed(`the format of "${NODE_CERTIFICATE}" is not ${BUNDLE_DOMAIN}`);
  const author = hexToBytes(text('author'));
  const signature = hexToBytes(text('signature'));
  if (author?.length !== 32 || bytesToHex(author) !== text('author'))
    throw malformed(`the author in "${NODE_CERTIFICATE}" is not 64 lower-case hex digits`);
  if (signature?.length !== 64) throw malformed(`the signature in "${NODE_CERTIFICATE}" is not 128 hex digits`);
  const message = utf8.encode(signedBundleText(bundle));
  return { network: text('network'), author: text('author'), message, signature };
}

/** `unknown`: the signature holds, but nothing says that the one who signed is to be believed. */
export type NodeOutcome = 'trusted' | 'unknown' | 'broken';

/**
 * The form once the signature of its node certificate was checked. One of a trusted node is over every field, so that
 * nothing is left that nobody has checked. `because` says what the outcome means.
 */
export function withNodeChecked(form: VaultForm, outcome: NodeOutcome, because: string): VaultForm {
  const checked: Claim = {
    claim: NODE_CERTIFICATE,
    about: outcome === 'unknown' ? 'remark' : 'digest',
    checked: true,
    holds: outcome === 'trusted',
    reason: because,
  };
  const claims = form.claims.map((claim) => (claim.claim === NODE_CERTIFICATE ? checked : claim));
  return { ...form, claims: outcome === 'trusted' ? withBytesKnown(claims, because) : claims };
}
