/*
 * The env files that the original's public history has, in our own words: the same variables and forms, with hosts of
 * examples. Each stands under the path and the commit of its version there.
 */

/** What becomes of a file. */
export interface Becomes {
  /** `runs`: a node starts with it. `refused`: the start ends with one list of what to correct. */
  readonly start: 'runs' | 'refused';
  /** The variables, without prefix, that the list names, or of which P2P cannot run; each as often as it has flaws. */
  readonly flaws?: readonly string[];
  /** P2P after the start. Default: off. */
  readonly p2p?: 'on' | 'failed';
  /** Variables, without prefix, for which the production guard makes the node read-only. */
  readonly readOnly?: readonly string[];
  /** What the warnings name. */
  readonly warns?: readonly string[];
  /** Whether `init --from` makes a node of the file by itself. Default: yes. */
  readonly from?: false;
}

export interface OriginalEnv {
  readonly file: string;
  readonly version: string;
  readonly text: string;
  readonly becomes: Becomes;
}

type Prefix = 'DIOTEC360' | 'AETHEL';
const lines = (prefix: Prefix, values: Readonly<Record<string, string>>): string =>
  Object.entries(values)
    .map(([name, value]) => `${prefix}_${name}=${value}\n`)
    .join('');
const directories = (name: string, tail = ''): Readonly<Record<string, string>> => ({
  STATE_DIR: `.${name}_state${tail}`,
  VAULT_DIR: `.${name}_vault${tail}`,
  SENTINEL_DIR: `.${name}_sentinel${tail}`,
});
const RHYTHM = { HEARTBEAT_INTERVAL: '5', PEERLESS_TIMEOUT: '60', HTTP_POLL_INTERVAL: '10' };
const GUARD = ['TRUSTED_STATE_PUBKEYS', 'API_TOKEN'];

/** A genesis node by HTTP alone: the second and third are for production. */
function genesis(prefix: Prefix, name: string, role: string, peers: string, environment?: string): string {
  return `# ${name}\n\n${lines(prefix, {
    P2P_ENABLED: 'false',
    P2P_LISTEN: '/ip4/0.0.0.0/tcp/9000',
    P2P_TOPIC: 'aethel/lattice/v1',
    P2P_BOOTSTRAP: '',
    LATTICE_NODES: peers,
    ...directories(prefix === 'AETHEL' ? 'aethel' : 'DIOTEC360'),
    ...RHYTHM,
    NODE_NAME: name,
    NODE_ROLE: role,
    ...(environment === undefined ? {} : { ENVIRONMENT: environment, LOG_LEVEL: 'INFO' }),
  })}`;
}

/** One of three nodes on one machine, each with directories and a P2P port of its own. */
function local(prefix: Prefix, n: number, name: string, role: string, peers: string): string {
  return lines(prefix, {
    P2P_ENABLED: 'false',
    P2P_LISTEN: `/ip4/0.0.0.0/tcp/${9000 + (n % 3)}`,
    P2P_TOPIC: 'aethel/lattice/v1',
    P2P_BOOTSTRAP: '',
    LATTICE_NODES: peers,
    ...directories(prefix === 'AETHEL' ? 'aethel' : 'DIOTEC360', `_node${n}`),
    ...RHYTHM,
    NODE_NAME: name,
    NODE_ROLE: role,
    ENVIRONMENT: 'development',
    LOG_LEVEL: 'INFO',
  });
}

/** A template for production: keys, peers and addresses are yet to be written, and some names have no prefix. */
function template(n: number, others: readonly number[], bootstrap: readonly number[]): string {
  const keys = lines('DIOTEC360', {
    NODE_PRIVKEY_HEX: 'GENERATE_AND_REPLACE_WITH_64_CHAR_HEX_PRIVATE_KEY',
    NODE_PUBKEY_HEX: 'GENERATE_AND_REPLACE_WITH_64_CHAR_HEX_PUBLIC_KEY',
    TRUSTED_STATE_PUBKEYS: others.map((other) => `NODE${other}_PUBKEY_HERE`).join(','),
    P2P_ENABLED: 'true',
    P2P_LISTEN: '/ip4/0.0.0.0/tcp/4001',
    P2P_TOPIC: 'aethel/lattice/production/v1',
    P2P_BOOTSTRAP: bootstrap.map((other) => `/ip4/NODE${other}_IP/tcp/4001/p2p/NODE${other}_PEER_ID`).join(','),
    LATTICE_NODES: others.map((other) => `https://node${other}.example`).join(','),
    STATE_DIR: `.state_node${n}_prod`,
    VAULT_DIR: `.vault_node${n}_prod`,
    TELEMETRY_DIR: `.telemetry_node${n}_prod`,
  });
  return `# ═══════\nNODE_NAME=node${n}_example\nNODE_ROLE=authority\nNODE_LOCATION=cloud\n${keys}API_HOST=0.0.0.0\nAPI_PORT=8000\nAPI_WORKERS=4\nCORS_ORIGINS=https://app.example\nRATE_LIMIT_ENABLED=true\nMETRICS_PORT=9090\nLOG_LEVEL=INFO\n`;
}
const templateFlaws = ['NODE_PRIVKEY_HEX', 'NODE_PUBKEY_HEX', 'TRUSTED_STATE_PUBKEYS', 'TRUSTED_STATE_PUBKEYS'];
const templateWarns = ['DIOTEC360_NODE_NAME', 'DIOTEC360_API_PORT', 'DIOTEC360_CORS_ORIGINS', 'TELEMETRY_DIR'];

