import type { Setting } from './environment.ts';
import { configOf, usable } from './load.ts';
import type { Config } from './model.ts';
import { type Problem, shownValue } from './problems.ts';
import { type Form, formatted } from './setting-form.ts';
import { nearestName } from './unknown-names.ts';
import type { Variable } from './variable.ts';
import { VARIABLES, type VariableName } from './variables.ts';

/** What the API of an embedded node is served with. */
export interface ApiSettings {
  /** The IP address or host name on which the API listens. All interfaces (`0.0.0.0`) need a token. */
  readonly host?: string | undefined;
  /** The port; 0 takes any free one, which `node.url` then tells. */
  readonly port?: number | undefined;
  /** The bearer token of writes and operator calls, 16 to 512 characters. Without it nothing is written over HTTP. */
  readonly token?: string | undefined;
  /** With it, reads over HTTP need this token or another one, 16 to 512 characters. */
  readonly readToken?: string | undefined;
  /** The browser origins whose pages may call the API, such as `https://app.example.org`. */
  readonly corsOrigins?: readonly string[] | undefined;
  /** Host headers that are answered beside loopback names. Without any: all, except on a loopback bind. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** Proxies whose `X-Forwarded-For` counts: IP addresses, CIDR ranges, `loopback`, `linklocal`, `uniquelocal`. */
  readonly trustedProxies?: readonly string[] | undefined;
  /** Whether anyone, not members alone, may fetch certified cuts. */
  readonly publicSync?: boolean | undefined;
  /** `loopback`: programs on this machine may switch the mode by the original's endpoint without the token. */
  readonly legacySwitch?: string | undefined;
  /** Whether the API answers /metrics. */
  readonly metrics?: boolean | undefined;
}

/** What the P2P lung of an embedded node runs with. */
export interface P2pSettings {
  /** Where the lung listens, as multiaddrs such as `/ip4/0.0.0.0/tcp/9000`. Without any it only dials. */
  readonly listen?: readonly string[] | undefined;
  /** The GossipSub topic, which is equal on every node. */
  readonly topic?: string | undefined;
  /** Whether peers are also looked for on the local network. */
  readonly mdns?: boolean | undefined;
  /** Whether strangers may connect: they hear and send commits and never sync. */
  readonly open?: boolean | undefined;
}

/** What the vault of an embedded node is held with. */
export interface VaultSettings {
  /** Which bytes the node fetches: those of all objects, of pinned ones, or none. It keeps what is put at itself. */
  readonly policy?: 'all' | 'pinned' | 'none' | undefined;
  /** The longest content that is put at this node, in bytes. */
  readonly maxBytes?: number | undefined;
  /** The bytes up to which the node fetches objects by itself. Without it: as many as the disk has room for. */
  readonly capacityBytes?: number | undefined;
  /**
   * Where the bytes lie: `files` below `vaultDir`, `s3://bucket/prefix`, or `memory`, where they end with the process.
   */
  readonly store?: 'files' | 'memory' | `s3://${string}` | undefined;
  /** The S3-compatible service of a bucket. Without it: AWS in the region. */
  readonly s3Endpoint?: string | undefined;
  readonly s3Region?: string | undefined;
  /** The key with which the bucket is used. It may list, read, write and delete objects. */
  readonly s3AccessKeyId?: string | undefined;
  readonly s3SecretAccessKey?: string | undefined;
  readonly s3SessionToken?: string | undefined;
}

/**
 * The configuration of an embedded node as one object. Each field stands for a variable of a node that runs alone and is
 * held to the same rules; a field that there is not is an error. What is undefined has its default.
 */
export interface NodeSettings {
  /** The directory of the store, which is made where it is missing. A relative path starts at `process.cwd()`. */
  readonly dataDir: string;
  /** The name of the node in logs and status, and at its peers. */
  readonly name?: string | undefined;
  /** The role of the node, which is shown and never acted on. */
  readonly role?: string | undefined;
  /** The name of the network, which is equal on every node: commits of another network are refused. */
  readonly network?: string | undefined;
  /** `production` switches the rules for production on: with a violation the node is read-only. */
  readonly environment?: 'development' | 'production' | undefined;
  /** The private key of the node: the 64 hex digits of an Ed25519 seed, as `generateNodeKey` makes them. */
  readonly key?: string | undefined;
  /** The file of the private key instead, which is made where it is missing. */
  readonly keyFile?: string | undefined;
  /** The public keys (64 hex digits each) whose commits count, the own one included. Without any only the own counts. */
  readonly trust?: readonly string[] | undefined;
  /**
   * What other nodes are called, as `public key=name` (64 hex digits before the sign), until they tell it themselves.
   */
  readonly names?: readonly string[] | undefined;
  /** Other nodes: base URLs for the HTTP lung, and multiaddrs that end in /p2p/PEERID for the P2P lung. */
  readonly peers?: readonly string[] | undefined;
  /** Base URLs and multiaddrs at which other members reach this node, which it tells them. Without any: none. */
  readonly announce?: readonly string[] | undefined;
  /** What the API is served with. False: there is no API, and the node opens no port for it. */
  readonly api?: ApiSettings | false | undefined;
  /** What the P2P lung runs with. False: there is none, and the node reaches its peers over HTTP alone. */
  readonly p2p?: P2pSettings | false | undefined;
  /** How often the node tells its head to every peer, in ms. */
  readonly heartbeatMs?: number | undefined;
  /** How long a peer may be silent on P2P before HTTP takes over, in ms. */
  readonly graceMs?: number | undefined;
  /** How often an HTTP peer is asked where no push stream stands, in ms. */
  readonly pollMs?: number | undefined;
  /** What the vault is held with. False: the node has none, and answers its peers that it holds nothing. */
  readonly vault?: VaultSettings | false | undefined;
  /** The directory of the vault, where that of the original may lie, which the API serves read-only. */
  readonly vaultDir?: string | undefined;
  /** The least level of the lines that the logger gets. */
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error' | undefined;
}

