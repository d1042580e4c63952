import type { SnapshotPlan } from '../../core/snapshot/index.ts';
import { type Author, bytesToHex } from '../../core/types/index.ts';
import type { Clock, Log } from '../../ports/index.ts';
import type { BootstrapStatus, LatticeEvent } from '../facade/index.ts';
import { type BootstrapState, shownPhase } from './state.ts';

/** How often progress is published to clients, and how often it is logged. */
const TELL_EVERY_MS = 1_000;
const LOG_EVERY_MS = 5_000;

export interface BootstrapProgressDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly peerIdOf: (author: Author) => string;
  readonly onEvent: (event: LatticeEvent) => void;
}

/** What a bootstrap has done so far, as status, events and log show it. */
export interface BootstrapProgress {
  /** A snapshot of `total` chunks is being taken over, and `done` of them are here already. */
  begin(plan: SnapshotPlan, done: number, total: number): void;
  /** Chunks are being fetched from this moment on, or not. Only the time of fetching counts for the rate. */
  fetching(on: boolean): void;
  chunkDone(): void;
  received(bytes: number): void;
  applied(entries: number): void;
  /** Why the bootstrap goes on slowly; undefined when it does not. */
  trouble(why: string | undefined): void;
  status(state: BootstrapState, servers: readonly Author[], verified: Verified): BootstrapStatus | undefined;
  /** Publishes and logs the status, unless that has just been done. With `now` it publishes in any case. */
  tell(status: BootstrapStatus | undefined, now: boolean): void;
}

/** How many keys have had their signatures checked. */
interface Verified {
  readonly done: number;
  readonly total: number;
}

export function createBootstrapProgress({ clock, log, peerIdOf, onEvent }: BootstrapProgressDeps): BootstrapProgress {
  let plan: { readonly root: string; readonly at: number } | undefined;
  let chunks = { done: 0, total: 0 };
  let bytes = 0;
  let entries = 0;
  let trouble: string | undefined;
  /** How long fetching took before it last ended, and since when it runs again. */
  let fetchedMs = 0;
  let fetchingSince: number | undefined;
  let toldAt = -Infinity;
  let loggedAt = -Infinity;

  const fetchMs = (): number => fetchedMs + (fetchingSince === undefined ? 0 : clock.monotonic() - fetchingSince);

  return {
    begin(found, done, total) {
      plan = { root: bytesToHex(found.root), at: found.at };
      chunks = { done, total };
      trouble = undefined;
    },
    fetching(on) {
      fetchedMs = fetchMs();
      fetchingSince = on ? clock.monotonic() : undefined;
    },
    chunkDone() {
      chunks = { ...chunks, done: chunks.done + 1 };
    },
    received(count) {
      bytes += count;
    },
    applied(count) {
      entries += count;
    },
    trouble(why) {
      trouble = why;
    },
    status(state, servers, verified) {
      const phase = shownPhase(state);
      if (phase === undefined) return undefined;
      const ms = fetchMs();
      const error = state.phase === 'failed' ? state.error : trouble;
      return {
        phase,
        ...plan,
        chunks,
        entries,
        bytes,
        ratePerSecond: ms > 0 ? Math.round((entries / ms) * 1000) : 0,
        peers: servers.map(peerIdOf),
        ...(phase === 'catching-up' || phase === 'verifying' ? { verified } : {}),
        ...(error === undefined ? {} : { error }),
      };
    },
    tell(status, now) {
      if (status === undefined) return;
      const at = clock.monotonic();
      if (now || at - toldAt >= TELL_EVERY_MS) {
        toldAt = at;
        onEvent({ type: 'progress', what: 'bootstrap', ...status });
      }
      if (!now && at - loggedAt >= LOG_EVERY_MS) {
        loggedAt = at;
        log.info({ ...status }, 'bootstrap progress');
      }
    },
  };
}
