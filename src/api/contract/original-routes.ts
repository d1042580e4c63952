import { type TSchema, Type } from 'typebox';
import { AttackRow, ExecutionRow } from './audit-entities.ts';
import { json, mapOf, type RouteContract, word } from './describe.ts';
import { anyJson, hex64 } from './entities.ts';

const { Array: List, Boolean: Bool, Integer, Number: Float, Object: Shape, Optional: Maybe, String: Text } = Type;

const success = Bool();
const root = hex64('The root of the state.');
const limit = Shape({ limit: Maybe(Type.Integer({ description: 'Rows; all where it is negative.', default: 100 })) });
const hashParam = Shape({ hash: Text({ description: 'Content hash, hex.' }) });
const row = mapOf(anyJson, 'A row.');
const claims = List(
  Shape({
    claim: Text({ description: 'The field that it is about.' }),
    about: word(['digest', 'content', 'remark', 'proof']),
    checked: Bool(),
    holds: Bool({ description: 'False for what was not checked.' }),
    reason: Text(),
    stored: Maybe(Text({ description: 'The digest in the file, where it is another one.' })),
    computed: Maybe(Text({ description: 'The digest of the content.' })),
  }),
  { description: 'What was checked of the file, and what was not, and why.' },
);
const integrity = {
  integrity_verified: Bool({ description: 'Whether every digest holds and the code was checked too.' }),
  claims,
};
const notHere = Maybe(Integer({ description: 'Files that are in the vault of the fleet, and not on this node.' }));
const notFound = json(
  'There is no such thing.',
  Shape({ detail: Text(), code: Maybe(word(['object-missing'])), next: Maybe(Text()) }),
);

/** The contract of an endpoint of the original node. Without `more` it is a GET that takes no parameters. */
function original(
  path: string,
  id: string,
  summary: string,
  answer: TSchema,
  more: Partial<RouteContract> = {},
): RouteContract {
  return {
    method: 'GET',
    path,
    id,
    tag: 'original',
    summary,
    cost: 'read',
    answers: { 200: json('As the original answers.', answer) },
    example: {},
    ...more,
  };
}

