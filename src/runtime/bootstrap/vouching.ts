import type { Author } from '../../core/types/index.ts';
import type { SavedBootstrap } from './record.ts';
import { type BootstrapState, initialState, recordOf } from './state.ts';

/**
 * Whether this node may vouch for its state, attest cuts and serve snapshots: not while signatures of a snapshot that it
 * took over are unverified. The one holder of the bootstrap's state; `bootstrap.ts` moves it.
 */
export interface Vouching {
  readonly state: BootstrapState;
  move(next: BootstrapState): void;
  /** Every signature of the state was verified by this node. */
  isVerified(): boolean;
  /** Operations that were taken out for a bad signature, and who served the first of them, where that is known. */
  readonly quarantine: { readonly operations: number; readonly from: Author | undefined };
  quarantined(from: Author | undefined): void;
}

/** `saved`: what an earlier run left. */
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
