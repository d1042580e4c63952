import type { CliContext } from './context.ts';
import { byteCount } from './output.ts';

/** How often a progress is drawn anew, ms. */
const DRAW_MS = 100;

/** Shows on a terminal how far a transfer is; elsewhere, and when data are asked for, it shows nothing. */
export interface Progress {
  at(bytes: number): void;
  /** Takes the line away. */
  end(): void;
}

export function createProgress(
  context: CliContext,
  what: string,
  of: number | undefined,
  options: { readonly json?: boolean },
): Progress {
  const { output } = context;
  const shows = options.json !== true;
  let drawnAt = Number.NEGATIVE_INFINITY;
  return {
    at(bytes) {
      const now = performance.now();
      if (!shows || now - drawnAt < DRAW_MS) return;
      drawnAt = now;
      const share = of === undefined || of === 0 ? '' : ` of ${byteCount(of)} (${Math.floor((100 * bytes) / of)} %)`;
      output.progress(`${what}: ${byteCount(bytes)}${share}`);
    },
    end() {
      if (shows) output.progress(undefined);
    },
  };
}

/** The pieces, of which each is added to the progress. */
export async function* watched(pieces: AsyncIterable<Uint8Array>, progress: Progress): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const piece of pieces) {
    bytes += piece.length;
    progress.at(bytes);
    yield piece;
  }
}
