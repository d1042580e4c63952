import { nodeHasher } from '../../adapters/system/hasher.ts';
import { createVerifier } from '../../adapters/system/keys.ts';
import { verifyProofDocument } from '../../audit/index.ts';
import { type Author, LatticeError } from '../../core/types/index.ts';
import { authorToPeerId } from '../../core/wire/peer-id.ts';
import { type CliContext, type GlobalOptions, usageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { readInput } from '../input.ts';
import { printable } from '../output.ts';

export interface ProofVerifyOptions extends GlobalOptions {
  readonly root?: string;
  readonly trust?: string;
}

/** Somewhat more than 256 siblings of 80 KiB in base64url. */
const MAX_PROOF_BYTES = 32 * 1024 * 1024;
const HEX_32 = /^[0-9a-fA-F]{64}$/;

export async function proofVerify(context: CliContext, file: string, options: ProofVerifyOptions): Promise<number> {
  const { root, trust } = options;
  if (root !== undefined && !HEX_32.test(root)) throw usageError('--root takes 64 hex digits');
  const trusted = trust?.split(',').map((key) => key.trim().toLowerCase()) as Author[] | undefined;
  if (trusted !== undefined && !trusted.every((key) => HEX_32.test(key)))
    throw usageError('--trust takes public keys of 64 hex digits, separated by commas');

  const text = await readInput(context, file, MAX_PROOF_BYTES);
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw new LatticeError('proof-malformed', 'the file is not JSON', {
      next: 'Fetch the proof again: lattice proof get KEY --out FILE.',
      cause,
    });
  }
  const proven = await verifyProofDocument(document, {
    hasher: nodeHasher(),
    verifier: createVerifier(),
    root: root?.toLowerCase(),
    trusted,
  });

  const state =
    proven.kind === 'present'
      ? `held the value ${JSON.stringify(proven.value)}`
      : proven.kind === 'deleted'
        ? 'held a tombstone (deleted)'
        : 'held nothing';
  const held = `${state} for the key ${JSON.stringify(proven.key)}`;
  const { head, certificate } = proven;
  const signer = head === undefined ? undefined : authorToPeerId(head.author);
  const statement =
    head === undefined
      ? `At ${new Date(certificate?.at ?? 0).toISOString()} the state that ${certificate?.signers.length} trusted nodes attested ${held}.`
      : `At this head (sequence ${head.sequence}, its clock ${new Date(head.wallMs).toISOString()}), node ${signer} ${held}.`;
  if (options.json) {
    context.output.json({
      valid: true,
      key: proven.key,
      kind: proven.kind,
      ...(proven.kind === 'present' ? { value: proven.value } : {}),
      root: proven.root,
      network: proven.network,
      ...(head === undefined ? {} : { signer, signerKey: head.author, sequence: head.sequence, wallMs: head.wallMs }),
      ...(certificate === undefined ? {} : { certificate }),
      writers: proven.writers,
      siblings: proven.siblings,
      checks: proven.checks,
      trustChecked: trusted !== undefined,
      statement,
    });
    return EXIT.ok;
  }
  const { line, remark, paint } = context.output;
  for (const check of proven.checks) line(`${paint('green', '✓')} ${printable(check)}`);
  line(printable(statement));
  if (proven.siblings > 1)
    line(`${proven.siblings} concurrent values were held; the one shown is the greatest by (time, author, commit).`);
  remark(
    `It does not say that this is the latest value${certificate === undefined ? ', nor that other nodes held it' : ''}.`,
  );
  if (trusted === undefined)
    remark('Whether you trust the signer and the writers was not checked: give their keys with --trust.');
  return EXIT.ok;
}
