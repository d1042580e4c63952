import type { Author } from '../../core/types/index.ts';
import type { SavedBootstrap } from './record.ts';
import { type BootstrapState, initialState, recordOf } from './state.ts';

/**
 * Whether this node may vouch for its state, attest cuts and serve snapshots. It may not while signatures of a snapshot
 * that it took over are unverified. This is the one owner of the bootstrap's state, which `bootstrap.ts` changes.
 */
export interface Vouching {
  readonly state: BootstrapState;
  move(next: BootstrapState): void;
  /** Whether this node has verified every signature of its state. */
  isVerified(): boolean;
  /** How many operations were taken out for a bad signature, and who served the first of them, where that is known. */
  readonly quarantine: { readonly operations: number; readonly from: Author | undefined };
  quarantined(from: Author | undefined): void;
}

/** Begins with what an earlier run left in the store. */
export function createVouching(saved: SavedBootstrap): Vouching {
  let state = initialState(saved.record);
  let quarantine: Vouching['quarantine'] = { operations: saved.quarantined, from: saved.quarantinedFrom };
  return {
    get state() {
      return state;
    },
    move(next) {
      state = next;
    },
    isVerified: () => recordOf(state) === undefined,
    get quarantine() {
      return quarantine;
    },
    quarantined(from) {
      quarantine = { operations: quarantine.operations + 1, from: quarantine.from ?? from };
    },
  };
}
