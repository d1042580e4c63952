import type { Cause, CauseCode } from '../facade/codes.ts';
import type { SyncMode } from '../facade/index.ts';

/** How long P2P must have covered a peer before it takes over from HTTP again. The time doubles with each flap. */
export const STABLE_MIN_MS = 15_000;
export const STABLE_MAX_MS = 300_000;
/** A return to P2P that lasted this long was no flap: the wait begins again with its minimum. */
const FLAP_FORGIVEN_MS = 600_000;

/** Which lung carries one peer, and why it may change. `none`: no lung does. All times are monotonic ms. */
export interface PathState {
  readonly lung: 'p2p' | 'http' | 'none';
  readonly since: number;
  /** Since when P2P has covered the peer without a break. */
  readonly coveredSince: number | undefined;
  readonly stableMs: number;
  /** When P2P last stopped covering the peer after it had carried it. */
  readonly lostAt: number | undefined;
}

export interface PathInput {
  readonly now: number;
  readonly mode: SyncMode;
  /** Whether this node syncs with the peer at all (SPEC S9). */
  readonly isMember: boolean;
  readonly graceMs: number;
  /** When a fresh signed head of the peer last came over P2P, by whichever relay. */
  readonly heardAt: number | undefined;
  /** Since when the newest head has named commits that have not arrived; undefined when all have. */
  readonly behindSince: number | undefined;
  /** Whether the HTTP lung can try this peer, because its URL is known. */
  readonly hasUrl: boolean;
}

export function initialPath(now: number): PathState {
  return { lung: 'none', since: now, coveredSince: undefined, stableMs: STABLE_MIN_MS, lostAt: undefined };
}

const because = (code: CauseCode, text: string): Cause => ({ code, text });
const NO_MEMBER = because('no-member', 'it is no member any more');
const HEARD = because('heard', 'heard over P2P');

/**
 * Why P2P does not cover the peer. Undefined when it does: a fresh signed head came within the grace, and no commits
 * have been missing for longer than the grace (SPEC N4).
 */
function uncoveredBecause(input: PathInput): Cause | undefined {
  if (input.mode === 'http') return because('manual-mode', 'manual mode http');
  if (input.heardAt === undefined) return because('not-heard', 'not heard over P2P');
  const silent = input.now - input.heardAt;
  if (silent > input.graceMs) return because('silent', `silent over P2P for ${(silent / 1000).toFixed(1)} s`);
  if (input.behindSince !== undefined && input.now - input.behindSince > input.graceMs) {
    const seconds = ((input.now - input.behindSince) / 1000).toFixed(1);
    return because('behind', `its commits do not arrive over P2P for ${seconds} s`);
  }
  return undefined;
}

/** Decides which lung carries one peer. There is a `cause` exactly when the lung changes. */
export function decidePath(state: PathState, input: PathInput): { readonly state: PathState; readonly cause?: Cause } {
  const uncovered = uncoveredBecause(input);
  const coveredSince = uncovered === undefined ? (state.coveredSince ?? input.now) : undefined;
  const kept = { ...state, coveredSince };
  const move = (
    lung: PathState['lung'],
    cause: Cause,
    change: Partial<PathState> = {},
  ): { state: PathState; cause: Cause } => ({
    state: { ...kept, ...change, lung, since: input.now },
    cause,
  });

  if (!input.isMember)
    return state.lung === 'none' ? { state: kept } : move('none', NO_MEMBER, { coveredSince: undefined });
  if (input.mode === 'p2p') {
    const lung = uncovered === undefined ? 'p2p' : 'none';
    return lung === state.lung ? { state: kept } : move(lung, uncovered ?? because('manual-mode', 'manual mode p2p'));
  }
  if (uncovered !== undefined) {
    const lung = input.hasUrl ? 'http' : 'none';
    if (lung === state.lung) return { state: kept };
    if (state.lung !== 'p2p') return move(lung, uncovered);
    const flapped = state.lostAt !== undefined && input.now - state.since < FLAP_FORGIVEN_MS;
    return move(lung, uncovered, {
      lostAt: input.now,
      stableMs: flapped ? Math.min(STABLE_MAX_MS, state.stableMs * 2) : STABLE_MIN_MS,
    });
  }
  if (state.lung === 'p2p') return { state: kept };
  if (state.lung === 'none') return move('p2p', HEARD);
  // P2P that comes up for the first time has not failed this peer, so it need not prove to be stable.
  if (state.lostAt === undefined) return move('p2p', HEARD);
  if (input.now - (coveredSince ?? input.now) < state.stableMs) return { state: kept };
  return move('p2p', because('stable', `P2P stable for ${Math.round(state.stableMs / 1000)} s`));
}
