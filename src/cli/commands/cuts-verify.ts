import { nodeHasher } from '../../adapters/system/hasher.ts';
import { createVerifier } from '../../adapters/system/keys.ts';
import { examineCertificate, MAX_CERTIFICATE_TEXT } from '../../audit/verify-certificate.ts';
import { type CliContext, type GlobalOptions, usageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { readInputBytes } from '../input.ts';
import { printable } from '../output.ts';
import { readTrust } from '../trust.ts';
import { printChecks, timeOf, verdictOf } from '../verdict.ts';
import { networkOf } from './proof-verify.ts';

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
  const trust = options.trust === undefined ? undefined : await readTrust(context, options.trust);
  const examination = await examineCertificate(await readInputBytes(context, file, MAX_CERTIFICATE_TEXT), {
    hasher: nodeHasher(),
    verifier: createVerifier(),
    trusted: trust?.authors ?? [],
    asked: { network: networkOf(options, trust), root: root?.toLowerCase(), at },
  });
  const verdict = verdictOf(examination, { trusted: trust !== undefined, anyKey: false });
  const { checks, proven, error } = examination;
  if (options.json) context.output.data({ verdict, checks, ...proven });
  else printChecks(context, checks);
  if (error !== undefined) throw error;
  if (!options.json) {
    const { network, entries, signers, quorum } = proven;
    context.output.line(
      printable(
        `At ${timeOf(proven.at)} ${signers.length} of ${trust?.authors.length} trusted nodes of ${network} (a quorum is ${quorum}) attested ${entries} keys under root ${proven.root}.`,
      ),
    );
  }
  return EXIT.ok;
}
