import type { SessionProgress } from '../../core/reconcile/index.ts';
import { type Author, bytesToHex } from '../../core/types/index.ts';
import type { SyncMessage } from '../../core/wire/index.ts';
import type { Log, Metrics, Random } from '../../ports/index.ts';
import { backoff, sleep } from '../../timing/index.ts';
import type { LatticeEvent, RepairProgress } from '../facade/facade.ts';
import { type LungName, type Peer, type PeerTable, pairOf, setAgreement } from '../peers/peers.ts';
import { ask } from '../transport/link.ts';
import type { LinkTo } from '../transport/links.ts';
import type { P2pSupervisor } from '../transport/lung-p2p.ts';
import { runSession, type SessionRunnerDeps } from './sessions.ts';

/** A difference must last this long before it is repaired: what gossip is still carrying is no difference. */
const SETTLE_MS = 1_500;
/**
 * Of two peers that reach each other the one with the greater key waits this much longer: the other's first request
 * comes meanwhile, so that seldom both repair at once.
 */
const YIELD_MS = 500;
/**
 * A session that the peer opened is over when nothing came of it for this long. What it still settles would be settled
 * twice.
 */
const SERVED_QUIET_MS = 2_000;
/** A peer's sessions don't hold back ours for longer than one may last: one that asks for ever is not waited for. */
const SERVED_MAX_MS = 120_000;
const MAX_CONCURRENT = 2;
/** How often a session that has waited looks whether it is its turn. */
const TURN_MS = 100;
/** Sessions between their two looks, beside those. Each keeps what it has found so far, a few hundred bytes a key. */
const MAX_WAITING = 8;
const BACKOFF_MIN_MS = 1_000;
const BACKOFF_MAX_MS = 60_000;
const waitAfterFailures = backoff({ minMs: BACKOFF_MIN_MS, maxMs: BACKOFF_MAX_MS, jitter: 'full' });
const GREET_TIMEOUT_MS = 10_000;
/** How often a repair's progress is told. */
const PROGRESS_EVERY_MS = 500;
/** How often "equal except refused" is looked at again when neither side changed. */
const REFUSED_EVERY_MS = 60_000;
const GREET_RETRY_MS = 1_000;

export interface RepairsDeps extends SessionRunnerDeps {
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly self: Author;
  readonly peers: PeerTable;
  readonly p2p: Pick<P2pSupervisor, 'request'>;
  readonly linkTo: LinkTo;
  readonly peerIdOf: (author: Author) => string;
  readonly onEvent: (event: LatticeEvent) => void;
  /** A snapshot is being taken over: what differs then is not to be repaired. */
  readonly isHeld?: () => boolean;
  /** Our durable root, hex. */
  readonly root: () => string;
}

export interface Repairs {
  /** Notes that the peer asked us something. */
  asked(author: Author): void;
  /**
   * Notes that a request of a session that the peer opened is being answered, until the function returned is called.
   */
  serving(author: Author): () => void;
  /** Starts a repair with the peer when one is due. Called at every tick. */
  consider(peer: Peer): void;
  /**
   * The next difference with this peer is repaired at once, whatever the backoff: its lung changed, or its stream lost
   * its place.
   */
  soon(author: Author): void;
  /** Repairs with every peer that a lung reaches; resolves when all have ended. */
  all(): Promise<void>;
  /** First words to a peer that P2P has just connected. */
  greet(
    author: Author,
    hello: SyncMessage,
    onHello: (hello: Extract<SyncMessage, { type: 'hello' }>) => Promise<void>,
  ): void;
}

/**
 * Periodic anti-entropy: gossip is lossy, so whenever heads stay different a repair runs over the lung that carries the
 * peer.
 */
