import type { SyncMessage } from '../core/codec/index.ts';
import { type Author, bytesToHex } from '../core/types/index.ts';
import type { Log, Metrics, Random } from '../ports/index.ts';
import type { SyncMode } from './facade.ts';
import type { HttpSupervisor } from './lung-http.ts';
import type { P2pSupervisor } from './lung-p2p.ts';
import { type LungName, type Peer, type PeerTable, pairOf, setAgreement } from './peers.ts';
import { ask, type Link, runSession, type SessionRunnerDeps } from './sessions.ts';

/** A difference must last this long before it is repaired: what gossip is still carrying is no difference. */
const SETTLE_MS = 1_500;
/** Of two peers the one with the greater key waits this much longer, so that seldom both repair at once. */
const YIELD_MS = 1_000;
const MAX_CONCURRENT = 2;
const BACKOFF_MIN_MS = 1_000;
const BACKOFF_MAX_MS = 60_000;
const REQUEST_TIMEOUT_MS = 10_000;
/** How often "equal except refused" is looked at again when neither side changed. */
const REFUSED_EVERY_MS = 60_000;
const GREET_RETRY_MS = 1_000;

export interface RepairsDeps extends SessionRunnerDeps {
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly self: Author;
  readonly peers: PeerTable;
  readonly p2p: P2pSupervisor;
  readonly http: HttpSupervisor;
  readonly mode: () => SyncMode;
  /** Our durable root, hex. */
  readonly root: () => string;
}

export interface Repairs {
  /** Starts a repair with the peer when one is due. Called at every tick. */
  consider(peer: Peer): void;
  /** The next difference with this peer is repaired at once, whatever the backoff: its lung changed, or its stream lost its place. */
  soon(author: Author): void;
  /** Repairs with every peer that a lung reaches; resolves when all have ended. */
  all(): Promise<void>;
  /** First words to a peer that P2P has just connected. */
  greet(author: Author, hello: SyncMessage, onHello: (hello: Extract<SyncMessage, { type: 'hello' }>) => Promise<void>): void;
}

/** Periodic anti-entropy: gossip is lossy, so whenever heads stay different a repair runs over the lung that carries the peer. */
export function createRepairs(deps: RepairsDeps): Repairs {
  const { clock, log, metrics } = deps;
  let running = 0;

  function linkTo(peer: Peer): { readonly lung: LungName; readonly link: Link } | undefined {
    const mode = deps.mode();
    const p2p = peer.connected && mode !== 'http' && deps.p2p.running;
    const url = mode === 'p2p' ? undefined : deps.http.find(peer.author);
    const overP2p = { lung: 'p2p' as const, link: (m: Uint8Array) => deps.p2p.request(peer.author, m, REQUEST_TIMEOUT_MS) };
    if (p2p && (peer.path.lung === 'p2p' || url?.reachable !== true)) return overP2p;
    if (url?.reachable === true) return { lung: 'http', link: (m) => deps.http.request(url.url, m, peer.author) };
    return p2p ? overP2p : undefined;
  }

  async function run(peer: Peer): Promise<void> {
    const path = linkTo(peer);
    if (path === undefined || peer.repair.running) return;
    peer.repair.running = true;
    peer.repair.urgent = false;
    running++;
    try {
      const report = await runSession(deps, peer, path.lung, path.link, (progress) =>
        log.debug({ peer: peer.author, ...progress }, 'repair progress'),
      );
      peer.repair.last = report;
      metrics.count('lattice_repairs_total', { lung: path.lung, outcome: report.outcome });
      metrics.count('lattice_repair_bytes_total', { lung: path.lung, direction: 'sent' }, report.bytesSent);
      metrics.count('lattice_repair_bytes_total', { lung: path.lung, direction: 'received' }, report.bytesReceived);
      const level = report.outcome === 'equal' ? 'debug' : report.outcome === 'failed' ? 'warn' : 'info';
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
    }
  }

  function waitAfter(outcome: string, failures: number): number {
    if (outcome === 'failed')
      return BACKOFF_MIN_MS / 2 + deps.random.fraction() * Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(failures - 1, 10));
    if (outcome === 'partial') return 0;
    return outcome === 'equal-except-refused' ? REFUSED_EVERY_MS : BACKOFF_MIN_MS;
  }

  return {
    consider(peer) {
      if (peer.repair.running || running >= MAX_CONCURRENT || peer.head === undefined) return;
      const now = clock.monotonic();
      if (now < peer.repair.nextAt) return;
      if (peer.agreement === 'equal-except-refused') {
        if (now - peer.agreementAt < REFUSED_EVERY_MS) return;
      } else if (peer.agreement !== 'different') return;
      else {
        const settle = (peer.repair.urgent ? 0 : SETTLE_MS) + (deps.self > peer.author ? YIELD_MS : 0);
        if (now - peer.agreementAt < settle) return;
      }
      void run(peer);
    },
    soon(author) {
      const peer = deps.peers.get(author);
      if (peer === undefined) return;
      peer.repair.nextAt = 0;
      peer.repair.urgent = true;
    },
    async all() {
      const queue = Array.from(deps.peers.all());
      const work = async (): Promise<void> => {
        for (let peer = queue.shift(); peer !== undefined; peer = queue.shift()) await run(peer);
      };
      await Promise.all(Array.from({ length: MAX_CONCURRENT }, work));
    },
    greet(author, hello, onHello) {
      const say = async (): Promise<void> => {
        const reply = await ask((m) => deps.p2p.request(author, m, REQUEST_TIMEOUT_MS), hello);
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
