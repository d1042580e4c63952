import { type RosterState, writersOf } from '../roster/index.ts';
import { type Author, equalBytes } from '../types/index.ts';
import { type FloorClaim, isSameClaim } from './own-cuts.ts';

/** From where to where a roster certifies cuts: later than `start` and up to `end`, Unix ms. */
export interface Reign {
  readonly state: RosterState;
  readonly start: number;
  /** Where the next roster starts; undefined for the present one. */
  readonly end: number | undefined;
}

/** Whether the roster may speak of a cut at all. Cuts at or before the start belong to the roster before it. */
export const reignsAt = ({ start, end }: Reign, at: number): boolean => at > start && (end === undefined || at <= end);

/**
 * What all writers of a roster claim alike of one cut: then the cut is complete. Undefined where one of them is
 * missing, says something else, or the cut is not the roster's to certify.
 */
export function completeOf(reign: Reign, claims: ReadonlyMap<Author, FloorClaim>): FloorClaim | undefined {
  let first: FloorClaim | undefined;
  for (const author of writersOf(reign.state.roster)) {
    const claim = claims.get(author);
    if (claim === undefined || !equalBytes(claim.roster, reign.state.hash) || !reignsAt(reign, claim.at))
      return undefined;
    first ??= claim;
    if (!isSameClaim(first, claim)) return undefined;
  }
  return first;
}