/** One field of the settings, and the variable whose text it becomes. */
export interface SettingField {
  readonly variable: VariableName;
  readonly form: Form;
  /** The default where it is another one than that of the variable. */
  readonly default?: string;
}

type Leaf = Exclude<keyof NodeSettings, 'api' | 'p2p' | 'vault' | 'peers'>;
/** The name of a field, with that of its group before a dot. `peers` is two variables, and so not among them. */
export type SettingName =
  | Leaf
  | `api.${keyof ApiSettings}`
  | `p2p.${keyof P2pSettings}`
  | `vault.${keyof VaultSettings}`;

/** Every field that stands for one variable. The reference is made from this table and from that of the variables. */
export const SETTING_FIELDS: Readonly<Record<SettingName, SettingField>> = {
  dataDir: { variable: 'STATE_DIR', form: 'text', default: 'none: it is required' },
  name: { variable: 'NODE_NAME', form: 'text' },
  role: { variable: 'NODE_ROLE', form: 'text' },
  network: { variable: 'NETWORK', form: 'text' },
  environment: { variable: 'ENVIRONMENT', form: 'text' },
  key: { variable: 'NODE_PRIVKEY_HEX', form: 'text' },
  keyFile: { variable: 'KEY_FILE', form: 'text' },
  trust: { variable: 'TRUSTED_STATE_PUBKEYS', form: 'list' },
  names: { variable: 'NODE_NAMES', form: 'list' },
  announce: { variable: 'ANNOUNCE', form: 'list' },
  heartbeatMs: { variable: 'HEARTBEAT_INTERVAL', form: 'ms' },
  graceMs: { variable: 'PEERLESS_TIMEOUT', form: 'ms' },
  pollMs: { variable: 'HTTP_POLL_INTERVAL', form: 'ms' },
  vaultDir: { variable: 'VAULT_DIR', form: 'text', default: '`vault` in `dataDir`' },
  logLevel: { variable: 'LOG_LEVEL', form: 'text' },
  'api.host': { variable: 'API_HOST', form: 'text', default: '127.0.0.1' },
  'api.port': { variable: 'API_PORT', form: 'number', default: '0' },
  'api.token': { variable: 'API_TOKEN', form: 'text' },
  'api.readToken': { variable: 'READ_TOKEN', form: 'text' },
  'api.corsOrigins': { variable: 'CORS_ORIGINS', form: 'list' },
  'api.allowedHosts': { variable: 'ALLOWED_HOSTS', form: 'list' },
  'api.trustedProxies': { variable: 'TRUSTED_PROXIES', form: 'list' },
  'api.publicSync': { variable: 'PUBLIC_SYNC', form: 'boolean' },
  'api.legacySwitch': { variable: 'LEGACY_SWITCH', form: 'text' },
  'api.metrics': { variable: 'METRICS', form: 'boolean' },
  'p2p.listen': { variable: 'P2P_LISTEN', form: 'list' },
  'p2p.topic': { variable: 'P2P_TOPIC', form: 'text' },
  'p2p.mdns': { variable: 'P2P_MDNS', form: 'boolean' },
  'p2p.open': { variable: 'P2P_OPEN', form: 'boolean' },
  'vault.policy': { variable: 'VAULT_POLICY', form: 'text' },
  'vault.maxBytes': { variable: 'VAULT_MAX_BYTES', form: 'bytes' },
  'vault.capacityBytes': { variable: 'VAULT_CAPACITY', form: 'bytes' },
  'vault.store': { variable: 'VAULT_STORE', form: 'text' },
  'vault.s3Endpoint': { variable: 'S3_ENDPOINT', form: 'text' },
  'vault.s3Region': { variable: 'S3_REGION', form: 'text' },
  'vault.s3AccessKeyId': { variable: 'S3_ACCESS_KEY_ID', form: 'text' },
  'vault.s3SecretAccessKey': { variable: 'S3_SECRET_ACCESS_KEY', form: 'text' },
  'vault.s3SessionToken': { variable: 'S3_SESSION_TOKEN', form: 'text' },
};

