// A rendition of the original node, for tests and benches: it answers the original's HTTP endpoints with its JSON keys
// from the original's files. node program.js SETTINGS, where SETTINGS is the JSON of `OriginalSettings`. It needs a
// channel to its parent: it takes `OriginalOrder`s, answers each, and ends with the channel.
import { createHash, createPrivateKey, sign } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { openDatabase } from './database.ts';
import { HTTP_FORM, inForm, membersOf } from './python-json.ts';

export interface OriginalSettings {
  /** The directories of its state and its vault. */
  readonly stateDir: string;
  readonly vaultDir: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Seed of its Ed25519 key, 64 hex digits. Without it the state is served unsigned. */
  readonly seed?: string;
  /** Base URLs of the other nodes, which it names and leaves alone. */
  readonly nodes?: readonly string[];
  /** Rows of telemetry.db, newest first. */
  readonly executions?: readonly Readonly<Record<string, unknown>>[];
  readonly attacks?: readonly Readonly<Record<string, unknown>>[];
}

/** What is wrong with its answers to GET /api/lattice/state. */
export type Lie =
  /** A root that is not that of the state. */
  | 'root'
  /** One value is another one; root and signature are those of the true state. */
  | 'value'
  /** A signature that does not verify. */
  | 'signature'
  /** state_size says one more. */
  | 'size'
  /** The answer ends in the middle, and the connection with it. */
  | 'cut'
  /** A page in HTML. */
  | 'not-json'
  /** 500, as for any fault of the original. */
  | 'error'
  /** An answer that never ends. */
  | 'endless';

/** How it behaves from now on. What is absent is not so. */
export interface Behaviour {
  readonly lie?: Lie;
  /** Bytes of an answer that are sent at a time, and the pause between two of them. */
  readonly slow?: { readonly bytes: number; readonly ms: number };
  /** A key that it writes anew before each answer to GET /api/lattice/state. */
  readonly changing?: string;
}

/** What its parent may tell it. Each is answered by a message when it is done. */
export type OriginalOrder =
  | { readonly do: 'put'; readonly key: string; readonly json: string }
  | { readonly do: 'delete'; readonly key: string }
  | { readonly do: 'save' }
  | { readonly do: 'behave'; readonly as: Behaviour };

/** What it answers: its root after the order. The first message, which no order asks for, names its port too. */
export interface OriginalReply {
  readonly root: string | null;
  readonly port?: number;
}

const settings = JSON.parse(process.argv[2] ?? '') as OriginalSettings;
const database = openDatabase(settings.stateDir);
let behaviour: Behaviour = {};
let changes = 0;

/** The text of an object's JSON, from the texts of its values. */
const object = (fields: Readonly<Record<string, string>> | ReadonlyMap<string, string>): string => {
  const members = fields instanceof Map ? [...(fields as ReadonlyMap<string, string>)] : Object.entries(fields);
  return `{${members.map(([key, json]) => `${JSON.stringify(key)}:${json}`).join(',')}}`;
};

function signatureOf(text: string): string {
  const der = Buffer.concat([
    Buffer.from('302e020100300506032b657004220420', 'hex'), // PKCS #8 of an Ed25519 seed (RFC 8410)
    Buffer.from(settings.seed ?? '', 'hex'),
  ]);
  return sign(null, Buffer.from(text), createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })).toString('hex');
}

function stateJson(): string {
  const { lie, changing } = behaviour;
  if (changing !== undefined) database.put(changing, String(++changes));
  const timestamp = Math.floor(Date.now() / 1000);
  const root = lie === 'root' ? 'f'.repeat(64) : database.root;
  const state = new Map(database.state);
  const first = state.keys().next().value;
  if (lie === 'value' && first !== undefined) state.set(first, '"not what was written"');
  const fields = {
    success: 'true',
    merkle_root: JSON.stringify(root),
    state: object(state),
    state_size: String(state.size + (lie === 'size' ? 1 : 0)),
  };
  if (settings.seed === undefined) return object({ ...fields, signed: 'false' });
  const signature = lie === 'signature' ? '0'.repeat(128) : signatureOf(`${root}:${timestamp}`);
  return object({
    ...fields,
    timestamp: String(timestamp),
    signature: JSON.stringify(signature),
    signed: 'true',
  });
}

/** index.json of the vault, which both of its parts keep their rows in. */
function vaultIndex(): Map<string, string> {
  const file = join(settings.vaultDir, 'index.json');
  return existsSync(file) ? membersOf(readFileSync(file, 'utf8')) : new Map();
}

