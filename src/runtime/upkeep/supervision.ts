import type { Author } from '../../core/types/index.ts';
import type { Clock, Timer } from '../../ports/index.ts';
import type { Guard } from '../commit/guard.ts';
import type { SyncMode, Transition } from '../facade/facade.ts';
import { decidePath } from '../peers/failover.ts';
import type { PeerTable } from '../peers/peers.ts';
import type { Comparison } from '../repair/compare-peer.ts';
import type { Repairs } from '../repair/repairs.ts';
import type { HttpSupervisor } from '../transport/lung-http.ts';

/** How often every peer is looked at: fine enough for a grace of seconds, coarse enough to cost nothing. */
const LOOK_EVERY_MS = 250;
/** A head older than this says nothing of a clock any more. */
const FRESH_MS = 30_000;

export interface SupervisionDeps {
  readonly clock: Clock;
  readonly peers: PeerTable;
  readonly guard: Guard;
  readonly repairs: Repairs;
  readonly comparison?: Comparison;
  readonly http: HttpSupervisor;
  readonly heartbeatMs: number;
  readonly graceMs: number;
  readonly mode: () => SyncMode;
  readonly compare: (author: Author) => void;
  readonly onTransition: (transition: Omit<Transition, 'at'>) => void;
  /** Send our head on both lungs. */
  readonly beat: () => void;
}

export interface Supervision {
  start(): void;
  stop(): void;
  /** Decides for every peer now. */
  look(): void;
}

/** The one clockwork of a node: heartbeat, fail-over per peer, and the moment when repairs are due. */
export function createSupervision(deps: SupervisionDeps): Supervision {
  const { clock, peers, guard } = deps;
  let timer: Timer | undefined;
  let beatAt = 0;
  let stopped = false;

  function look(): void {
    const now = clock.monotonic();
    const mode = deps.mode();
    const offsets: number[] = [];
    for (const peer of peers.all()) {
      deps.compare(peer.author);
      const heardAt = Math.max(peer.heardAt.p2p ?? -Infinity, peer.heardAt.http ?? -Infinity);
      if (peer.clockOffsetMs !== undefined && now - heardAt < FRESH_MS) offsets.push(peer.clockOffsetMs);
      const before = peer.path.lung;
      const decided = decidePath(peer.path, {
        now,
        mode,
        graceMs: deps.graceMs,
        heardAt: peer.heardAt.p2p,
        behindSince: peer.behindSince,
        hasUrl: peer.url !== undefined,
      });
      peer.path = decided.state;
      if (decided.cause !== undefined) {
        const { code, text } = decided.cause;
        deps.onTransition({ peer: peer.author, from: before, to: decided.state.lung, cause: text, code });
        deps.http.wake(peer.author);
        deps.repairs.soon(peer.author);
      }
      deps.repairs.consider(peer);
      deps.comparison?.consider(peer);
    }
    guard.tick(offsets);
  }

  function tick(): void {
    if (stopped) return;
    const now = clock.monotonic();
    if (now >= beatAt) {
      beatAt = now + deps.heartbeatMs;
      deps.beat();
    }
    look();
    timer = clock.after(Math.min(LOOK_EVERY_MS, deps.heartbeatMs), tick);
  }

  return {
    start: tick,
    stop() {
      stopped = true;
      timer?.cancel();
    },
    look,
  };
}
