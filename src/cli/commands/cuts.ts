import { LatticeError } from '../../core/types/index.ts';
import { connect } from '../connect.ts';
import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { alignColumns, shellWord } from '../output.ts';
import { timeOf } from '../verdict.ts';
import { type WatchOptions, watch } from '../watch.ts';
import { type OutOptions, writeOut } from '../write-file.ts';

export interface CutsOptions extends WatchOptions {
  readonly limit: number;
}

export interface CertificateOptions extends OutOptions {
  readonly at?: number;
}

/** Lists the cuts of the last minutes, newest first. */
export async function cuts(context: CliContext, options: CutsOptions): Promise<number> {
  const client = await connect(context, options);
  return await watch(
    context,
    options,
    () => client.listCuts(),
    ({ items }) => {
      const shown = items.slice(0, options.limit);
      if (options.json) context.output.data({ items: shown });
      else if (shown.length === 0)
        context.output.line('no cuts yet: the first comes within half a minute of the start');
      else {
        const rows = shown.map((cut) => [
          new Date(cut.at).toISOString(),
          cut.root,
          String(cut.entries),
          cut.ours ? 'ours' : 'not ours',
          cut.certified ? `certified by ${cut.attesters.length}` : `attested by ${cut.attesters.length}`,
        ]);
        for (const line of alignColumns([['AT', 'ROOT', 'ENTRIES', 'STATE', 'QUORUM'], ...rows]))
          context.output.line(line);
      }
    },
  );
}

/** Gets the certificate of a cut, with which an auditor checks proofs. */
export async function certificate(context: CliContext, options: CertificateOptions): Promise<number> {
  const client = await connect(context, options);
  const answer = await client.getCertificate({ at: options.at });
  if (answer === undefined) {
    const which = options.at === undefined ? 'no cut' : `no cut at ${options.at}`;
    throw new LatticeError('not-found', `${which} has a certificate`, {
      next: 'See lattice cuts: which of the last minutes are certified.',
    });
  }
  if (options.out !== undefined) {
    const path = await writeOut(context, options.out, `${answer.certificate}\n`, options.force);
    if (options.json) context.output.data({ file: path, at: answer.at });
    else {
      context.output.line(`${path}: certificate of ${timeOf(answer.at)}`);
      context.output.remark(`check it anywhere: lattice cuts verify ${shellWord(options.out)} --trust fleet.json`);
    }
  } else if (options.json) context.output.data(answer);
  else context.output.line(answer.certificate);
  return EXIT.ok;
}
