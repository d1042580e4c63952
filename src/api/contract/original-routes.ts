import { type TSchema, Type } from 'typebox';
import { AttackRow, ExecutionRow } from './audit-entities.ts';
import { json, mapOf, type RouteContract, word } from './describe.ts';
import { anyJson, hex64, Proof } from './entities.ts';

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

const wholeState = Shape({
  success,
  merkle_root: root,
  state: mapOf(anyJson),
  state_size: Integer(),
  timestamp: Integer({ description: 'Unix seconds.' }),
  signature: Text({ description: 'Ed25519 over `<root>:<timestamp>`, 128 hex digits.' }),
  signed: Bool(),
});
const wholeStateMore = {
  cost: 'costly',
  description: 'Streamed. Its ETag is the root: a reader that has it is answered 304.',
  headers: Shape({ 'if-none-match': Maybe(Text({ description: 'ETags that the reader has.' })) }),
} as const;
const lungWord = word(['healthy', 'unhealthy', 'disabled']);
const height = Integer({ description: 'The number of durable batches of this node.' });

const proofsAnswer = Shape({
  success,
  merkle_root: root,
  height,
  from: Integer(),
  to: Integer({ description: 'The last height that was asked for and is there.' }),
  proofs: List(Proof.ref),
  count: Integer(),
  next: Type.Union([Text(), Type.Null()]),
});

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
    { access: 'open' },
  ),
  original('/health', 'isHealthy', 'Whether the process answers', Shape({ status: word(['healthy']) }), {
    cost: 'free',
    access: 'open',
  }),
  original(
    '/api/status',
    'getProductionStatus',
    'Whether the rules for production are kept',
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
  original('/api/lattice/state', 'getWholeState', 'The whole state, signed', wholeState, wholeStateMore),
  original('/api/lattice/state/full', 'getFullState', 'The same under its longer name', wholeState, wholeStateMore),
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
      peer_count: Integer({ description: 'Other nodes that are connected over P2P or reached over HTTP, each once.' }),
      has_peers: Bool(),
      http_sync_enabled: Bool({ description: 'Whether HTTP carries a peer, or would carry one.' }),
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
    Shape({ success, mode: Maybe(word(['P2P', 'HTTP'])), message: Text() }),
    {
      method: 'POST',
      token: true,
      // Its own check answers in the original's form.
      access: 'open',
      cost: 'write',
      description:
        'Always 200: whatever goes wrong, a missing token too, is told with `success: false`, and then there is no mode. With DIOTEC360_LEGACY_SWITCH=loopback programs on the same machine need no token.',
      query: Shape({ mode: Maybe(Text({ description: 'p2p, http or auto (default).' })) }),
      example: { query: { mode: 'auto' } },
    },
  ),
  original(
    '/api/lattice/health',
    'getLatticeHealth',
    'The parts of the node',
    Shape({
      timestamp: Text({ description: 'ISO 8601, UTC.' }),
      overall: word(['healthy', 'degraded']),
      components: Shape({
        p2p: Shape({ status: lungWord, peer_count: Integer(), has_peers: Bool() }),
        http_sync: Shape({ status: lungWord, mode: word(['P2P', 'HTTP', 'NONE']) }),
        heartbeat: Shape({ status: word(['active']) }),
        persistence: Shape({ status: word(['healthy', 'unhealthy']), merkle_root: root }),
      }),
      metrics: mapOf(anyJson),
      unhealthy_components: Maybe(List(Text(), { description: 'There while `overall` is degraded.' })),
    }),
  ),
  original(
    '/sync/merkle-root',
    'getSyncRoot',
    'The root, and the height at which the state has it',
    Shape({ success, merkle_root: root, height, total_accounts: Integer() }),
  ),
  original(
    '/sync/peers',
    'listSyncPeers',
    'Nodes with their HTTP base URLs',
    Shape({
      success,
      peers: List(Shape({ url: Text(), peer_id: Type.Union([Text(), Type.Null()]), reachable: Bool() })),
      count: Integer(),
    }),
  ),
  original('/sync/snapshot/:height', 'getSyncSnapshot', 'The whole state, signed', wholeState, {
    ...wholeStateMore,
    description: 'The present state, which has everything up to that height.',
    params: Shape({ height: Text({ description: '`latest`, or a height that this node has reached.' }) }),
    answers: { 200: json('As /api/lattice/state answers.', wholeState), 404: notFound },
    example: { params: { height: 'latest' } },
  }),
  original(
    '/sync/proofs/:range',
    'getSyncProofs',
    'Proofs of the keys that changed between two heights',
    proofsAnswer,
    {
      cost: 'costly',
      description: 'At most 64 proofs or 1 MiB; `next` is the path of the others.',
      params: Shape({ range: Text({ description: '`<first height>-<last height>`.' }) }),
      query: Shape({ skip: Maybe(Integer({ description: 'From `next`.' })) }),
      answers: {
        200: json('Proof documents, each with the root that it is for.', proofsAnswer),
        404: notFound,
        410: json('The journal does not reach back so far.', Shape({ detail: Text(), code: Text(), next: Text() })),
      },
      example: { params: { range: '1-1' } },
    },
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
