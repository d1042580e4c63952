import type { Author } from '../../core/types/index.ts';
import type { Clock, Random } from '../../ports/index.ts';

/** A longer time between two looks means that our own process was stopped or starved. */
const STALL_MS = 1_000;

export interface HttpRhythmDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly heartbeatMs: number;
  readonly graceMs: number;
  readonly pollMs: number;
  /** When a head of the peer last came over HTTP, by whichever side's request, in monotonic ms. */
  readonly heardAt: (author: Author) => number | undefined;
}

/**
 * When a URL is asked, and when its peer counts as silent (SPEC X12). What HTTP brings of a peer is its answers and its
 * stream at this URL, and what the peer sends us by requests of its own.
 */
export interface HttpRhythm {
  /** A peer of which nothing came over HTTP for this long is lost. P2P counts as silent after the same time. */
  readonly silenceMs: number;
  /** The URL answered, or its stream brought something. */
  heard(): void;
  /** The URL answered a hello. */
  answered(): void;
  /** Begins the time of silence anew, because the URL has been asked seldom until now. */
  reset(): void;
  /** To be called at every look. True: the peer has fallen silent, which its open connections do not show. */
  isSilent(author: Author): boolean;
  /** To be called at every look before `isSilent`: time in which our own process did not run is no silence of others. */
  look(): void;
  /** The wait before the next question of a kind, in ms. */
  wait(kind: 'heartbeat' | 'watch' | 'poll'): number;
  /**
   * Until when a question that only looks whether the peer is there can wait, because the peer has just asked us: of
   * two nodes that both ask, one is enough. Undefined: it cannot. Our own way is tried as often as HTTP polls all the
   * same.
   */
  askedUntil(author: Author): number | undefined;
}

export function createHttpRhythm(deps: HttpRhythmDeps): HttpRhythm {
  const { clock, heartbeatMs, graceMs, pollMs } = deps;
  const silenceMs = graceMs + heartbeatMs;
  let signAt = -Infinity;
  let answeredAt = -Infinity;
  let lookedAt = clock.monotonic();

  const watchMs = Math.min(pollMs, graceMs);

  return {
    silenceMs,
    heard() {
      signAt = clock.monotonic();
    },
    answered() {
      signAt = clock.monotonic();
      answeredAt = signAt;
    },
    reset() {
      signAt = clock.monotonic();
    },
    look() {
      const now = clock.monotonic();
      // What came at the end of the stall may have been taken before this look.
      if (now - lookedAt > STALL_MS) signAt = Math.min(now, signAt + now - lookedAt);
      lookedAt = now;
    },
    isSilent: (author) => clock.monotonic() - Math.max(signAt, deps.heardAt(author) ?? -Infinity) > silenceMs,
    wait(kind) {
      if (kind === 'heartbeat') return heartbeatMs;
      // Who has asked asks again before the other one would, so that two nodes do not ask at the same time.
      return kind === 'watch' ? 0.9 * watchMs : pollMs * (0.8 + 0.4 * deps.random.fraction());
    },
    askedUntil(author) {
      const now = clock.monotonic();
      if (now - answeredAt >= pollMs) return undefined;
      const until = (deps.heardAt(author) ?? -Infinity) + watchMs;
      return until > now ? until : undefined;
    },
  };
}
