import { type Bytes, LatticeError } from '../types/index.ts';
import {
  attestationSigningBytes,
  type Certificate,
  decodeCertificate,
  encodeAttestationPayload,
} from '../wire/index.ts';
import type { RosterSpan } from './chain.ts';
import { certifiersOf, isWriter, type Roster, writersOf } from './roster.ts';
import type { Signature } from './statements.ts';

/** A certificate of a cut that is valid as soon as every one of its `signatures` is good. */
export interface CertifiedCut {
  readonly certificate: Certificate;
  /** The roster under which the cut was certified. */
  readonly span: RosterSpan;
  /** Those by writers of that roster, at least a quorum. Those of other authors don't count and are left out. */
  readonly signatures: readonly Signature[];
  /** How many signatures make a quorum. */
  readonly quorum: number;
}

/**
 * Checks everything about a certificate but the signatures, which the caller verifies: form, network, roster, time and
 * quorum (SPEC Z5, Z12). `withHash` gives the roster that has a hash. LatticeError `malformed`, `unknown-version` or
 * `not-certified`.
 */
export function checkCutCertificate(
  bytes: Bytes,
  options: {
    readonly network: string;
    readonly withHash: (hash: Bytes) => RosterSpan | undefined;
  },
): CertifiedCut {
  const certificate = decodeCertificate(bytes);
  const { signers, ...claim } = certificate;
  const fail = (why: string): LatticeError =>
    new LatticeError('not-certified', `the certificate does not hold: ${why}`);
  if (claim.network !== options.network)
    throw fail(`it is of network ${JSON.stringify(claim.network)}, not ${JSON.stringify(options.network)}`);
  const span = options.withHash(claim.trustHash);
  if (span === undefined) throw fail('its signers have another trust list or roster than those given');
  const { roster } = span.state;
  if (claim.at <= span.start)
    throw fail(
      `it is of no later time than the start of epoch ${roster.epoch}, whose roster certifies later cuts only`,
    );
  if (span.end !== undefined && claim.at > span.end)
    throw fail(`it is of a later time than the end of epoch ${roster.epoch}, whose roster certifies earlier cuts only`);
  const quorum = certifiersOf(roster);
  const counted = signers.filter(({ author }) => isWriter(roster, author));
  if (counted.length < quorum)
    throw fail(`${counted.length} of ${writersOf(roster).length} trusted authors signed it, a quorum is ${quorum}`);
  const signatures = counted.map(({ author, signature }) => ({
    author,
    message: attestationSigningBytes(encodeAttestationPayload({ ...claim, author })),
    signature,
  }));
  return { certificate, span, signatures, quorum };
}

/**
 * Whether all writers of its roster signed it: then the cut is complete (SPEC FL1). Every `signatures` has to be good.
 */
export const isComplete = ({ span, signatures }: CertifiedCut): boolean =>
  signatures.length === writersOf(span.state.roster).length;

/** How many keys at least signed both of two certificates of one roster that name two roots for one time. */
export function doubleSigners(roster: Roster): number {
  return 2 * certifiersOf(roster) - writersOf(roster).length;
}
