import { COLLECTION_GRID_MS, collectionFloorOf } from '../../core/floor/index.ts';
import { type Roster, rosterAt } from '../fleet/roster.ts';

/**
 * Up to when, Unix ms, a complete cut at `at` closes the state (SPEC FL6): the last point of the grid that is older than
 * the retention of the roster that certifies the cut. It depends on the cut alone, so all nodes find the same.
 */
export function collectedAt(
  roster: Pick<Roster, 'present' | 'from'>,
  at: number,
  gridMs: number = COLLECTION_GRID_MS,
): number {
  return collectionFloorOf(at, rosterAt(roster, at).state.roster.retentionMs, 0, gridMs);
}
