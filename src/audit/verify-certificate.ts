import { bytesToText } from '../core/cbor/text.ts';
import { checkCutCertificate, type Roster, spanWithHash, writersOf } from '../core/roster/index.ts';
import { type Author, type Bytes, bytesToHex } from '../core/types/index.ts';
import { decodeCertificate } from '../core/wire/index.ts';
import { type AuditDeps, CERTIFICATE_CHECKS, type Examination, examine } from './checks.ts';
import { decode, fromBase64url, invalid, MAX_DOCUMENT_BYTES, malformed, parseDocument, rostersOf } from './document.ts';
import { type CheckRostersOptions, checkRosters, type KnownFleet } from './rosters.ts';
import { timeOf } from './times.ts';
import { checkProofTrust, type ProofTrust, trustNeeded } from './trust.ts';

/** What a certificate is checked with. */
export interface VerifyCertificateOptions extends CheckRostersOptions {
  /** The whole configured trust list of the fleet, or the hash of a later roster. */
  readonly trusted: Exclude<ProofTrust, 'anyone'>;
  /** What the certificate must be for; what is undefined is not asked for. */
  readonly asked?:
    | {
        readonly network?: string | undefined;
        /** 64 lower-case hex digits. */
        readonly root?: string | undefined;
        /** The time of the cut, Unix ms. */
        readonly at?: number | undefined;
      }
    | undefined;
}

/** What a certificate shows, after everything in it was checked. */
export interface Certified {
  readonly network: string;
  /** The time of the cut, Unix ms. */
  readonly at: number;
  /** 64 hex digits. */
  readonly root: string;
  /** The number of keys of that state, tombstones included. */
  readonly entries: number;
  /** The trusted authors whose signatures it has. */
  readonly signers: readonly Author[];
  /** How many signatures make a quorum. */
  readonly quorum: number;
  /** The roster whose writers signed: that of the trust list, or a later one. */
  readonly roster: Roster;
}

/** Most bytes of a certificate's text: one with as many rosters as go along fits. */
export const MAX_CERTIFICATE_TEXT = MAX_DOCUMENT_BYTES;

/**
 * Checks a certificate (SPEC Z4, Z5) as a node gives it out: its base64url text or the JSON
 * `{"at":…,"certificate":"…","rosters":[…]}`, or the bytes of either. Resolves with every check and its result, and with what was proven or the
 * LatticeError: `proof-malformed`, `proof-invalid`, `trust-needed`, `invalid-author`.
 *
 * @throws nothing: the error is part of the result
 * @example
 * const { checks, error } = await examineCertificate(certificate, { ...bundledCrypto(), trusted });
 * for (const { check, result, text } of checks) console.log(check, result, text);
 * console.log(error?.code);
 */
export function examineCertificate(
  certificate: string | Bytes,
  options: VerifyCertificateOptions,
): Promise<Examination<Certified>> {
  const { asked = {} } = options;
  return examine(CERTIFICATE_CHECKS, async (list) => {
    list.begin('form');
    const { bytes, at: shown, rosters } = readCertificate(certificate);
    const claim = decode('certificate', () => decodeCertificate(bytes));
    if (shown !== undefined && shown !== claim.at)
      throw malformed(
        `the certificate is for the time ${timeOf(claim.at)}, and what stands beside it says ${timeOf(shown)}`,
      );
    list.ok('the text is a certificate, and nothing else');

    const wanted = <T extends string | number>(
      check: 'network' | 'root' | 'time',
      is: T,
      want: T | undefined,
    ): void => {
      if (want === undefined) {
        list.skip(check, `no ${check} was asked for; the certificate is for ${said(is)}`);
        return;
      }
      list.begin(check);
      if (is !== want) throw invalid(`the certificate is for the ${check} ${said(is)}, not for ${said(want)}`);
      list.ok(`the ${check} is the one that was asked for`);
    };
    wanted('network', claim.network, asked.network);
    wanted('root', bytesToHex(claim.root), asked.root);
    wanted('time', claim.at, asked.at);

    const fleet = await checkRosters(rosters, claim.network, options, list);
    list.begin('signature');
    const { text, signers, quorum, roster } = await checkQuorum(bytes, claim.network, fleet, options);
    list.ok(text);
    return {
      network: claim.network,
      at: claim.at,
      root: bytesToHex(claim.root),
      entries: claim.entries,
      signers,
      quorum,
      roster,
    };
  });
}