export function createRepairs(deps: RepairsDeps): Repairs {
  const { clock, log, metrics } = deps;
  let running = 0;
  let waiting = 0;
  const isFull = (): boolean => running >= MAX_CONCURRENT;

  /** The time between two looks of a session, which is nobody's turn. */
  async function wait(ms: number): Promise<void> {
    running--;
    waiting++;
    await sleep(clock, ms);
    // From here on it is one of those that run again: it waits for one of them to end.
    while (isFull()) await sleep(clock, TURN_MS);
    waiting--;
    running++;
  }

  async function run(peer: Peer, flowMs: number): Promise<void> {
    const path = deps.linkTo(peer);
    if (path === undefined || peer.repair.running) return;
    peer.repair.running = true;
    peer.repair.urgent = false;
    running++;
    try {
      const report = await runSession(deps, peer, path.lung, path.link, watchProgress(peer, path.lung), {
        ms: flowMs,
        wait,
      });
      peer.repair.last = report;
      if (report.outcome === 'equal') peer.differing = { keys: 0, at: clock.now(), exact: true };
      else if (report.outcome === 'equal-except-refused')
        peer.differing = { keys: report.found, at: clock.now(), exact: true };
      deps.onEvent({ type: 'repair', peer: deps.peerIdOf(peer.author), report });
      metrics.count('lattice_repairs_total', { lung: path.lung, outcome: report.outcome });
      metrics.count('lattice_repair_bytes_total', { lung: path.lung, direction: 'sent' }, report.bytesSent);
      metrics.count('lattice_repair_bytes_total', { lung: path.lung, direction: 'received' }, report.bytesReceived);
      // A peer that takes over a snapshot does its own repairs afterwards.
      const busy = report.error?.startsWith('the peer answered bootstrapping') === true;
      const level = report.outcome === 'equal' || busy ? 'debug' : report.outcome === 'failed' ? 'warn' : 'info';
      log[level]({ peer: peer.author, ...report }, 'repair');
      const now = clock.monotonic();
      peer.repair.failures = report.outcome === 'failed' ? peer.repair.failures + 1 : 0;
      peer.repair.nextAt = now + waitAfter(report.outcome, peer.repair.failures);
      if (report.outcome === 'equal-except-refused' && peer.head !== undefined) {
        peer.exceptRefused = pairOf(deps.root(), bytesToHex(peer.head.root));
        setAgreement(peer, 'equal-except-refused', now, clock.now());
      }
    } finally {
      running--;
      peer.repair.running = false;
      peer.repair.progress = undefined;
    }
  }

  /** Shows how far a repair has come, and tells it from time to time. */
  function watchProgress(peer: Peer, lung: LungName): (at: SessionProgress) => void {
    const since = clock.now();
    const from = clock.monotonic();
    let told = -Infinity;
    const show = ({ refused, ...at }: SessionProgress): void => {
      const seconds = (clock.monotonic() - from) / 1000;
      const perSecond = seconds > 0 ? Math.round((at.found - at.remaining) / seconds) : 0;
      const progress: RepairProgress = { running: true, lung, ...at, perSecond, since };
      peer.repair.progress = progress;
      if (at.found > 0) peer.differing = { keys: at.remaining + refused, at: clock.now(), exact: true };
    };
    show({ found: 0, fetched: 0, pushed: 0, refused: 0, remaining: 0 });
    return (at) => {
      show(at);
      if (clock.monotonic() - told < PROGRESS_EVERY_MS || peer.repair.progress === undefined) return;
      told = clock.monotonic();
      const { running: _, ...progress } = peer.repair.progress;
      log.debug({ peer: peer.author, ...progress }, 'repair progress');
      deps.onEvent({ type: 'progress', what: 'repair', peer: deps.peerIdOf(peer.author), ...progress });
    };
  }

  function waitAfter(outcome: string, failures: number): number {
    if (outcome === 'failed') return BACKOFF_MIN_MS / 2 + waitAfterFailures(failures, deps.random.fraction());
    if (outcome === 'partial') return 0;
    return outcome === 'equal-except-refused' ? REFUSED_EVERY_MS : BACKOFF_MIN_MS;
  }

  /** Whether the peer repairs with us by a session of its own: it settles what ours would. */
  function isServed({ served }: Peer, now: number): boolean {
    return (served.open > 0 || now - served.at < SERVED_QUIET_MS) && now - served.since < SERVED_MAX_MS;
  }

  /** Whether the peer can begin a repair by itself, so that of the two only one needs to. */
  const mayBegin = ({ connected, reachesUs }: Peer): boolean => connected || reachesUs;

  return {
    asked(author) {
      const peer = deps.peers.get(author);
      if (peer !== undefined) peer.reachesUs = true;
    },
    serving(author) {
      const peer = deps.peers.get(author);
      if (peer === undefined) return () => undefined;
      const { served } = peer;
      const now = clock.monotonic();
      if (served.open === 0 && now - served.at >= SERVED_QUIET_MS) served.since = now;
      served.open++;
      served.at = now;
      return () => {
        served.open--;
        served.at = clock.monotonic();
      };
    },
    consider(peer) {
      if (peer.repair.running || isFull() || peer.head === undefined || deps.isHeld?.() === true) return;
      const now = clock.monotonic();
      if (now < peer.repair.nextAt || isServed(peer, now)) return;
      if (peer.agreement === 'equal-except-refused') {
        if (now - peer.agreementAt < REFUSED_EVERY_MS) return;
      } else if (peer.agreement !== 'different') return;
      else {
        const settle =
          (peer.repair.urgent ? 0 : SETTLE_MS) + (deps.self > peer.author && mayBegin(peer) ? YIELD_MS : 0);
        if (now - peer.agreementAt < settle) return;
      }
      const flowing = !peer.repair.urgent && now - peer.pair.at < SETTLE_MS;
      if (flowing && waiting >= MAX_WAITING) return;
      void run(peer, flowing ? SETTLE_MS : 0);
    },
    soon(author) {
      const peer = deps.peers.get(author);
      if (peer === undefined) return;
      peer.repair.nextAt = 0;
      peer.repair.urgent = true;
      // From here on the side with the greater key waits for the other.
      peer.agreementAt = clock.monotonic();
    },
    async all() {
      const queue = Array.from(deps.peers.all());
      const work = async (): Promise<void> => {
        for (let peer = queue.shift(); peer !== undefined; peer = queue.shift()) await run(peer, 0);
      };
      await Promise.all(Array.from({ length: MAX_CONCURRENT }, work));
    },
    greet(author, hello, onHello) {
      const say = async (): Promise<void> => {
        const reply = await ask((m) => deps.p2p.request(author, m, GREET_TIMEOUT_MS), hello);
        if (reply.type === 'hello') await onHello(reply);
      };
      say().catch((error: unknown) => {
        log.debug({ peer: author, error: String(error) }, 'greeting failed');
        if (deps.peers.get(author)?.connected !== true) return;
        clock.after(GREET_RETRY_MS, () => void say().catch(() => undefined));
      });
    },
  };
}
