import { pause } from '../../client/retry.ts';
import { LatticeError } from '../../core/types/index.ts';
import { connect } from '../connect.ts';
import type { CliContext, GlobalOptions } from '../context.ts';
import { EXIT } from '../exit-codes.ts';

/** How often the node is asked how far it is. */
const LOOK_MS = 500;

/**
 * Has a node check its whole store, and shows how far it is until all was found good. A node that finds a fault ends,
 * and so does the command, with LatticeError `node-died`.
 */
export async function verify(context: CliContext, options: GlobalOptions): Promise<number> {
  const { output } = context;
  const client = await connect(context, options);
  const { round } = await client.verifyStore();
  const stopped = new AbortController();
  const release = context.onStop(() => stopped.abort());
  let shown = '';
  try {
    while (!stopped.signal.aborted) {
      const { scrub, entries } = await client.getStatus().catch(endedBy);
      if (scrub === undefined) throw new LatticeError('not-supported', 'this node has no scrub');
      if (scrub.completed >= round) {
        if (options.json) output.data({ valid: true, entries, completedAt: scrub.completedAt });
        else output.line(`all ${entries} entries, their signatures, the other rows and the files are good`);
        return EXIT.ok;
      }
      const progress = `${scrub.phase}: ${scrub.checked} of ${scrub.total} entries`;
      if (!options.json && progress !== shown) output.line(progress);
      shown = progress;
      await pause(LOOK_MS, stopped.signal);
    }
    return EXIT.failed;
  } finally {
    release();
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
