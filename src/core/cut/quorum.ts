import { type Author, type Bytes, equalBytes, type Hasher, LatticeError } from '../types/index.ts';
import {
  attestationSigningBytes,
  type Certificate,
  decodeCertificate,
  encodeAttestationPayload,
  trustHash,
} from '../wire/index.ts';

/**
 * How many attestations of one root certify it, for a trust list of `trusted` authors (SPEC Z5). Any two such quorums
 * have an author in common.
 */
export function quorumOf(trusted: number): number {
  return Math.floor(trusted / 2) + 1;
}

/** A certificate that is valid as soon as every one of its `signatures` is good. */
export interface Certified {
  readonly certificate: Certificate;
  /**
   * The signatures by trusted authors, at least a quorum of them. Those of other authors don't count and are left out.
   */
  readonly signatures: readonly { readonly author: Author; readonly message: Bytes; readonly signature: Bytes }[];
  readonly quorum: number;
}

/**
 * Checks everything about a certificate but the signatures, which the caller verifies: form, network, trust list and
 * quorum. `trusted` is the whole trust list, as the signers have it. LatticeError `malformed`, `unknown-version` or
 * `not-certified`.
 */
export function checkCertificate(
  bytes: Bytes,
  options: { readonly trusted: readonly Author[]; readonly network: string; readonly hasher: Hasher },
): Certified {
  const certificate = decodeCertificate(bytes);
  const { signers, ...claim } = certificate;
  const trusted = new Set(options.trusted);
  const fail = (why: string): LatticeError =>
    new LatticeError('not-certified', `the certificate does not hold: ${why}`);
  if (claim.network !== options.network)
    throw fail(`it is of network ${JSON.stringify(claim.network)}, not ${JSON.stringify(options.network)}`);
  if (!equalBytes(claim.trustHash, trustHash([...trusted], options.hasher)))
    throw fail('its signers have another trust list than the one given');
  const quorum = quorumOf(trusted.size);
  const counted = signers.filter(({ author }) => trusted.has(author));
  if (counted.length < quorum)
    throw fail(`${counted.length} of ${trusted.size} trusted authors signed it, a quorum is ${quorum}`);
  const signatures = counted.map(({ author, signature }) => ({
    author,
    message: attestationSigningBytes(encodeAttestationPayload({ ...claim, author })),
    signature,
  }));
  return { certificate, signatures, quorum };
}
