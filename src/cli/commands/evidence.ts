import { nodeHasher } from '../../adapters/system/hasher.ts';
import { createVerifier } from '../../adapters/system/keys.ts';
import { examineEvidence, MAX_EVIDENCE_BYTES } from '../../audit/evidence.ts';
import { LatticeError } from '../../core/types/index.ts';
import { connect } from '../connect.ts';
import type { CliContext, GlobalOptions } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { readInputBytes } from '../input.ts';
import { readNames } from '../names.ts';
import { alignColumns, printable, shellWord } from '../output.ts';
import { authorNamed, readTrust } from '../trust.ts';
import { printChecks, verdictOf } from '../verdict.ts';
import { type OutOptions, writeOut } from '../write-file.ts';
import { networkOf } from './proof-verify.ts';

/** Lists what keys signed twice, as far as the node knows. */
export async function evidenceList(context: CliContext, options: GlobalOptions): Promise<number> {
  const client = await connect(context, options);
  const { items } = await client.listEvidence();
  const { output } = context;
  if (options.json) output.data({ items });
  else if (items.length === 0)
    output.line('This node knows of no key that signed two things that contradict each other.');
  else {
    const names = await readNames(client);
    const rows = items.map(({ id, kind, author, about }) => [id, kind, names.ofAuthor(author), about]);
    for (const line of alignColumns([['ID', 'KIND', 'AUTHOR', 'SIGNED'], ...rows])) output.line(line);
  }
  return EXIT.ok;
}

/** Gets a piece of evidence as a file that anybody can check. */
export async function evidenceExport(context: CliContext, id: string, options: OutOptions): Promise<number> {
  const client = await connect(context, options);
  const found = (await client.listEvidence()).items.find((one) => one.id === id);
  if (found === undefined)
    throw new LatticeError('not-found', `this node has no evidence ${printable(id)}`, {
      next: 'See lattice evidence ls: the first column.',
    });
  const { id: _, about: __, ...document } = found;
  if (options.out === undefined) {
    context.output.data(document);
    return EXIT.ok;
  }
  const path = await writeOut(context, options.out, `${JSON.stringify(document)}\n`, options.force);
  if (options.json) context.output.data({ file: path, id });
  else {
    context.output.line(
      `${path} has the evidence against ${printable((await readNames(client)).ofAuthor(found.author))}.`,
    );
    context.output.remark(`Check it anywhere: lattice evidence verify ${shellWord(options.out)} --trust fleet.json`);
  }
  return EXIT.ok;
}

export interface EvidenceVerifyOptions extends GlobalOptions {
  readonly trust?: string;
  readonly network?: string;
  readonly author?: string;
}

/** Checks offline what `lattice evidence export` writes. Without a trust list it says which key signed both, no more. */
export async function evidenceVerify(
  context: CliContext,
  file: string,
  options: EvidenceVerifyOptions,
): Promise<number> {
  const trust = options.trust === undefined ? undefined : await readTrust(context, options.trust);
  const author = options.author === undefined ? undefined : authorNamed(options.author, trust, '--author');
  const examination = await examineEvidence(await readInputBytes(context, file, MAX_EVIDENCE_BYTES), {
    hasher: nodeHasher(),
    verifier: createVerifier(),
    trusted: trust?.authors ?? 'anyone',
    asked: { network: networkOf(options, trust), author },
  });
  const { checks, proven, error } = examination;
  // A key that signed both is shown by the signatures alone; whose key it is, is another question.
  const verdict = verdictOf(examination, { trusted: true, anyKey: false });
  if (options.json) context.output.data({ verdict, checks, ...proven });
  else printChecks(context, checks, trust);
  if (error !== undefined) throw error;
  if (!options.json) {
    const name = trust?.names.get(proven.author);
    const who = name === undefined ? proven.author : `${name} (${proven.author})`;
    context.output.line(printable(`${who} signed ${proven.about}.`));
    if (proven.kind === 'forgotten')
      context.output.remark('An honest node does that too when its store lost something, or its trust list changed.');
    else context.output.remark('An honest node never does that: it lies, or its key lives twice.');
  }
  return EXIT.ok;
}