/** The first of two nodes on one machine, and the second, which has yet to be told the first one's peer id. */
const nodeA = (prefix: Prefix): string =>
  lines(prefix, {
    P2P_ENABLED: 'true',
    P2P_LISTEN: '/ip4/127.0.0.1/tcp/9000',
    P2P_TOPIC: 'aethel/lattice/v1',
    P2P_BOOTSTRAP: '',
    LATTICE_NODES: '',
    ...directories('x', '_nodeA'),
  });
const nodeB = (prefix: Prefix): string =>
  lines(prefix, {
    P2P_ENABLED: 'true',
    P2P_LISTEN: '/ip4/127.0.0.1/tcp/9001',
    P2P_TOPIC: 'aethel/lattice/v1',
    P2P_BOOTSTRAP: '/ip4/127.0.0.1/tcp/9000/p2p/{PEER_ID}',
    LATTICE_NODES: 'http://127.0.0.1:8000',
    ...directories('x', '_nodeB'),
  });

/** The API's server in production, with much that belongs to other parts. `more` is what a version has beside. */
const server = (more: string): string =>
  `${genesis('DIOTEC360', 'api-production', 'genesis', 'https://acme-ledger.hf.space,https://api.example', 'production')}PAYPAL_MODE=sandbox\nPAYPAL_CLIENT_SECRET=your-paypal-client-secret\nDIOTEC360_CORS_ORIGINS=https://app.example,https://www.example\nDIOTEC360_API_HOST=0.0.0.0\nDIOTEC360_API_PORT=8000\nDIOTEC360_ENABLE_METRICS=true\nDIOTEC360_ENABLE_TELEMETRY=true\n${more}`;
const workers =
  'DIOTEC360_API_WORKERS=4\nDIOTEC360_SECRET_KEY=your-secret-key-here-change-in-production\nDIOTEC360_ALLOWED_HOSTS=api.example,example.org\n# DIOTEC360_DATABASE_URL=\n';

const SPACE = lines('DIOTEC360', {
  ENV: 'production',
  DEBUG: 'false',
  LOG_LEVEL: 'INFO',
  VAULT_PATH: '/app/.diotec360_vault',
  STATE_PATH: '/app/.diotec360_state',
  AUDIT_PATH: '/app/.diotec360_audit',
  API_HOST: '0.0.0.0',
  API_PORT: '7860',
  API_WORKERS: '1',
  ENABLE_CORS: 'true',
  CORS_ORIGINS: '*',
  ENABLE_MOE: 'true',
  Z3_TIMEOUT: '30000',
  MAX_CONCURRENT_REQUESTS: '100',
  METRICS_PORT: '7861',
});

