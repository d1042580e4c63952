import type { FastifyInstance } from 'fastify';
import type { Lattice } from '../../../runtime/facade/index.ts';
import type { TokenCheck } from '../../http/access.ts';
import { passOver } from '../../http/byte-collector.ts';
import type { Costs } from '../../http/costs.ts';
import type { RouteContext } from '../../http/deps.ts';
import { isHeld } from '../../http/preconditions.ts';
import type { DocumentForm, Moment, StateDownloads } from '../../http/state-downloads.ts';
import { redirectBrowser } from '../pages/dashboard.ts';
import { latticeHealth } from './health.ts';
import { isOwnKey } from './own-keys.ts';
import { peersTold } from './peers-told.ts';
import { switchMode } from './switch-mode.ts';
import { type SendState, syncAliasRoutes } from './sync-aliases.ts';

const FEATURES: readonly string[] = [
  'Signed commits and multi-value registers: concurrent writes are kept and shown as conflicts',
  'Merkle root with proofs of inclusion and absence',
  'Two lungs, P2P and HTTP, with automatic fail-over for each peer',
  'Set reconciliation that sends what differs',
];

const ENDPOINTS: Readonly<Record<string, string>> = {
  health: '/health',
  status: '/api/status',
  state: '/api/lattice/state',
  nodes: '/api/lattice/nodes',
  p2p_status: '/api/lattice/p2p/status',
  p2p_identity: '/api/lattice/p2p/identity',
  sync_switch: '/api/lattice/sync/switch',
  lattice_health: '/api/lattice/health',
  executions: '/api/persistence/executions',
  attacks: '/api/persistence/attacks',
  sync_merkle_root: '/sync/merkle-root',
  sync_peers: '/sync/peers',
  persistence: '/api/persistence/stats',
  merkle_root: '/api/persistence/merkle-root',
  integrity: '/api/persistence/integrity',
  bundles: '/api/persistence/bundles',
  vault: '/api/vault/list',
  v1: '/api/v1/status',
};

function p2pStatus(lattice: Lattice): object {
  const status = lattice.status();
  const { p2p } = status;
  const { peerCount, httpSync } = peersTold(lattice, status);
  return {
    success: true,
    enabled: p2p.enabled,
    started: p2p.state === 'running',
    libp2p_available: true,
    error: p2p.error ?? null,
    topic: p2p.topic,
    listen_multiaddrs: p2p.listen,
    bootstrap_peers: p2p.bootstrap,
    peer_count: peerCount,
    has_peers: peerCount > 0,
    http_sync_enabled: httpSync,
    sync_mode: status.syncMode,
    // A node that runs sends its head to every peer with every heartbeat, so that this is always true.
    heartbeat_active: true,
  };
}

/**
 * The tag of a whole state as readers see it. The root knows nothing of ends; of one root, more values have ended where
 * fewer live.
 */
const tagOf = ({ root, live }: Pick<Moment, 'root' | 'live'>): string => `${root}.${live}`;
/** Its ETag. It is weak, because answers with one state differ in their timestamp and signature. */
const weakTag = (moment: Pick<Moment, 'root' | 'live'>): string => `W/"${tagOf(moment)}"`;

/** The endpoints of the original node, with its exact JSON keys (SPEC A11). */
export function latticeRoutes(context: RouteContext, checkSwitch: TokenCheck, costs: Costs, downloads: StateDownloads) {
  const { lattice, config } = context;

  /** The signed document of the whole state, as the original serves it. */
  function stateForm({ root }: Moment): DocumentForm {
    const timestamp = Math.floor(Date.now() / 1000);
    const signature = JSON.stringify(lattice.signText(`${root}:${timestamp}`));
    return {
      head: `{"success":true,"merkle_root":${JSON.stringify(root)},"state":{`,
      entry: (view, isFirst) =>
        isOwnKey(view) ? `${isFirst ? '' : ','}${JSON.stringify(view.key)}:${JSON.stringify(view.value)}` : undefined,
      tail: (written) => `},"state_size":${written},"timestamp":${timestamp},"signature":${signature},"signed":true}`,
    };
  }

  const sendState: SendState = async (request, reply) => {
    reply.header('cache-control', 'no-cache');
    const current = lattice.root();
    if (isHeld(request, tagOf(current))) return reply.header('etag', weakTag(current)).code(304).send();
    return downloads.send(request, reply, stateForm, (moment) => {
      reply.header('etag', weakTag(moment)).header('content-type', 'application/json; charset=utf-8');
    });
  };

  return async (scope: FastifyInstance): Promise<void> => {
    // The original takes no bodies: what a client sends as one is read up to the limit and then ignored.
    scope.addContentTypeParser('*', (_request, payload, done) => passOver(payload, done));

    scope.get('/', async (request, reply) => {
      if (redirectBrowser(request, reply)) return reply;
      const { version } = lattice.status();
      return {
        name: 'Diotec360 Lattice',
        version,
        release: `Diotec360 Lattice v${version}`,
        status: 'operational',
        features: FEATURES,
        endpoints: ENDPOINTS,
      };
    });

    scope.get('/health', async () => ({ status: 'healthy' }));

    scope.get('/api/status', async () => {
      const { p2p } = lattice.status();
      const production = config.environment === 'production';
      return {
        success: true,
        production,
        safe_mode: production && config.violations.length > 0,
        violations: config.violations,
        cors_origins: config.api.corsOrigins,
        p2p: { enabled: p2p.enabled, started: p2p.state === 'running', peer_count: p2p.peers },
      };
    });

    scope.get('/api/lattice/nodes', async () => {
      const { nodes } = config.http;
      return { success: true, nodes, count: nodes.length };
    });

    for (const path of ['/api/lattice/state', '/api/lattice/state/full']) {
      scope.head(path, async (_request, reply) =>
        reply.header('content-type', 'application/json; charset=utf-8').send(),
      );
      scope.get(path, { exposeHeadRoute: false }, sendState);
    }
    await scope.register(syncAliasRoutes(context, costs, sendState));

    scope.get('/api/lattice/p2p/status', async () => p2pStatus(lattice));

    scope.get('/api/lattice/p2p/identity', async () => {
      const { peerId, p2p } = lattice.status();
      return { success: true, peer_id: peerId, listen_addrs: p2p.listen };
    });

    scope.post('/api/lattice/sync/switch', async (request, reply) =>
      reply.send(switchMode(request, lattice, checkSwitch)),
    );

    scope.get('/api/lattice/health', async () => latticeHealth(lattice));
  };
}
