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

/**
 * Up to when, Unix ms, anybody may have collected by the time `ms`: a retention that has grown since takes back nothing
 * of what earlier rosters let go.
 */
export function collectedBy(roster: Pick<Roster, 'from'>, ms: number, gridMs: number = COLLECTION_GRID_MS): number {
  let most = 0;
  for (const { state, start, end = ms } of roster.from(0))
    if (start < ms) most = collectionFloorOf(Math.min(ms, end), state.roster.retentionMs, most, gridMs);
  return most;
}
