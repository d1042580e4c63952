import { INITIAL_HLC_STATE } from '../../../src/core/clock/index.ts';
import { type FloorClaim, type KeptKey, NO_CUTS, type OwnCuts, type Reign } from '../../../src/core/floor/index.ts';
import { NO_VOTES, type RosterState, type VoteState } from '../../../src/core/roster/index.ts';
import type { Author, Hlc } from '../../../src/core/types/index.ts';
import type { Op } from './world.ts';

export interface Disk {
  keys: ReadonlyMap<string, KeptKey<Op>>;
  late: ReadonlyMap<Op, number>;
  /** Operations of the floor state that were let go for want of room. */
  gone: ReadonlySet<Op>;
  hlc: Hlc;
  floor: { readonly claim: FloorClaim; readonly epoch: number } | undefined;
  own: OwnCuts;
  reigns: readonly Reign[];
  votes: VoteState;
  /** The newest T that each author is known to have attested, and its greatest HLC seen. */
  heard: ReadonlyMap<Author, { readonly attested: number; readonly committed: Hlc }>;
  /** By the node's own clock; from when on it has its present store. */
  since: number;
}

export const emptyDisk = (first: RosterState): Disk => ({
  keys: new Map(),
  late: new Map(),
  gone: new Set(),
  hlc: INITIAL_HLC_STATE.last,
  floor: undefined,
  own: NO_CUTS,
  reigns: [{ state: first, start: 0, end: undefined }],
  votes: NO_VOTES,
  heard: new Map(),
  since: Number.NEGATIVE_INFINITY,
});
