import { isInPlaceOfNode, isTemporary, pause } from '../client/retry.ts';
import { advised } from './advice.ts';
import type { CliContext, GlobalOptions } from './context.ts';
import { reportError } from './errors.ts';
import { EXIT } from './exit-codes.ts';

export interface WatchOptions extends GlobalOptions {
  readonly watch?: boolean;
  /** Seconds from one look to the next. */
  readonly interval: number;
}

/** Moves the cursor home and clears the screen below it, which redraws without flicker. */
const REDRAW = '\u001b[H\u001b[J';

/**
 * Shows what `look` resolves with. With --watch it does so again and again until a signal, even while the node does not
 * answer.
 */
export async function watch<T>(
  context: CliContext,
  options: WatchOptions,
  look: () => Promise<T>,
  show: (seen: T) => void,
): Promise<number> {
  if (!options.watch) {
    show(await look());
    return EXIT.ok;
  }
  const stopped = new AbortController();
  const release = context.onStop(() => stopped.abort());
  let answered = false;
  try {
    while (!stopped.signal.aborted) {
      let present: () => void;
      try {
        const seen = await look();
        answered = true;
        present = () => show(seen);
      } catch (error) {
        // The node may be restarting, and a proxy may answer in its place meanwhile.
        if (!isTemporary(error) && !(answered && isInPlaceOfNode(error))) throw error;
        present = () => reportError(advised(error, options), context.output, options.json === true);
      }
      if (context.output.interactive && !options.json) context.output.write(REDRAW);
      present();
      await pause(options.interval * 1000, stopped.signal);
    }
    return EXIT.ok;
  } finally {
    release();
  }
}
