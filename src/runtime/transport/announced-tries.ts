import type { Author } from '../../core/types/index.ts';
import type { Clock } from '../../ports/index.ts';

/**
 * What tries in vain at the announced URLs of a member are remembered for, beyond the wait that they brought about: one
 * whole wait of a URL at which nobody ever answers.
 */
const REMEMBERED_MS = 600_000;

/** Tries in vain in a row, and what they hold back. */
export interface Tries {
  readonly failures: number;
  /** Monotonic ms: no try before. */
  readonly nextAt: number;
  /** Monotonic ms: when a try was last made sooner than that. */
  readonly hurriedAt: number;
}

export const UNTRIED: Tries = { failures: 0, nextAt: 0, hurriedAt: -Infinity };

/** The most that any of them holds back. */
export function worstOf(all: readonly Tries[]): Tries {
  return {
    failures: Math.max(UNTRIED.failures, ...all.map(({ failures }) => failures)),
    nextAt: Math.max(UNTRIED.nextAt, ...all.map(({ nextAt }) => nextAt)),
    hurriedAt: Math.max(UNTRIED.hurriedAt, ...all.map(({ hurriedAt }) => hurriedAt)),
  };
}

/**
 * The tries at URLs that members announce no longer (SPEC AD4). A member that names one address of somebody else after
 * the other, or its own in between, gains no try by that.
 */
export interface AnnouncedTries {
  remember(announcer: Author, tries: Tries): void;
  of(announcer: Author): Tries;
}

export function createAnnouncedTries(clock: Clock): AnnouncedTries {
  const kept = new Map<Author, Tries>();
  /** Members without tries of late go, so that no more are kept than announced something of late. */
  function forget(): void {
    const now = clock.monotonic();
    for (const [author, { nextAt, hurriedAt }] of kept)
      if (now > Math.max(nextAt, hurriedAt) + REMEMBERED_MS) kept.delete(author);
  }
  return {
    remember(announcer, tries) {
      forget();
      if (tries.failures > 0) kept.set(announcer, worstOf([kept.get(announcer) ?? UNTRIED, tries]));
    },
    of(announcer) {
      forget();
      return kept.get(announcer) ?? UNTRIED;
    },
  };
}
