import { nodeHasher } from '../../adapters/system/hasher.ts';
import { createVerifier } from '../../adapters/system/keys.ts';
import { safetyOf } from '../../audit/rosters.ts';
import { timeOf } from '../../audit/times.ts';
import { examineCertificate, MAX_CERTIFICATE_TEXT } from '../../audit/verify-certificate.ts';
import { type Roster, writersOf } from '../../core/roster/index.ts';
import { counted } from '../../core/types/index.ts';
import { type CliContext, type GlobalOptions, usageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { readInputBytes } from '../input.ts';
import { printable } from '../output.ts';
import { readProofTrust } from '../trust.ts';
import { printChecks, verdictOf } from '../verdict.ts';
import { describeRoster, networkOf } from './proof-verify.ts';

export interface CertificateVerifyOptions extends GlobalOptions {
  readonly trust?: string;
  readonly network?: string;
  readonly root?: string;
  readonly at?: number;
}

const HEX_32 = /^[0-9a-fA-F]{64}$/;

/** Checks offline what `lattice cuts certificate` writes. */
export async function cutsVerify(
  context: CliContext,
  file: string,
  options: CertificateVerifyOptions,
): Promise<number> {
  const { root, at } = options;
  if (root !== undefined && !HEX_32.test(root)) throw usageError('--root takes 64 hex digits');
  const given = options.trust === undefined ? undefined : await readProofTrust(context, options.trust);
  const examination = await examineCertificate(await readInputBytes(context, file, MAX_CERTIFICATE_TEXT), {
    hasher: nodeHasher(),
    verifier: createVerifier(),
    trusted: given?.trusted ?? [],
    asked: { network: networkOf(options, given?.list), root: root?.toLowerCase(), at },
  });
  const verdict = verdictOf(examination, { trusted: given !== undefined, anyKey: false });
  const { checks, proven, error } = examination;
  if (options.json) {
    const { roster, ...shown } = proven ?? {};
    context.output.data({ verdict, checks, ...shown, ...(roster === undefined ? {} : describeRoster(roster)) });
  } else printChecks(context, checks, given?.list);
  if (error !== undefined) throw error;
  if (!options.json) {
    const { network, entries, signers, quorum, roster } = proven;
    context.output.line(
      printable(
        `At ${timeOf(proven.at)} ${signers.length} of ${writersOf(roster).length} trusted nodes of ${network} (${epochOf(roster)}a quorum is ${quorum}) attested ${counted(entries, 'key')} under root ${proven.root}.`,
      ),
    );
    context.output.remark(safetyOf(roster));
  }
  return EXIT.ok;
}

const epochOf = ({ epoch }: Roster): string => (epoch === 0 ? '' : `epoch ${epoch}, `);
