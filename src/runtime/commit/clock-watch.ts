import type { Clock } from '../../ports/index.ts';
import type { ReadOnlyCode, Warning } from '../facade/codes.ts';

/**
 * A jump of the wall clock against the monotonic clock beyond this stops writes. It is the bound for local HLCs, too.
 */
const JUMP_MS = 20_000;
/** A jump counts as over when none has followed for this long: by then peers would have shown a wrong clock. */
const JUMP_HOLD_MS = 60_000;
/**
 * How far this node's clock may be from the median of its peers' clocks before the node warns, and before it refuses
 * writes (SPEC N7). The second bound is half of MAX_FUTURE_MS, so peers do not take what was written before for the
 * future.
 */
const SKEW_WARN_MS = 500;
const SKEW_REFUSE_MS = 30_000;

/** The reasons for which the wall clock cannot be relied on. */
type ClockCode = Extract<ReadOnlyCode, 'clock-jump' | 'clock-skew' | 'clock-ahead'>;

export interface ClockWatch {
  /** To be called at every tick with the clock offsets in ms of the peers heard lately. */
  look(offsets: readonly number[]): void;
  warnings(): readonly Warning[];
}

export interface ClockWatchDeps {
  readonly clock: Clock;
  /** How far the clock of the state is ahead of the wall clock, in ms. */
  readonly clockAheadMs: () => number;
  /** Sets a reason for being read-only, or clears it when `text` is undefined. */
  readonly set: (code: ClockCode, text: string | undefined) => void;
}

/** Judges this machine's clock: against its own monotonic clock, the clocks of the peers, and that of the state. */
export function createClockWatch({ clock, clockAheadMs, set }: ClockWatchDeps): ClockWatch {
  let last = { wall: clock.now(), monotonic: clock.monotonic() };
  let jumpedAt: number | undefined;
  let skew = 0;

  return {
    look(offsets) {
      const now = { wall: clock.now(), monotonic: clock.monotonic() };
      const jump = now.wall - last.wall - (now.monotonic - last.monotonic);
      last = now;
      if (Math.abs(jump) > JUMP_MS) {
        jumpedAt = now.monotonic;
        set(
          'clock-jump',
          `the wall clock jumped by ${Math.round(jump / 1000)} s: writes wait until it has been steady for ${JUMP_HOLD_MS / 1000} s`,
        );
      } else if (jumpedAt !== undefined && now.monotonic - jumpedAt > JUMP_HOLD_MS) {
        jumpedAt = undefined;
        set('clock-jump', undefined);
      }
      const sorted = [...offsets].sort((a, b) => a - b);
      skew = sorted[sorted.length >> 1] ?? 0;
      set(
        'clock-skew',
        Math.abs(skew) > SKEW_REFUSE_MS
          ? `this machine's clock is ${Math.round(skew / -1000)} s away from its peers' median: set it right`
          : undefined,
      );
      const ahead = clockAheadMs();
      set(
        'clock-ahead',
        ahead > JUMP_MS
          ? `the state's clock is ${Math.round(ahead / 1000)} s ahead of this machine's: check the clocks of all nodes`
          : undefined,
      );
    },
    warnings: () =>
      Math.abs(skew) > SKEW_WARN_MS
        ? [
            {
              code: 'clock-skew',
              text: `this machine's clock differs from its peers' by ${Math.round(skew)} ms: check NTP`,
            },
          ]
        : [],
  };
}