/** The bundle of a row of index.json, whose path is looked for by its name alone. Undefined where there is none. */
function bundleJson(hash: string): string | undefined {
  const row = JSON.parse(vaultIndex().get(hash) ?? '{}') as { bundle_path?: string };
  const file = join(settings.vaultDir, 'bundles', row.bundle_path?.split(/[\\/]/).at(-1) ?? hash);
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

function counts(rows: readonly Readonly<Record<string, unknown>>[], field: string): Record<string, number> {
  const found: Record<string, number> = {};
  for (const row of rows) found[String(row[field])] = (found[String(row[field])] ?? 0) + 1;
  return found;
}

const { executions = [], attacks = [], nodes = [] } = settings;
const limited = (rows: readonly unknown[], query: URLSearchParams): readonly unknown[] => {
  const limit = Number(query.get('limit') ?? 100);
  return limit < 0 ? rows : rows.slice(0, limit);
};
const isValid = (): boolean => database.root !== null;

type Answer = (query: URLSearchParams) => string;

/** What each path answers, as JSON text. */
const GET: Readonly<Record<string, Answer>> = {
  '/': () =>
    JSON.stringify({
      name: 'DIOTEC 360 IA API',
      version: '1.7.0',
      release: 'Oracle Sanctuary',
      status: 'operational',
      features: [],
      endpoints: {},
    }),
  '/health': () => JSON.stringify({ status: 'healthy' }),
  '/api/status': () =>
    JSON.stringify({
      success: true,
      production: false,
      safe_mode: false,
      violations: [],
      cors_origins: ['*'],
      p2p: { enabled: false, started: false, peer_count: 0 },
    }),
  '/api/lattice/nodes': () => JSON.stringify({ success: true, nodes, count: nodes.length }),
  '/api/lattice/state': stateJson,
  '/api/lattice/p2p/status': () =>
    JSON.stringify({
      success: true,
      enabled: false,
      started: false,
      libp2p_available: false,
      error: null,
      topic: 'aethel/lattice/v1',
      listen_multiaddrs: [],
      bootstrap_peers: [],
      peer_count: 0,
      has_peers: false,
      http_sync_enabled: true,
      sync_mode: 'HTTP',
      heartbeat_active: false,
    }),
  '/api/lattice/p2p/identity': () => JSON.stringify({ success: true, peer_id: null, listen_addrs: [] }),
  '/api/persistence/stats': () => {
    const times = executions.map((row) => row['elapsed_ms']).filter((ms) => typeof ms === 'number');
    return JSON.stringify({
      success: true,
      executions: {
        total_executions: executions.length,
        status_breakdown: counts(executions, 'status'),
        avg_execution_time_ms: times.length === 0 ? 0 : times.reduce((a, b) => a + b, 0) / times.length,
      },
      attacks: {
        total_attacks_blocked: attacks.length,
        attack_type_breakdown: counts(attacks, 'attack_type'),
        layer_breakdown: counts(attacks, 'blocked_by_layer'),
      },
      merkle_root: database.root,
      total_bundles: vaultIndex().size,
    });
  },
  '/api/persistence/integrity': () =>
    JSON.stringify({
      success: isValid(),
      is_valid: isValid(),
      status: isValid() ? 'VALID' : 'CORRUPTED',
      merkle_root: database.root,
      message: isValid() ? '[OK] Integrity verified' : '[ALERT] DATABASE CORRUPTION DETECTED',
    }),
  '/api/persistence/merkle-root': () =>
    JSON.stringify({
      success: true,
      merkle_root: database.root,
      total_accounts: database.state.size,
      message: 'Current state fingerprint',
    }),
  '/api/persistence/executions': (query) => {
    const rows = limited(executions, query);
    return JSON.stringify({ success: true, executions: rows, count: rows.length });
  },
  '/api/persistence/attacks': (query) => {
    const rows = limited(attacks, query);
    return JSON.stringify({ success: true, attacks: rows, count: rows.length });
  },
  '/api/persistence/bundles': () => {
    const rows = Array.from(vaultIndex(), ([hash, row]) =>
      object(new Map([['content_hash', `"${hash}"`], ...membersOf(row)])),
    );
    return `{"success":true,"bundles":[${rows.join(',')}],"count":${rows.length}}`;
  },
  '/api/vault/list': () => {
    const index = vaultIndex();
    return `{"success":true,"functions":${object(index)},"count":${index.size}}`;
  },
};

/** The answer to a path that names a bundle. */
function bundleAnswer(hash: string): readonly [status: number, json: string] {
  const json = bundleJson(hash);
  if (json === undefined) return [404, '{"detail":"Bundle not found"}'];
  const { code } = JSON.parse(json) as { code?: string };
  // The original checks the code alone, and fails for a bundle that has none.
  if (code === undefined) return [200, `{"success":false,"message":"'code'"}`];
  const verified = createHash('sha256').update(code).digest('hex') === hash;
  return [200, `{"success":true,"bundle":${json},"integrity_verified":${verified}}`];
}

function answerTo(method: string, url: URL): readonly [status: number, json: string] {
  const { pathname, searchParams } = url;
  if (method === 'POST' && pathname === '/api/lattice/sync/switch') {
    const mode = searchParams.get('mode') ?? 'auto';
    const isMode = mode === 'p2p' || mode === 'http' || mode === 'auto';
    const wanted = mode === 'p2p' ? 'P2P' : 'HTTP';
    return isMode
      ? [200, JSON.stringify({ success: true, mode: wanted, message: `Switched to ${wanted}` })]
      : [200, JSON.stringify({ success: false, message: `Invalid mode: ${mode}. Use 'p2p', 'http', or 'auto'` })];
  }
  if (method !== 'GET') return [405, '{"detail":"Method Not Allowed"}'];
  const bundle = /^\/api\/persistence\/bundle\/([^/]+)$/.exec(pathname)?.[1];
  if (bundle !== undefined) return bundleAnswer(bundle);
  const known = GET[pathname];
  if (known !== undefined) return [200, known(searchParams)];
  // The original's own answer, whatever function is asked for.
  if (/^\/api\/vault\/[^/]+$/.test(pathname))
    return [500, '{"detail":"\'AethelVault\' object has no attribute \'get_function\'"}'];
  return [404, '{"detail":"Not Found"}'];
}

async function send(response: ServerResponse, body: string, cut: boolean): Promise<void> {
  const bytes = Buffer.from(body);
  const end = cut ? bytes.length >> 1 : bytes.length;
  const { slow } = behaviour;
  const step = slow?.bytes ?? bytes.length;
  response.setHeader('content-length', bytes.length);
  for (let at = 0; at < end && !response.destroyed; at += step) {
    response.write(bytes.subarray(at, Math.min(end, at + step)));
    if (slow !== undefined) await pause(slow.ms);
  }
  if (cut) response.destroy();
  else response.end();
}

async function endless(response: ServerResponse): Promise<void> {
  response.write('{"success":true,"state":{');
  for (let i = 0; !response.destroyed; i++) {
    if (!response.write(`"key${i}":"${'x'.repeat(1024)}",`)) await pause(1);
  }
}

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://original');
  const lie = url.pathname === '/api/lattice/state' ? behaviour.lie : undefined;
  request.resume();
  if (lie === 'not-json') {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>sleeping</title>');
    return;
  }
  response.setHeader('content-type', 'application/json');
  if (lie === 'endless') {
    void endless(response);
    return;
  }
  const [status, json] =
    lie === 'error' ? [500, '{"detail":"Internal Server Error"}'] : answerTo(request.method ?? 'GET', url);
  // Its answers are written without NaN and the infinities: it fails for a state that holds one.
  if (/(?<=[:,[])-?(?:NaN|Infinity)(?=[,\]}])/.test(json.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""'))) {
    response.writeHead(500, { 'content-type': 'text/plain' }).end('Internal Server Error');
    return;
  }
  response.statusCode = status;
  void send(response, inForm(json, HTTP_FORM), lie === 'cut');
});

const reply = (message: OriginalReply): void => void process.send?.(message);

function obey(order: OriginalOrder): void {
  if (order.do === 'put') database.put(order.key, order.json);
  else if (order.do === 'delete') database.delete(order.key);
  else if (order.do === 'save') database.save();
  else behaviour = order.as;
  reply({ root: database.root });
}

process.on('message', (order) => obey(order as OriginalOrder));
process.on('disconnect', () => process.exit(0));
server.listen(settings.port, '127.0.0.1', () => {
  const address = server.address();
  reply({ root: database.root, port: typeof address === 'object' && address !== null ? address.port : settings.port });
});
