import { counted, joined, LatticeError } from '../../core/types/index.ts';
import { connect } from '../connect.ts';
import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { type FleetOptions, fleetTable } from '../fleet-table.ts';
import { byName, readNames } from '../names.ts';
import { alignColumns, printable, SHORT_ROOT, shellWord } from '../output.ts';
import { timesOf } from '../times.ts';
import { rosterHashOf } from '../trust.ts';
import { type WatchOptions, watch } from '../watch.ts';
import { type OutOptions, writeOut } from '../write-file.ts';

export interface CutsOptions extends WatchOptions {
  readonly limit: number;
}

export interface CertificateOptions extends OutOptions {
  readonly at?: number;
  /** The hash of the roster that the verifier keeps. */
  readonly sinceRoster?: string;
}

/** Names that a row lists before it counts the rest. */
const SHOWN_NAMES = 5;

/** Lists the cuts of the last minutes, newest first. */
export async function cuts(context: CliContext, options: CutsOptions & FleetOptions): Promise<number> {
  if (options.fleet !== undefined) return await cutsOfFleet(context, options);
  const times = timesOf(options);
  const client = await connect(context, options);
  return await watch(
    context,
    options,
    async () => {
      const [{ items }, names] = await Promise.all([client.listCuts(), options.json ? undefined : readNames(client)]);
      return { items, names };
    },
    ({ items, names }) => {
      const shown = items.slice(0, options.limit);
      if (options.json) context.output.data({ items: shown });
      else if (shown.length === 0)
        context.output.line('There are no cuts yet: the first comes within half a minute of the start.');
      else {
        const rows = shown.map((cut) => [
          times.at(cut.at),
          cut.root,
          String(cut.entries),
          cut.ours ? 'the same' : 'another root',
          String(cut.epoch),
          `${cut.certified ? 'certified' : 'attested'} by ${printable(
            fewOf(
              byName(
                cut.attesters.map((one) => names?.ofAuthor(one) ?? one),
                (one) => one,
              ),
            ),
          )}`,
        ]);
        for (const line of alignColumns([['AT', 'ROOT', 'ENTRIES', 'THIS NODE', 'EPOCH', 'BY WHOM'], ...rows]))
          context.output.line(line);
      }
    },
  );
}

/** The first few names, and how many more there are. */
function fewOf(names: readonly string[]): string {
  const more = names.length - SHOWN_NAMES;
  return names.length === 0
    ? 'nobody'
    : more > 0
      ? `${names.slice(0, SHOWN_NAMES).join(', ')} and ${more} more`
      : joined(names);
}

/** The newest cut of each node, the newest that is certified, and up to when it knows the fleet to have agreed. */
async function cutsOfFleet(context: CliContext, options: CutsOptions & FleetOptions): Promise<number> {
  const times = timesOf(options);
  return await fleetTable(context, options, async (client) => (await client.getStatus()).cuts, {
    columns: ['NEWEST CUT', 'ROOT', 'CERTIFIED', 'CONVERGED AS OF', 'REMARKS'],
    rows: (cuts) => [
      [
        cuts?.newest === undefined ? '-' : times.at(cuts.newest.at),
        cuts?.newest?.root.slice(0, SHORT_ROOT) ?? '-',
        cuts?.certified === undefined ? '-' : times.at(cuts.certified.at),
        cuts?.convergedAsOf === undefined ? '-' : times.at(cuts.convergedAsOf),
        [
          ...(cuts?.lagging === undefined ? [] : [`makes no cuts: ${printable(cuts.lagging)}`]),
          ...(cuts?.disagreeing.length ? [`${counted(cuts.disagreeing.length, 'node')} attested another root`] : []),
        ].join('; '),
      ],
    ],
    data: (cuts) => ({ cuts }),
  });
}

/** Gets the certificate of a cut, with which an auditor checks proofs. */
export async function certificate(context: CliContext, options: CertificateOptions): Promise<number> {
  const client = await connect(context, options);
  const answer = await client.getCertificate({ at: options.at, from: rosterHashOf(options.sinceRoster) });
  if (answer === undefined) {
    const which = options.at === undefined ? 'no cut' : `no cut of ${timesOf(options).at(options.at)}`;
    throw new LatticeError('not-found', `${which} has a certificate`, {
      next: 'See lattice cuts: which of the last minutes are certified.',
    });
  }
  // One line is enough as long as no roster was decided, which would have to go along.
  const document = answer.rosters === undefined ? answer.certificate : JSON.stringify(answer);
  if (options.out !== undefined) {
    const path = await writeOut(context, options.out, `${document}\n`, options.force);
    if (options.json) context.output.data({ file: path, at: answer.at });
    else {
      context.output.line(`${path} has the certificate of ${timesOf(options).at(answer.at)}.`);
      context.output.remark(`Check it anywhere: lattice cuts verify ${shellWord(options.out)} --trust fleet.json`);
    }
  } else if (options.json) context.output.data(answer);
  else context.output.line(document);
  return EXIT.ok;
}
