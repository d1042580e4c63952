import type { SessionTally } from '../../core/reconcile/index.ts';
import { counted, LatticeError, MAX_SESSION_REQUESTS } from '../../core/types/index.ts';
import type { Clock } from '../../ports/index.ts';
import type { Link } from '../transport/link.ts';

/** How many requests a session may send, and how long it may take. */
export interface Bounds {
  readonly requests: number;
  readonly ms: number;
}

/** A session. What a large repair has left by then is for the next one. */
export const SESSION: Bounds = { requests: MAX_SESSION_REQUESTS, ms: 120_000 };
/**
 * A probe of a peer that rests: enough requests for a first page of small values, or for something of a page of large
 * ones, and a slot is held up for no longer than by one request that is never answered.
 */
export const PROBE: Bounds = { requests: 16, ms: 10_000 };
/** While other peers wait for a slot, a session ends after this time, and goes on when it is that peer's turn again. */
const SESSION_TURN_MS = 30_000;
/** A session that settles nothing for so long is ended: three requests that take as long as they may. */
const NO_PROGRESS_MS = 30_000;

/** How a session shares its slot. */
export interface Turn {
  /** Whether the session only finds out if a peer that rests delivers again. */
  readonly isProbe: boolean;
  /** Set while commits are flowing (see `SessionDeps.flowMs`). */
  readonly flowMs: number;
  /** Waits between two looks, and until the session has a slot again. */
  readonly wait: (ms: number) => Promise<void>;
  /** Whether other peers wait for the slot. */
  readonly isWanted: () => boolean;
}

/** Counts what goes over a link, and ends a session that sends too many requests or takes too long. */
export function countedLink(
  clock: Clock,
  link: Link,
  bounds: Bounds = SESSION,
): { readonly link: Link; readonly counters: Readonly<Record<Counter, number>>; ms(): number } {
  const started = clock.monotonic();
  const counters: Record<Counter, number> = { requests: 0, bytesSent: 0, bytesReceived: 0 };
  return {
    counters,
    ms: () => Math.round(clock.monotonic() - started),
    async link(bytes) {
      if (counters.requests >= bounds.requests)
        throw new LatticeError(
          'session-limit',
          `this repair has made ${counted(bounds.requests, 'request')}; the next one goes on`,
        );
      if (clock.monotonic() - started > bounds.ms)
        throw new LatticeError('session-deadline', 'this repair took too long; the next one goes on');
      counters.requests++;
      counters.bytesSent += bytes.length;
      const reply = await link(bytes);
      counters.bytesReceived += reply.length;
      return reply;
    },
  };
}

type Counter = 'requests' | 'bytesSent' | 'bytesReceived';

/** A link that ends a session of which nothing comes, or that has had its turn. */
export function sharedLink(
  clock: Clock,
  tally: SessionTally,
  turn: Turn,
  link: Link,
): { readonly link: Link; begin(): void } {
  let [began, progressAt, progress] = [clock.monotonic(), clock.monotonic(), 0];
  return {
    begin() {
      began = progressAt = clock.monotonic();
    },
    async link(bytes) {
      const now = clock.monotonic();
      if (tally.progress > progress) [progressAt, progress] = [now, tally.progress];
      if (now - progressAt > NO_PROGRESS_MS)
        throw new LatticeError('no-progress', `nothing came of this repair for ${NO_PROGRESS_MS / 1000} s`);
      if (now - began > SESSION_TURN_MS && turn.isWanted())
        throw new LatticeError('session-deadline', 'other peers wait; the next repair goes on');
      return link(bytes);
    },
  };
}