/** What a certificate is for, as people read it: a time is no number of ms. */
const said = (is: string | number): string => (typeof is === 'number' ? timeOf(is) : is);

/**
 * Does what `examineCertificate` does, and rejects with its error.
 *
 * @throws `proof-malformed`, `proof-invalid`, `trust-needed`, `invalid-author`
 * @example
 * const certified = await verifyCertificate(certificate, { ...bundledCrypto(), trusted });
 * console.log(certified);
 */
export async function verifyCertificate(
  certificate: string | Bytes,
  options: VerifyCertificateOptions,
): Promise<Certified> {
  const { proven, error } = await examineCertificate(certificate, options);
  if (error !== undefined) throw error;
  return proven;
}

/**
 * Checks network, roster, time, quorum and signatures of a certificate. Rejects with LatticeError `proof-malformed`,
 * `proof-invalid` or `trust-needed`.
 */
export async function checkQuorum(
  bytes: Bytes,
  network: string,
  fleet: KnownFleet | undefined,
  { trusted, verifier }: AuditDeps & { readonly trusted: ProofTrust },
): Promise<{
  readonly text: string;
  readonly at: number;
  readonly root: Bytes;
  readonly signers: readonly Author[];
  readonly quorum: number;
  readonly roster: Roster;
}> {
  checkProofTrust(trusted);
  if (fleet === undefined) throw trustNeeded('a certificate says something only to whom knows the whole trust list');
  const { certificate, span, signatures, quorum } = decode('certificate', () =>
    checkCutCertificate(bytes, { network, withHash: (hash) => spanWithHash(fleet.spans, hash) }),
  );
  for (const { author, message, signature } of signatures) {
    if (!(await verifier.verify(author, message, signature)))
      throw invalid(`the certificate is not signed by ${author}`);
  }
  const { roster } = span.state;
  const who = fleet.plain ? 'trusted keys' : `writers of epoch ${roster.epoch}`;
  return {
    text: `${signatures.length} of ${writersOf(roster).length} ${who} signed this root, a quorum is ${quorum}`,
    at: certificate.at,
    root: certificate.root,
    signers: signatures.map(({ author }) => author),
    quorum,
    roster,
  };
}

/**
 * The bytes of a certificate, the time that stands beside it in JSON, and the rosters that go along. LatticeError
 * `proof-malformed`.
 */
function readCertificate(given: string | Bytes): {
  readonly bytes: Bytes;
  readonly at: number | undefined;
  readonly rosters: readonly Bytes[];
} {
  if (given.length > MAX_CERTIFICATE_TEXT) throw malformed(`a certificate has at most ${MAX_CERTIFICATE_TEXT} bytes`);
  const whole = typeof given === 'string' ? given : decode('certificate', () => bytesToText(given));
  const text = whole.startsWith('\uFEFF') ? whole.slice(1) : whole;
  if (!/^\s*\{/.test(text)) {
    const bytes = fromBase64url(text.replace(/\r?\n$/, ''), 'certificate');
    return { bytes, at: undefined, rosters: [] };
  }
  const { at, certificate, rosters, ...others } = parseDocument(whole) as Readonly<Record<string, unknown>>;
  if (Object.keys(others).length > 0 || !Number.isSafeInteger(at) || typeof certificate !== 'string')
    throw malformed('a certificate in JSON has "at", "certificate", perhaps "rosters", and nothing else');
  return { bytes: fromBase64url(certificate, 'certificate'), at: at as number, rosters: rostersOf(rosters) };
}
