import { connect } from '../connect.ts';
import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { printable, shellWord } from '../output.ts';
import { rosterHashOf } from '../trust.ts';
import { type OutOptions, writeOut } from '../write-file.ts';

export interface ProofGetOptions extends OutOptions {
  /** 'cut' asks for a proof under the newest root that a quorum has certified, with the certificate. */
  readonly at?: 'cut';
  /** The hash of the roster that the verifier keeps. */
  readonly sinceRoster?: string;
}

export async function proofGet(context: CliContext, key: string, options: ProofGetOptions): Promise<number> {
  const client = await connect(context, options);
  const proof = await client.getProof(key, { at: options.at, from: rosterHashOf(options.sinceRoster) });
  if (options.out === undefined) {
    context.output.data(proof);
    return EXIT.ok;
  }
  const path = await writeOut(context, options.out, `${JSON.stringify(proof)}\n`, options.force);
  if (options.json) context.output.data({ file: path, key, kind: proof.kind, root: proof.root });
  else {
    context.output.line(`${path}: ${printable(key)} is ${proof.kind} under root ${proof.root}`);
    context.output.remark(
      `Check it anywhere: lattice proof verify ${shellWord(options.out)} --key ${shellWord(printable(key))} --trust fleet.json`,
    );
  }
  return EXIT.ok;
}
