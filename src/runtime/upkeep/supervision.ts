import type { Author } from '../../core/types/index.ts';
import type { Clock, Log } from '../../ports/index.ts';
import { every, type Repetition } from '../../timing/index.ts';
import type { Guard } from '../commit/guard.ts';
import type { OwnState } from '../commit/own-state.ts';
import type { SyncMode, Transition } from '../facade/index.ts';
import type { Roster } from '../fleet/roster.ts';
import { decidePath } from '../peers/failover.ts';
import { setPath } from '../peers/link.ts';
import type { Peer, PeerTable } from '../peers/peers.ts';
import type { Comparison } from '../repair/compare-peer.ts';
import type { Repairs } from '../repair/repairs.ts';
import type { HttpSupervisor } from '../transport/lung-http.ts';

/** How often every peer is looked at: fine enough for a grace of seconds, coarse enough to cost nothing. */
const LOOK_EVERY_MS = 250;

export interface SupervisionDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly peers: PeerTable;
  readonly roster: Pick<Roster, 'hash'>;
  readonly own: Pick<OwnState, 'root' | 'recentRoots' | 'seen'>;
  readonly guard: Pick<Guard, 'tick'>;
  /** With whom this node syncs (SPEC S9): a peer may be known, and be no member any more. */
  readonly isMember: (author: Author) => boolean;
  readonly repairs: Pick<Repairs, 'consider'>;
  readonly comparison: Pick<Comparison, 'consider'>;
  readonly http: Pick<HttpSupervisor, 'wake'>;
  readonly heartbeatMs: number;
  readonly graceMs: number;
  readonly mode: () => SyncMode;
  readonly onTransition: (transition: Omit<Transition, 'at'>) => void;
  /** Sends our head on both lungs. */
  readonly beat: () => void;
}

export interface Supervision {
  start(): void;
  stop(): void;
  /** Decides for every peer at once. */
  look(): void;
  /**
   * Compares a peer's newest head with our state, and begins a repair at once where it cannot wait for the next look.
   */
  compare(author: Author): void;
}

/** The one clockwork of a node: it sends heartbeats, decides which lung carries each peer, and begins due repairs. */
export function createSupervision(deps: SupervisionDeps): Supervision {
  const { clock, peers, guard, own } = deps;
  let looks: Repetition | undefined;
  let beatAt = 0;
  let stopped = false;

  function compare(author: Author): void {
    const peer = peers.get(author);
    if (peer === undefined || !deps.isMember(author)) return;
    const { root, recentRoots: recent } = own;
    peers.compare(peer, { root: root(), recent, seenHlc: own.seen(author), trustHash: deps.roster.hash });
    // At the first contact a repair is urgent, and the next look would come up to 250 ms later.
    if (peer.repair.urgent) deps.repairs.consider(peer);
  }

  /** Decides which lung carries the peer. */
  function decide({ author, link, view }: Peer, now: number): void {
    const before = link.path.lung;
    const decided = decidePath(link.path, {
      now,
      mode: deps.mode(),
      isMember: deps.isMember(author),
      graceMs: deps.graceMs,
      heardAt: view.heardAt.p2p,
      behindSince: view.behindSince,
      hasUrl: link.url !== undefined,
    });
    setPath(link, decided.state);
    if (decided.cause === undefined) return;
    const { code, text } = decided.cause;
    deps.onTransition({ peer: author, from: before, to: decided.state.lung, cause: text, code });
    deps.http.wake(author);
    peers.repairSoon(author);
  }

  function look(): void {
    const now = clock.monotonic();
    for (const peer of peers.all()) {
      compare(peer.author);
      decide(peer, now);
      if (!deps.isMember(peer.author)) continue;
      deps.repairs.consider(peer);
      deps.comparison.consider(peer);
    }
    guard.tick();
  }

  function tick(): void {
    const now = clock.monotonic();
    if (now >= beatAt) {
      beatAt = now + deps.heartbeatMs;
      deps.beat();
    }
    look();
  }

  return {
    start() {
      if (stopped) return;
      looks = every(clock, Math.min(LOOK_EVERY_MS, deps.heartbeatMs), tick, {
        firstMs: 0,
        onError: (err) => deps.log.error({ err }, 'a look at the peers failed'),
      });
    },
    stop() {
      stopped = true;
      looks?.stop();
    },
    look,
    compare,
  };
}
