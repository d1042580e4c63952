import { pause } from '../../client/retry.ts';
import { counted, LatticeError } from '../../core/types/index.ts';
import type { ApiClient } from '../client.ts';
import { connect } from '../connect.ts';
import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { type FleetOptions, fleetTable } from '../fleet-table.ts';
import { timesOf } from '../times.ts';

/** How often the node is asked how far it is. */
const LOOK_MS = 500;

/**
 * Has a node check its whole store, and shows how far it is until all was found good. A node that finds a fault ends,
 * and so does the command, with LatticeError `node-died`.
 */
export async function verify(context: CliContext, options: FleetOptions): Promise<number> {
  const { output } = context;
  const times = timesOf(options);
  const stopped = new AbortController();
  const release = context.onStop(() => stopped.abort());
  try {
    if (options.fleet !== undefined) {
      return await fleetTable(context, options, (client) => checked(client, stopped.signal, () => undefined), {
        columns: ['STORE', 'CHECKED AT'],
        rows: ({ entries, completedAt }) => [
          [
            output.paint('green', `all ${counted(entries, 'entry', 'entries')} and the files are good`),
            completedAt === undefined ? '-' : times.at(completedAt),
          ],
        ],
        data: (value) => ({ valid: true, ...value }),
      });
    }
    const client = await connect(context, options);
    const { entries, completedAt } = await checked(client, stopped.signal, (progress) => {
      if (!options.json) output.line(progress);
    });
    if (options.json) output.data({ valid: true, entries, completedAt });
    else
      output.line(
        `All ${counted(entries, 'entry', 'entries')}, their signatures, the other rows and the files are good.`,
      );
    return EXIT.ok;
  } catch (error) {
    if (stopped.signal.aborted) return EXIT.failed;
    throw error;
  } finally {
    release();
  }
}

interface Checked {
  readonly entries: number;
  /** Unix ms. */
  readonly completedAt: number | undefined;
}

/** Has one node check its store. Rejects when it ends meanwhile, or when the wait is aborted. */
async function checked(client: ApiClient, signal: AbortSignal, say: (progress: string) => void): Promise<Checked> {
  const { round } = await client.verifyStore();
  let said = '';
  for (;;) {
    const { scrub, entries } = await client.getStatus().catch(endedBy);
    if (scrub === undefined) throw new LatticeError('not-supported', 'this node cannot check its store while it runs');
    if (scrub.completed >= round) return { entries, completedAt: scrub.completedAt };
    const progress =
      scrub.phase === 'waiting'
        ? 'The check begins.'
        : `Checking the ${scrub.phase}: ${scrub.checked} of ${counted(scrub.total, 'entry', 'entries')}`;
    if (progress !== said) say(progress);
    said = progress;
    await pause(LOOK_MS, signal);
    if (signal.aborted) throw new LatticeError('aborted', 'the check goes on in the node, unwatched');
  }
}

function endedBy(cause: unknown): never {
  if (cause instanceof LatticeError && cause.code === 'unreachable')
    throw new LatticeError('node-died', `the node ended while it checked its store: ${cause.message}`, {
      next: 'Read the last lines of its log: a node that finds its store damaged says what is, and ends.',
      cause,
    });
  throw cause;
}
