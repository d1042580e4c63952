import { nodeHasher } from '../../adapters/system/hasher.ts';
import { createVerifier } from '../../adapters/system/keys.ts';
import { MAX_DOCUMENT_BYTES } from '../../audit/document.ts';
import { safetyOf } from '../../audit/rosters.ts';
import { timeOf } from '../../audit/times.ts';
import { examineProof, type ProofQuestion, type Proven } from '../../audit/verify-proof.ts';
import { parseJson } from '../../core/cbor/index.ts';
import { type Roster, writersOf } from '../../core/roster/index.ts';
import { counted, type JsonValue, LatticeError } from '../../core/types/index.ts';
import { authorToPeerId } from '../../core/wire/peer-id.ts';
import { type CliContext, type GlobalOptions, usageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { readInputBytes } from '../input.ts';
import { printable } from '../output.ts';
import { readProofTrust, type TrustList } from '../trust.ts';
import { notVerified, printChecks, verdictOf } from '../verdict.ts';

export interface ProofVerifyOptions extends GlobalOptions {
  readonly trust?: string;
  readonly key?: string;
  readonly network?: string;
  readonly root?: string;
  /** JSON. */
  readonly value?: string;
  readonly absent?: boolean;
  readonly insecureAnyKey?: boolean;
}

const HEX_32 = /^[0-9a-fA-F]{64}$/;

/**
 * Checks a proof document offline and says yes only to what was asked: with a trust list, and about the key, network,
 * root and value that the options name. Everything that was or was not checked is printed, whatever the verdict.
 */
export async function proofVerify(context: CliContext, file: string, options: ProofVerifyOptions): Promise<number> {
  const anyKey = options.insecureAnyKey === true;
  if (anyKey && options.trust !== undefined) throw usageError('--insecure-any-key excludes --trust');
  const given = options.trust === undefined ? undefined : await readProofTrust(context, options.trust);
  const trust = given?.list;
  const asked = questionOf(options, trust);
  const examination = await examineProof(await readInputBytes(context, file, MAX_DOCUMENT_BYTES), {
    hasher: nodeHasher(),
    verifier: createVerifier(),
    trusted: given?.trusted ?? 'anyone',
    asked,
  });
  const verdict = verdictOf(examination, { trusted: given !== undefined, anyKey });
  const { checks, proven, error } = examination;
  const shown = verdict === 'verified' || verdict === 'any-key' ? proven : undefined;

  if (options.json) context.output.data({ verdict, checks, ...(shown === undefined ? {} : describe(shown, trust)) });
  else {
    printChecks(context, checks, trust);
    if (shown !== undefined) sayProven(context, shown, trust);
  }
  if (anyKey && shown !== undefined)
    context.output.remark('warning: no key was checked, so that this may have been signed by anyone');
  if (error !== undefined) throw error;
  if (verdict === 'not-verified') throw notVerified();
  return EXIT.ok;
}

function questionOf(options: ProofVerifyOptions, trust: TrustList | undefined): ProofQuestion {
  const { key, root, value, absent } = options;
  if (root !== undefined && !HEX_32.test(root)) throw usageError('--root takes 64 hex digits');
  if (value !== undefined && absent === true) throw usageError('--value and --absent exclude each other');
  return {
    key,
    network: networkOf(options, trust),
    root: root?.toLowerCase(),
    value: value === undefined ? undefined : valueOf(value),
    noValue: absent,
  };
}

/** The network that was asked for: that of --network, or of the fleet.json that --trust names. */
export function networkOf(options: { readonly network?: string }, trust: TrustList | undefined): string | undefined {
  const { network } = options;
  if (network !== undefined && trust?.network !== undefined && network !== trust.network)
    throw usageError(`--network is ${printable(network)}, the fleet of --trust is ${printable(trust.network)}`);
  return network ?? trust?.network;
}

function valueOf(text: string): JsonValue {
  try {
    return parseJson(text, undefined, { exactNumbers: true });
  } catch (cause) {
    if (!(cause instanceof LatticeError)) throw cause;
    throw usageError(`--value is not JSON: ${cause.message}`, 'Quote text twice: --value \'"hello"\'.');
  }
}

function statementOf({ key, kind, value, head, certificate }: Proven, trust: TrustList | undefined): string {
  const what =
    kind === 'present'
      ? `the value ${JSON.stringify(value)}`
      : kind === 'deleted'
        ? 'a tombstone (deleted)'
        : kind === 'expired'
          ? 'a value that had ended (expired)'
          : 'nothing';
  const held = `held ${what} for the key ${JSON.stringify(key)}`;
  const name = head === undefined ? undefined : trust?.names.get(head.author);
  return head === undefined
    ? `At ${timeOf(certificate?.at ?? 0)} the state that ${counted(certificate?.signers.length ?? 0, 'trusted node')} attested ${held}.`
    : `At this head (sequence ${head.sequence}, its clock ${timeOf(head.wallMs)}), node ${name === undefined ? authorToPeerId(head.author) : `${name} (${authorToPeerId(head.author)})`} ${held}.`;
}

function describe(proven: Proven, trust: TrustList | undefined): Readonly<Record<string, unknown>> {
  const { key, kind, value, root, network, head, certificate, writers, siblings } = proven;
  return {
    key,
    kind,
    ...(kind === 'present' ? { value } : {}),
    root,
    network,
    ...(head === undefined
      ? { certificate: certificate === undefined ? undefined : describeCertificate(certificate) }
      : {
          signer: authorToPeerId(head.author),
          signerKey: head.author,
          sequence: head.sequence,
          wallMs: head.wallMs,
        }),
    writers,
    siblings,
    statement: statementOf(proven, trust),
  };
}

/** Who certified a cut, under which roster, and what that is safe against. */
function describeCertificate({ roster, ...certificate }: NonNullable<Proven['certificate']>): object {
  return { ...certificate, ...describeRoster(roster) };
}

/** The roster under which a cut was certified, and what its quorums are safe against. */
export function describeRoster(roster: Roster): object {
  return {
    epoch: roster.epoch,
    rule: roster.certify,
    writers: writersOf(roster).length,
    safety: safetyOf(roster),
  };
}

function sayProven({ output }: CliContext, proven: Proven, trust: TrustList | undefined): void {
  output.line(printable(statementOf(proven, trust)));
  if (proven.siblings > 1)
    output.line(
      `${counted(proven.siblings, 'concurrent value')} were held; the one shown is the greatest by (time, author, commit).`,
    );
  if (proven.certificate !== undefined) output.remark(safetyOf(proven.certificate.roster));
  output.remark(
    `It does not say that this is the latest value${proven.head === undefined ? '' : ', nor that other nodes held it'}.`,
  );
}