const FRONT_ENDS: readonly (readonly [file: string, version: string, text: string])[] = [
  [
    'frontend/.env.local',
    '9e60ac0',
    'NEXT_PUBLIC_API_URL=http://localhost:8000\nNEXT_PUBLIC_LATTICE_NODES=http://localhost:8000,http://localhost:8001\nNEXT_PUBLIC_APP_NAME=A NAME\nALPHA_VANTAGE_API_KEY=your-alpha-vantage-api-key\nNEXT_PUBLIC_PAYPAL_CLIENT_ID=\n',
  ],
  [
    'frontend/.env.local',
    '70de202',
    'NEXT_PUBLIC_API_URL=http://localhost:8000\nNEXT_PUBLIC_LATTICE_NODES=http://localhost:8000,http://localhost:8001\nNEXT_PUBLIC_APP_NAME=A NAME\nALPHA_VANTAGE_API_KEY=AKEY\nNEXT_PUBLIC_PAYPAL_CLIENT_ID=\n',
  ],
  [
    'frontend/.env.local',
    'e8fcc57',
    'NEXT_PUBLIC_API_URL=https://acme-ledger.hf.space\nALPHA_VANTAGE_API_KEY="AKEY,-1"\n\nNEXT_PUBLIC_API_URL=http://localhost:8000\nNEXT_PUBLIC_LATTICE_NODES=http://localhost:8001',
  ],
  [
    'frontend/.env.local',
    '02e2767',
    'NEXT_PUBLIC_API_URL=https://acme-book.hf.space\nALPHA_VANTAGE_API_KEY="AKEY,-1"\n\nNEXT_PUBLIC_API_URL=http://localhost:8000\nNEXT_PUBLIC_LATTICE_NODES=http://localhost:8001',
  ],
  [
    'frontend/.env.local.example',
    'e8fcc57',
    'NEXT_PUBLIC_API_URL=http://localhost:8000\n# NEXT_PUBLIC_GUN_PEERS=http://localhost:8765/gun\nNEXT_PUBLIC_GUN_PEERS=\n',
  ],
  ['frontend/.env.local.example', '02e2767', 'NEXT_PUBLIC_API_URL=http://localhost:8000\n'],
  [
    'frontend/.env.production',
    '9e60ac0',
    'NEXT_PUBLIC_API_URL=https://api.example\nNEXT_PUBLIC_LATTICE_NODES=https://api.example,https://acme-ledger.hf.space\nNEXT_PUBLIC_DOMAIN=example.org\nALPHA_VANTAGE_API_KEY=your-alpha-vantage-api-key\nNEXT_PUBLIC_ENABLE_PAYMENTS=true\n',
  ],
  [
    'frontend/.env.production',
    '70de202',
    'NEXT_PUBLIC_API_URL=https://api.example\nNEXT_PUBLIC_LATTICE_NODES=https://api.example,https://acme-ledger.hf.space\nNEXT_PUBLIC_DOMAIN=example.org\nALPHA_VANTAGE_API_KEY=AKEY\nNEXT_PUBLIC_ENABLE_PAYMENTS=true\n',
  ],
  [
    'frontend/.env.production',
    'e8fcc57',
    'NEXT_PUBLIC_API_URL=https://api.example\nNEXT_PUBLIC_LATTICE_NODES=https://acme-ledger.hf.space,https://backup.example\nALPHA_VANTAGE_API_KEY=AKEY,-1\n',
  ],
  [
    'frontend/.env.production',
    'e7fe332',
    'NEXT_PUBLIC_API_URL=https://api.example\nNEXT_PUBLIC_LATTICE_NODES=https://acme-book.hf.space,https://backup.example\nALPHA_VANTAGE_API_KEY=AKEY,-1\n',
  ],
  [
    'frontend/.env.production',
    '02e2767',
    'NEXT_PUBLIC_API_URL=https://book.example\nNEXT_PUBLIC_LATTICE_NODES=https://acme-book.hf.space,https://backup.example\nALPHA_VANTAGE_API_KEY=AKEY,-1\n',
  ],
];

const one = (file: string, version: string, text: string, becomes: Becomes): OriginalEnv => ({
  file,
  version,
  text,
  becomes,
});
const RUNS: Becomes = { start: 'runs' };
const GUARDED: Becomes = { start: 'runs', readOnly: GUARD };
const TEMPLATE = (bootstrap: number): Becomes => ({
  start: 'refused',
  flaws: [...templateFlaws, ...Array.from({ length: bootstrap }, () => 'P2P_BOOTSTRAP')],
  warns: templateWarns,
});
const [space, book] = ['https://acme-ledger.hf.space', 'https://acme-book.hf.space'];
const [api, backup] = ['https://api.example', 'https://backup.example'];