/** The endpoints of the original node. They answer with its exact JSON keys and its error forms (SPEC A11). */
export const ORIGINAL_ROUTES: readonly RouteContract[] = [
  original(
    '/',
    'getRoot',
    'What this is; a browser is sent to the dashboard',
    Shape({
      name: Text(),
      version: Text(),
      release: Text(),
      status: word(['operational']),
      features: List(Text()),
      endpoints: mapOf(Text()),
    }),
  ),
  original('/health', 'isHealthy', 'Whether the process answers', Shape({ status: word(['healthy']) }), {
    cost: 'free',
  }),
  original(
    '/api/status',
    'getProductionStatus',
    'The production guard',
    Shape({
      success,
      production: Bool(),
      safe_mode: Bool(),
      violations: List(Text()),
      cors_origins: List(Text()),
      p2p: Shape({ enabled: Bool(), started: Bool(), peer_count: Integer() }),
    }),
  ),
  original(
    '/api/lattice/nodes',
    'listNodes',
    'Configured HTTP peers',
    Shape({ success, nodes: List(Text()), count: Integer() }),
  ),
  original(
    '/api/lattice/state',
    'getWholeState',
    'The whole state, signed',
    Shape({
      success,
      merkle_root: root,
      state: mapOf(anyJson),
      state_size: Integer(),
      timestamp: Integer({ description: 'Unix seconds.' }),
      signature: Text({ description: 'Ed25519 over `<root>:<timestamp>`, 128 hex digits.' }),
      signed: Bool(),
    }),
    {
      cost: 'costly',
      description: 'Streamed. Its ETag is the root: a reader that has it is answered 304.',
      headers: Shape({ 'if-none-match': Maybe(Text({ description: 'ETags that the reader has.' })) }),
    },
  ),
  original(
    '/api/lattice/p2p/status',
    'getP2pStatus',
    'The P2P lung',
    Shape({
      success,
      enabled: Bool(),
      started: Bool(),
      libp2p_available: Bool(),
      error: Type.Union([Text(), Type.Null()]),
      topic: Text(),
      listen_multiaddrs: List(Text()),
      bootstrap_peers: List(Text()),
      peer_count: Integer(),
      has_peers: Bool(),
      http_sync_enabled: Bool(),
      sync_mode: word(['P2P', 'HTTP', 'NONE']),
      heartbeat_active: Bool(),
    }),
  ),
  original(
    '/api/lattice/p2p/identity',
    'getP2pIdentity',
    'The peer id',
    Shape({ success, peer_id: Text(), listen_addrs: List(Text()) }),
  ),
  original(
    '/api/lattice/sync/switch',
    'switchMode',
    'Choose the lung by hand',
    Shape({ success, mode: word(['auto', 'p2p', 'http']), message: Text() }),
    {
      method: 'POST',
      token: true,
      cost: 'write',
      description: 'Always 200: whatever goes wrong, a missing token too, is told with `success: false`.',
      query: Shape({ mode: Maybe(Text({ description: 'p2p, http or auto (default).' })) }),
      example: { query: { mode: 'auto' } },
    },
  ),
  original(
    '/api/lattice/health',
    'getLatticeHealth',
    'The parts of the node',
    Shape({
      timestamp: Integer(),
      overall: word(['healthy', 'degraded']),
      components: mapOf(word(['healthy', 'degraded', 'disabled'])),
      metrics: mapOf(anyJson),
    }),
  ),
  original(
    '/api/persistence/merkle-root',
    'getMerkleRoot',
    'The root',
    Shape({ success, merkle_root: root, total_accounts: Integer(), message: Text() }),
  ),
  original(
    '/api/persistence/integrity',
    'checkIntegrity',
    'Recompute the root from the store',
    Shape({
      success,
      is_valid: Bool(),
      status: word(['VALID', 'CORRUPTED', 'ERROR']),
      merkle_root: root,
      message: Text(),
    }),
    { cost: 'costly' },
  ),
  original(
    '/api/persistence/stats',
    'getPersistenceStats',
    'Counts of executions, attacks and bundles',
    Shape({
      success,
      executions: Shape({
        total_executions: Integer(),
        status_breakdown: mapOf(Integer()),
        avg_execution_time_ms: Float(),
      }),
      attacks: Shape({
        total_attacks_blocked: Integer(),
        attack_type_breakdown: mapOf(Integer()),
        layer_breakdown: mapOf(Integer()),
      }),
      merkle_root: root,
      total_bundles: Integer(),
    }),
  ),
  original(
    '/api/persistence/executions',
    'listExecutions',
    'Executions that this node took in, newest first',
    Shape({ success, executions: List(ExecutionRow.ref), count: Integer() }),
    { query: limit },
  ),
  original(
    '/api/persistence/attacks',
    'listAttacks',
    'Attacks that this node took in, newest first',
    Shape({ success, attacks: List(AttackRow.ref), count: Integer() }),
    { query: limit },
  ),
  original(
    '/api/persistence/bundles',
    'listBundles',
    'The rows of the vault as bundles',
    Shape({ success, bundles: List(row), count: Integer(), not_here: notHere }),
  ),
  original(
    '/api/persistence/bundle/:hash',
    'getBundle',
    'One bundle, or the entry of a function that has none',
    Shape({ success, bundle: row, ...integrity }),
    {
      params: hashParam,
      answers: { 200: json('The bundle.', Shape({ success, bundle: row, ...integrity })), 404: notFound },
      example: { params: { hash: '00'.repeat(32) } },
    },
  ),
  original(
    '/api/vault/list',
    'listVault',
    'The rows of the vault as functions',
    Shape({ success, functions: mapOf(row), count: Integer(), not_here: notHere }),
  ),
  original('/api/vault/:hash', 'getVaultEntry', 'One function, or the bundle where there is no entry', row, {
    params: hashParam,
    answers: { 200: json('The entry.', Shape({ success, function: row, ...integrity })), 404: notFound },
    example: { params: { hash: '00'.repeat(32) } },
  }),
];
