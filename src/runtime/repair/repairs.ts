import type { SessionProgress } from '../../core/reconcile/index.ts';
import type { Author } from '../../core/types/index.ts';
import type { Log, Metrics, Random } from '../../ports/index.ts';
import { backoff, sleep } from '../../timing/index.ts';
import type { LatticeEvent, RepairProgress, RepairReport } from '../facade/index.ts';
import type { LungName } from '../peers/link.ts';
import type { Peer, PeerTable } from '../peers/peers.ts';
import {
  beginRepair,
  endRepair,
  isDoubtful,
  noteCame,
  noteProbed,
  noteProgress,
  noteReport,
  waitUntil,
} from '../peers/repairing.ts';
import { agreeExceptRefused } from '../peers/view.ts';
import type { LinkTo } from '../transport/links.ts';
import { nameOfState, REFUSED_EVERY_MS, repairDue, SETTLE_MS } from './due.ts';
import { runSession, type SessionRunnerDeps } from './sessions.ts';

const MAX_CONCURRENT = 2;
/** How many of them may be with peers of whom the last session failed or was fruitless. */
const MAX_DOUBTFUL = MAX_CONCURRENT - 1;
/** How often a session that has waited looks whether it may run again. */
const TURN_MS = 100;
/**
 * How many sessions may wait between their two looks, beside those that run. Each keeps what it has found so far, a few
 * hundred bytes a key.
 */
const MAX_WAITING = 8;
const BACKOFF_MIN_MS = 1_000;
const BACKOFF_MAX_MS = 60_000;
const waitAfterFailures = backoff({ minMs: BACKOFF_MIN_MS, maxMs: BACKOFF_MAX_MS, jitter: 'full' });
/**
 * The first wait after a repair that settled nothing because everything was refused. A root that changes meanwhile may
 * mean that something else differs.
 */
const REFUSED_MIN_MS = 5_000;
type Due = NonNullable<ReturnType<typeof repairDue>>;

/** How often the progress of a repair is published. */
const PROGRESS_EVERY_MS = 500;

export interface RepairsDeps extends SessionRunnerDeps {
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly self: Author;
  readonly peers: PeerTable;
  readonly linkTo: LinkTo;
  readonly peerIdOf: (author: Author) => string;
  /** What people read in place of an author. */
  readonly nameOf: (author: Author) => string;
  readonly onEvent: (event: LatticeEvent) => void;
  /** Whether a snapshot is being taken over. Differences are not repaired meanwhile. */
  readonly isBlocked: () => boolean;
  /** Our durable root, in hex. */
  readonly root: () => string;
}

export interface Repairs {
  /** Begins a repair with the peer when one is due. To be called at every tick. */
  consider(peer: Peer): void;
  /** Repairs with every peer that a lung reaches, and resolves when all repairs have ended. */
  all(): Promise<void>;
}

/**
 * Periodic anti-entropy. Gossip is lossy, so whenever heads stay different, a repair runs over the lung that carries
 * the peer.
 */