/** All 36 versions. */
export const ORIGINAL_ENV: readonly OriginalEnv[] = [
  one(
    '.env.example',
    '9e60ac0',
    server('DIOTEC360_DOMAIN=example.org\nDIOTEC360_API_DOMAIN=api.example\nDIOTEC360_APP_DOMAIN=app.example\n'),
    { ...GUARDED, warns: ['ENABLE_METRICS', 'DIOTEC360_API_DOMAIN', 'DIOTEC360_DOMAIN'] },
  ),
  one(
    '.env.node1.huggingface',
    'e8fcc57',
    genesis('DIOTEC360', 'node1-huggingface', 'genesis-public', `${api},${backup}`),
    RUNS,
  ),
  one(
    '.env.node1.huggingface',
    'e7fe332',
    genesis('AETHEL', 'node1-huggingface', 'genesis-public', `${api},${backup}`),
    RUNS,
  ),
  one(
    '.env.node1.huggingface',
    '02e2767',
    genesis('AETHEL', 'node1-huggingface', 'genesis-public', `https://book.example,${backup}`),
    RUNS,
  ),
  one(
    '.env.node1.local',
    'e8fcc57',
    local('DIOTEC360', 1, 'node1-huggingface-local', 'genesis-cloud', 'http://localhost:8000,http://localhost:8002'),
    RUNS,
  ),
  one(
    '.env.node1.local',
    '02e2767',
    local('AETHEL', 1, 'node1-huggingface-local', 'genesis-cloud', 'http://localhost:8000,http://localhost:8002'),
    RUNS,
  ),
  one('.env.node1.production', 'e8fcc57', template(1, [2, 3], []), TEMPLATE(0)),
  one(
    '.env.node2.diotec360',
    'e8fcc57',
    genesis('DIOTEC360', 'node2-diotec360', 'genesis-primary', `${space},${backup}`, 'production'),
    GUARDED,
  ),
  one(
    '.env.node2.diotec360',
    'e7fe332',
    genesis('AETHEL', 'node2-diotec360', 'genesis-primary', `${book},${backup}`, 'production'),
    GUARDED,
  ),
  one(
    '.env.node2.diotec360',
    '02e2767',
    genesis('AETHEL', 'node2-diotec360', 'genesis-primary', `${book},${backup}`, 'production'),
    GUARDED,
  ),
  one('.env.node2.production', 'e8fcc57', template(2, [1, 3], [1]), TEMPLATE(1)),
  one(
    '.env.node3.backup',
    'e8fcc57',
    genesis('DIOTEC360', 'node3-backup', 'genesis-backup', `${space},${api}`, 'production'),
    GUARDED,
  ),
  one(
    '.env.node3.backup',
    'fae7703',
    genesis('AETHEL', 'node3-backup', 'genesis-backup', `${book},${api}`, 'production'),
    GUARDED,
  ),
  one(
    '.env.node3.backup',
    'e7fe332',
    genesis('AETHEL', 'node3-backup', 'genesis-backup', `${book},${api}`, 'production'),
    GUARDED,
  ),
  one(
    '.env.node3.backup',
    '02e2767',
    genesis('AETHEL', 'node3-backup', 'genesis-backup', `${book},https://book.example`, 'production'),
    GUARDED,
  ),
  one(
    '.env.node3.local',
    'e8fcc57',
    local('DIOTEC360', 3, 'node3-backup-local', 'genesis-backup', 'http://localhost:8000,http://localhost:8001'),
    RUNS,
  ),
  one(
    '.env.node3.local',
    '02e2767',
    local('AETHEL', 3, 'node3-backup-local', 'genesis-backup', 'http://localhost:8000,http://localhost:8001'),
    RUNS,
  ),
  one('.env.node3.production', 'e8fcc57', template(3, [1, 2], [1, 2]), TEMPLATE(2)),
  one('.env.nodeA', 'e8fcc57', nodeA('DIOTEC360'), { ...RUNS, p2p: 'on' }),
  one('.env.nodeA', '02e2767', nodeA('AETHEL'), { ...RUNS, p2p: 'on' }),
  one('.env.nodeB.template', 'e8fcc57', nodeB('DIOTEC360'), { ...RUNS, p2p: 'failed', flaws: ['P2P_BOOTSTRAP'] }),
  one('.env.nodeB.template', '02e2767', nodeB('AETHEL'), { ...RUNS, p2p: 'failed', flaws: ['P2P_BOOTSTRAP'] }),
  one('.env.production', '9e60ac0', server(workers), { ...GUARDED, warns: ['API_WORKERS', 'SECRET_KEY'] }),
  one('.env.production', '70de202', server(`ALPHA_VANTAGE_API_KEY=AKEY\n${workers}`), {
    ...GUARDED,
    warns: ['API_WORKERS', 'SECRET_KEY'],
  }),
  ...FRONT_ENDS.map(([file, version, text]) =>
    one(file, version, text, { ...RUNS, warns: ['no variable of a node'], from: false }),
  ),
  one('huggingface_deploy/.env.production', 'e8fcc57', SPACE, {
    start: 'runs',
    readOnly: ['CORS_ORIGINS', ...GUARD],
    warns: ['API_WORKERS', 'DEBUG', 'ENABLE_CORS', 'METRICS_PORT'],
  }),
];
