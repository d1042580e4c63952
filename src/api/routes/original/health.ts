import type { Lattice, LungStatus, NodeStatus, SyncMode, VerdictKind } from '../../../runtime/facade/index.ts';
import { ownKeyCount } from './own-keys.ts';

type LungWord = 'healthy' | 'unhealthy' | 'disabled';

function wordOf(lung: LungStatus, isOff: boolean): LungWord {
  if (isOff || !lung.enabled) return 'disabled';
  return lung.state === 'running' ? 'healthy' : 'unhealthy';
}

/** The verdicts with which the original's word is `healthy`. */
const WELL: ReadonlySet<VerdictKind> = new Set(['CONVERGED', 'ALONE', 'STARTING']);
const isMode = (status: NodeStatus, mode: SyncMode): boolean => status.mode === mode;

/** The health of the parts of a node, in the form that the original's design gives it (SPEC Q8). */
export function latticeHealth(lattice: Pick<Lattice, 'status' | 'vault'>): object {
  const status = lattice.status();
  const { p2p, http } = status;
  const components = {
    p2p: { status: wordOf(p2p, isMode(status, 'http')), peer_count: p2p.peers, has_peers: p2p.peers > 0 },
    http_sync: { status: wordOf(http, isMode(status, 'p2p')), mode: status.syncMode },
    // A node that runs sends its head to every peer with every heartbeat.
    heartbeat: { status: 'active' },
    persistence: { status: status.writable ? 'healthy' : 'unhealthy', merkle_root: status.root },
  };
  const unhealthy = Object.entries(components).flatMap(([name, part]) => (part.status === 'unhealthy' ? name : []));
  const isWell = unhealthy.length === 0 && WELL.has(status.verdict.kind);
  return {
    // In the form that Python's datetime.fromisoformat reads.
    timestamp: new Date(status.now).toISOString().replace('Z', '+00:00'),
    overall: isWell ? 'healthy' : 'degraded',
    components,
    metrics: {
      health: status.health,
      verdict: status.verdict.kind,
      sync_mode: status.syncMode,
      peer_count: status.converged.peers,
      peers_equal: status.converged.equal,
      p2p_peers: p2p.peers,
      http_peers: http.peers,
      state_size: ownKeyCount(lattice, status.live),
      entries: status.entries,
      conflicts: status.conflicts,
      uptime_seconds: Math.max(0, Math.floor((status.now - status.startedAt) / 1000)),
    },
    ...(isWell ? {} : { unhealthy_components: unhealthy }),
  };
}
