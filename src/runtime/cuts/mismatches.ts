import { counted } from '../../core/types/index.ts';
import type { Log, Metrics } from '../../ports/index.ts';
import type { Warning } from '../facade/codes.ts';
import { dateTimeOf } from '../facade/times.ts';

/** What is said of cuts whose tree did not agree with the live one (SPEC Z2). */
export interface Mismatches {
  /** Logs and counts one. `root` is in hex. */
  note(cut: { readonly at: number; readonly root: string }): void;
  /** One warning, once there was any. */
  warnings(): readonly Warning[];
}

export function createMismatches(deps: { readonly log: Log; readonly metrics: Metrics }): Mismatches {
  let count = 0;
  let newest = 0;
  return {
    note({ at, root }) {
      count++;
      newest = at;
      deps.log.error({ at, root }, 'cuts start over: their tree does not agree with the state');
      deps.metrics.count('lattice_cut_mismatches_total');
    },
    warnings: () =>
      count === 0
        ? []
        : [
            {
              code: 'cut-mismatch',
              text:
                `the tree of the cuts did not agree with the state, ${counted(count, 'time')} since the start and last at the ` +
                `cut of ${dateTimeOf(newest)}: none of these roots was attested, and the tree was made anew`,
            },
          ],
  };
}
