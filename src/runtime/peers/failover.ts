import type { SyncMode } from '../facade/facade.ts';

/** P2P must have covered a peer this long before HTTP lets go of it; doubles each time it flaps. */
export const STABLE_MIN_MS = 15_000;
export const STABLE_MAX_MS = 300_000;
/** A return that lasted this long was no flap: the wait starts again from its minimum. */
const FLAP_FORGIVEN_MS = 600_000;

/** Which lung carries one peer. `uncovered`: no way known. All times are monotonic ms. */
export interface PathState {
  readonly lung: 'p2p' | 'http' | 'none';
  readonly since: number;
  /** Since when P2P covers the peer without a break. */
  readonly coveredSince: number | undefined;
  readonly stableMs: number;
  /** When P2P last gave the peer up after having carried it. */
  readonly lostAt: number | undefined;
}

export interface PathInput {
  readonly now: number;
  readonly mode: SyncMode;
  readonly graceMs: number;
  /** Last time a fresh signed head of the peer came over P2P, by any relay. */
  readonly heardAt: number | undefined;
  /** Since when the newest head names commits that have not arrived; undefined when all have. */
  readonly behindSince: number | undefined;
  /** The HTTP lung can try this peer: its URL is known. */
  readonly hasUrl: boolean;
}

export function initialPath(now: number): PathState {
  return { lung: 'none', since: now, coveredSince: undefined, stableMs: STABLE_MIN_MS, lostAt: undefined };
}

/**
 * Why P2P does not cover the peer, or undefined when it does: its signed head is fresh and reached within the grace.
 */
function uncoveredBecause(input: PathInput): string | undefined {
  if (input.mode === 'http') return 'manual mode http';
  if (input.heardAt === undefined) return 'not heard over P2P';
  const silent = input.now - input.heardAt;
  if (silent > input.graceMs) return `silent over P2P for ${(silent / 1000).toFixed(1)} s`;
  if (input.behindSince !== undefined && input.now - input.behindSince > input.graceMs) {
    return `its commits do not arrive over P2P for ${((input.now - input.behindSince) / 1000).toFixed(1)} s`;
  }
  return undefined;
}

/** One decision for one peer. The cause is there exactly when the lung changes. */
export function decidePath(state: PathState, input: PathInput): { readonly state: PathState; readonly cause?: string } {
  const because = uncoveredBecause(input);
  const coveredSince = because === undefined ? (state.coveredSince ?? input.now) : undefined;
  const kept = { ...state, coveredSince };
  const move = (
    lung: PathState['lung'],
    cause: string,
    change: Partial<PathState> = {},
  ): { state: PathState; cause: string } => ({
    state: { ...kept, ...change, lung, since: input.now },
    cause,
  });

  if (input.mode === 'p2p') {
    const lung = because === undefined ? 'p2p' : 'none';
    return lung === state.lung ? { state: kept } : move(lung, because ?? 'manual mode p2p');
  }
  if (because !== undefined) {
    const lung = input.hasUrl ? 'http' : 'none';
    if (lung === state.lung) return { state: kept };
    if (state.lung !== 'p2p') return move(lung, because);
    const flapped = state.lostAt !== undefined && input.now - state.since < FLAP_FORGIVEN_MS;
    return move(lung, because, {
      lostAt: input.now,
      stableMs: flapped ? Math.min(STABLE_MAX_MS, state.stableMs * 2) : STABLE_MIN_MS,
    });
  }
  if (state.lung === 'p2p') return { state: kept };
  if (state.lung === 'none') return move('p2p', 'heard over P2P');
  // P2P that comes up for the first time has broken no promise yet.
  if (state.lostAt === undefined) return move('p2p', 'heard over P2P');
  if (input.now - (coveredSince ?? input.now) < state.stableMs) return { state: kept };
  return move('p2p', `P2P stable for ${Math.round(state.stableMs / 1000)} s`);
}