/** The groups of fields that a program leaves out, or gives as false, to have that part switched off. */
const GROUPS = ['api', 'p2p', 'vault'] as const;
/**
 * Makes a configuration of settings, with the checks of `loadConfig`; no environment and no file is read. All that is
 * wrong is thrown as one LatticeError `invalid-config`, whose `details.problems` name the fields. `cwd` is the absolute
 * path to which relative paths are relative; `found` is what is wrong besides, and is told with the rest.
 */
export function settingsToConfig(settings: NodeSettings, cwd: string, found: readonly Problem[] = []): Config {
  const problems: Problem[] = [...found];
  const given = new Map<VariableName, Setting>();

  function reject(field: string, value: unknown, rule: string, fix: string): void {
    const secret = ['key', 'api.token', 'api.readToken', 'vault.s3SecretAccessKey', 'vault.s3SessionToken'].includes(
      field,
    );
    problems.push({ variable: field, value: shownValue(shownText(value), secret), rule, fix });
  }
  function set(variable: VariableName, name: string, text: string): void {
    if (text.trim() !== '') given.set(variable, { name, text: text.trim(), base: cwd, from: 'options' });
  }

  /** The text of a field's value; undefined when it has been rejected. */
  function textOf(name: string, form: Form, value: unknown, variable: VariableName): string | undefined {
    const text = formatted(form, value, VARIABLES.find((one) => one.name === variable) as Variable);
    if (typeof text === 'string') return text;
    reject(name, text.value, text.rule, text.fix);
    return undefined;
  }

  function readField(name: string, value: unknown): void {
    const field = Object.hasOwn(SETTING_FIELDS, name) ? SETTING_FIELDS[name as SettingName] : undefined;
    if (field === undefined) {
      const [group] = name.split('.');
      const near = nearestName(name, [...Object.keys(SETTING_FIELDS), 'peers', ...GROUPS]);
      const among = name.includes('.') ? ` of ${group}` : '';
      reject(
        name,
        '',
        `there is no such field${among}`,
        near === undefined ? 'leave it out; the reference of the library lists the fields' : `write ${near}`,
      );
    } else {
      const text = textOf(name, field.form, value, field.variable);
      if (text !== undefined) set(field.variable, name, text);
    }
  }

  function readGroup(name: (typeof GROUPS)[number], value: unknown): void {
    if (value === undefined || value === false) return;
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return reject(name, value, 'it is neither false nor an object', `give false, or an object such as {}`);
    for (const [field, one] of Object.entries(value)) if (one !== undefined) readField(`${name}.${field}`, one);
  }

  const { api, p2p, vault, peers, ...leaves } = settings;
  const serves = api !== undefined && api !== false;
  const keeps = vault !== undefined && vault !== false;
  const breathes = p2p !== undefined && p2p !== false;
  for (const [name, value] of Object.entries(leaves)) if (value !== undefined) readField(name, value);
  readGroup('api', api);
  readGroup('p2p', p2p);
  readGroup('vault', vault);
  set('P2P_ENABLED', 'p2p', String(breathes));

  if (peers !== undefined) {
    const text = textOf('peers', 'list', peers, 'LATTICE_NODES');
    if (text !== undefined) {
      const multiaddrs = peers.filter((peer) => peer.trim().startsWith('/'));
      if (multiaddrs.length > 0 && !breathes)
        reject('peers', multiaddrs[0], 'a multiaddr is for the P2P lung, which is off', 'give p2p: {}, or a URL');
      set('P2P_BOOTSTRAP', 'peers', multiaddrs.join(','));
      set('LATTICE_NODES', 'peers', peers.filter((peer) => !multiaddrs.includes(peer)).join(','));
    }
  }
  const dataDir = given.get('STATE_DIR')?.text;
  if (dataDir === undefined && !problems.some(({ variable }) => variable === 'dataDir'))
    reject('dataDir', '', 'it is missing', 'name the directory of the store');
  const own = (variable: VariableName, text: string): void => {
    if (!given.has(variable)) given.set(variable, { name: 'dataDir', text, base: cwd, from: 'options' });
  };
  own('VAULT_DIR', `${dataDir}/vault`);
  own('SENTINEL_DIR', `${dataDir}/sentinel`);
  if (serves) {
    if (!given.has('API_HOST')) set('API_HOST', 'api.host', '127.0.0.1');
    if (!given.has('API_PORT')) set('API_PORT', 'api.port', '0');
  }

  const find = ({ name }: Variable): Setting | undefined => given.get(name as VariableName);
  const findAll = (variable: Variable): readonly Setting[] => [find(variable)].flatMap((setting) => setting ?? []);
  // A program learns of each flaw in what it gives as an error.
  return usable(
    configOf({ find, findAll, warnings: [] }, problems, { cwd, terminal: false, serves, keeps, p2pFails: 'node' }),
  );
}

/** A value as a message shows it, cut to some characters later. Not everything can be written as JSON. */
function shownText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}