export function createRepairs(deps: RepairsDeps): Repairs {
  const { clock, log, metrics } = deps;
  let running = 0;
  let doubtful = 0;
  let waiting = 0;
  /** The peers with which a repair is due and has no slot yet, in the order in which they became due. */
  const queue = new Map<Peer, Due>();
  /** How many sessions have waited between their two looks, and have no slot again yet. */
  let returning = 0;
  const isFull = (): boolean => running >= MAX_CONCURRENT;

  /** Waits between two looks of a session, during which another session may run. */
  async function wait(ms: number): Promise<void> {
    running--;
    waiting++;
    await sleep(clock, ms);
    returning++;
    // From here on the session counts as one that runs again, so it waits until one of those ends.
    while (isFull()) await sleep(clock, TURN_MS);
    returning--;
    waiting--;
    running++;
  }

  /** Whether a repair with the peer could begin if there were a slot. */
  const mayRun = (peer: Peer, due: Due): boolean =>
    !(due === 'flowing' && waiting >= MAX_WAITING) &&
    !(isDoubtful(peer.repair, clock.monotonic()) && doubtful >= MAX_DOUBTFUL);

  /** The peer whose turn it is. One that has to wait for something else than a slot does not hold up the others. */
  function nextInTurn(): Peer | undefined {
    for (const [peer, due] of queue) if (mayRun(peer, due)) return peer;
    return undefined;
  }

  async function run(peer: Peer, due: Due): Promise<void> {
    const path = deps.linkTo(peer);
    if (path === undefined || peer.repair.running) return;
    const { repair } = peer;
    const isOneOfFew = isDoubtful(repair, clock.monotonic());
    beginRepair(repair);
    running++;
    if (isOneOfFew) doubtful++;
    try {
      const isProbe = due === 'probe';
      const flowMs = due === 'flowing' ? SETTLE_MS : 0;
      const turn = { flowMs, isProbe, wait, isWanted: () => returning > 0 || nextInTurn() !== undefined };
      const { report, came } = await runSession(deps, peer, path.lung, path.link, watchProgress(peer, path.lung), turn);
      const failures = noteReport(repair, report, clock.now());
      const state = peer.view.head === undefined ? '' : nameOfState(peer.view.head);
      (isProbe ? noteProbed : noteCame)(repair, came, { now: clock.monotonic(), state });
      tell(peer, path.lung, report);
      // The reason for a refusal may have gone meanwhile.
      if (report.outcome === 'equal-except-refused' && repair.hurried) return;
      const busyMs = report.outcome === 'equal-except-refused' ? waitForBusy(peer) : undefined;
      waitUntil(repair, clock.monotonic() + (busyMs ?? waitAfter(repair, report.outcome, failures)));
      if (report.outcome === 'equal-except-refused' && busyMs === undefined)
        agreeExceptRefused(peer.view, deps.root(), { now: clock.monotonic(), wall: clock.now() });
    } finally {
      running--;
      if (isOneOfFew) doubtful--;
      endRepair(repair);
    }
  }

  function tell(peer: Peer, lung: LungName, report: RepairReport): void {
    deps.onEvent({ type: 'repair', peer: deps.peerIdOf(peer.author), name: deps.nameOf(peer.author), report });
    metrics.count('lattice_repairs_total', { lung, outcome: report.outcome });
    metrics.count('lattice_repair_bytes_total', { lung, direction: 'sent' }, report.bytesSent);
    metrics.count('lattice_repair_bytes_total', { lung, direction: 'received' }, report.bytesReceived);
    // A peer that takes over a snapshot repairs by itself afterwards.
    const busy = report.errorCode === 'bootstrapping';
    const level = report.outcome === 'equal' || busy ? 'debug' : report.outcome === 'failed' ? 'warn' : 'info';
    log[level]({ peer: peer.author, ...report }, 'repair');
  }

  /** Notes how far a repair has come, and publishes it from time to time. */
  function watchProgress({ author, repair }: Peer, lung: LungName): (at: SessionProgress) => void {
    const since = clock.now();
    const from = clock.monotonic();
    let told = -Infinity;
    const show = ({ refused, ...at }: SessionProgress): Omit<RepairProgress, 'running'> => {
      const seconds = (clock.monotonic() - from) / 1000;
      const perSecond = seconds > 0 ? Math.round((at.found - at.remaining) / seconds) : 0;
      const progress = { lung, ...at, perSecond, since };
      const remaining = at.found > 0 ? at.remaining + refused : undefined;
      noteProgress(repair, { running: true, ...progress }, remaining, clock.now());
      return progress;
    };
    show({ found: 0, fetched: 0, pushed: 0, refused: 0, remaining: 0 });
    return (at) => {
      const progress = show(at);
      if (clock.monotonic() - told < PROGRESS_EVERY_MS) return;
      told = clock.monotonic();
      log.debug({ peer: author, ...progress }, 'repair progress');
      const [peer, name] = [deps.peerIdOf(author), deps.nameOf(author)];
      deps.onEvent({ type: 'progress', what: 'repair', peer, name, ...progress });
    };
  }

  /**
   * How long to wait for a side that was too busy to take something: it may have room soon, so the states count as
   * different. Undefined when nobody was, or when it has said so often enough that the usual wait is the shorter one.
   */
  function waitForBusy({ repair: { refused } }: Peer): number | undefined {
    if (refused.reasons()['overloaded'] === undefined) return undefined;
    const ms = refused.nextRetryAt() - clock.monotonic();
    return ms < REFUSED_EVERY_MS ? Math.max(BACKOFF_MIN_MS, ms) : undefined;
  }

  function waitAfter({ refusals }: Peer['repair'], outcome: RepairReport['outcome'], failures: number): number {
    if (outcome === 'failed') return BACKOFF_MIN_MS / 2 + waitAfterFailures(failures, deps.random.fraction());
    if (outcome === 'partial') return 0;
    if (outcome !== 'equal-except-refused') return BACKOFF_MIN_MS;
    // While no root changes, the view of the peer has it wait for longer.
    return Math.min(REFUSED_EVERY_MS, REFUSED_MIN_MS * 2 ** Math.min(refusals - 1, 10));
  }

  return {
    consider(peer) {
      const idle = deps.isBlocked() || deps.linkTo(peer) === undefined;
      const due = idle ? undefined : repairDue(peer, deps.self, clock.monotonic());
      if (due === undefined) {
        queue.delete(peer);
        return;
      }
      // A peer that is due already keeps its place.
      queue.set(peer, due);
      if (isFull() || nextInTurn() !== peer) return;
      queue.delete(peer);
      void run(peer, due);
    },
    async all() {
      const queue = Array.from(deps.peers.all());
      const work = async (): Promise<void> => {
        for (let peer = queue.shift(); peer !== undefined; peer = queue.shift()) await run(peer, 'still');
      };
      await Promise.all(Array.from({ length: MAX_CONCURRENT }, work));
    },
  };
}
