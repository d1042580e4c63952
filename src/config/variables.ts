// Longer than other files, because it is one table: every variable with its form, default and description.
import { MAX_CONTENT_BYTES } from '../core/vault/index.ts';

/**
 * What the text of a variable may be, which decides how values.ts parses it. Items of lists are separated by commas,
 * and blanks around them are dropped.
 */
export type Kind =
  | 'boolean'
  | 'choice'
  | 'seconds'
  | 'port'
  | 'host'
  | 'text'
  | 'path'
  | 'audit-path'
  | 'token'
  | 'seed'
  | 'url'
  | 'urls'
  | 'origins'
  | 'hosts'
  | 'proxies'
  | 'public-key'
  | 'public-keys'
  | 'node-names'
  | 'listen-addresses'
  | 'peer-addresses'
  | 'own-addresses'
  | 'bytes'
  | 'vault-store'
  | 'credential';

/**
 * One variable. It is read as DIOTEC360_<name>, else as AETHEL_<name>, else it has its default. An empty text counts as
 * unset.
 */
export interface Variable {
  readonly name: string;
  readonly kind: Kind;
  /** The unit or the form of the text, for people. */
  readonly unit: string;
  /** The default as an env file would have it; '' when there is none. */
  readonly default: string;
  readonly description: string;
  /** Other names, which are read after `name` with each prefix. */
  readonly also?: readonly string[];
  /** Names without a prefix, which are read last. */
  readonly plain?: readonly string[];
  /** Present when errors and logs must not show the text. */
  readonly secret?: true;
  /** For the kind `choice`: what each text means. Texts are compared without regard to case. */
  readonly choices?: Readonly<Record<string, string>>;
  /** For the kinds `seconds` and `bytes`: the least and the greatest value. */
  readonly range?: readonly [least: number, greatest: number];
}

/**
 * Seconds of a timer. Below 50 ms it would keep a processor busy, and above a day milliseconds were written for
 * seconds.
 */
const INTERVAL = [0.05, 86_400] as const;

/** Every variable. Parsing, the warnings about unknown names and the reference are all made from this table. */
export const VARIABLES = [
  {
    name: 'NODE_NAME',
    kind: 'text',
    unit: 'text',
    default: '',
    description: 'The name of the node in logs, status and its fleet, for example node2-diotec360.',
  },
  {
    name: 'NODE_NAMES',
    kind: 'node-names',
    unit: 'list of public-key=name',
    default: '',
    description:
      'What the other nodes of the fleet are called. A node tells its name itself once it is heard; until then it is named by this.',
  },
  {
    name: 'NODE_ROLE',
    kind: 'text',
    unit: 'text',
    default: '',
    description: 'The role of the node, shown and never acted on, for example genesis-primary.',
  },
  {
    name: 'NETWORK',
    kind: 'text',
    unit: 'text',
    default: '',
    description: 'Names the network: commits of another network are refused. Default: the topic. Equal on every node.',
  },
  {
    name: 'ENVIRONMENT',
    also: ['ENV'],
    kind: 'choice',
    choices: { development: 'development', production: 'production' },
    unit: 'development or production',
    default: 'development',
    description: 'production switches the guard on: with a violation the node is read-only.',
  },
  {
    name: 'SAFE_MODE',
    kind: 'boolean',
    unit: 'boolean',
    default: 'false',
    description: 'Whether the node is read-only because its operator wants it so.',
  },
  {
    name: 'KEY_FILE',
    kind: 'path',
    unit: 'path',
    default: '',
    description:
      'The key of the node, 64 hex digits, mode 0600; made where it is missing. Default: node.key in the state directory.',
  },
  {
    name: 'NODE_PRIVKEY_HEX',
    kind: 'seed',
    unit: '64 hex digits',
    default: '',
    secret: true,
    description: 'The Ed25519 seed of the node itself, instead of a key file.',
  },
  {
    name: 'NODE_PUBKEY_HEX',
    kind: 'public-key',
    unit: '64 hex digits',
    default: '',
    description:
      'The public key that the node is meant to have: with another one it does not start. Never a private key.',
  },
  {
    name: 'TRUSTED_STATE_PUBKEYS',
    kind: 'public-keys',
    unit: 'list of 64 hex digits',
    default: '',
    description:
      'Ed25519 public keys whose commits count, the own one included. Without any the node trusts only itself.',
  },
  {
    name: 'STATE_DIR',
    also: ['STATE_PATH'],
    kind: 'path',
    unit: 'path',
    default: '.diotec360_state',
    description: 'The directory of the store.',
  },
  {
    name: 'VAULT_DIR',
    also: ['VAULT_PATH'],
    kind: 'path',
    unit: 'path',
    default: '.diotec360_vault',
    description: 'The directory of content by hash.',
  },
  {
    name: 'VAULT_POLICY',
    kind: 'choice',
    choices: { all: 'all', pinned: 'pinned', none: 'none' },
    unit: 'all, pinned or none',
    default: 'all',
    description:
      'Which bytes of the vault the node fetches: those of all objects, of pinned ones, or none. It always keeps what is put at the node itself.',
  },
  {
    name: 'VAULT_MAX_BYTES',
    kind: 'bytes',
    range: [1, MAX_CONTENT_BYTES],
    unit: 'bytes, or a number of KiB, MiB or GiB',
    default: '64MiB',
    description: 'The longest content that is put into the vault at this node. It fetches longer ones all the same.',
  },
  {
    name: 'VAULT_CAPACITY',
    kind: 'bytes',
    range: [0, Number.MAX_SAFE_INTEGER],
    unit: 'bytes, or a number of KiB, MiB, GiB or TiB',
    default: '',
    description: 'The bytes up to which the node fetches objects by itself. Unset: as many as the disk has room for.',
  },
  {
    name: 'VAULT_STORE',
    kind: 'vault-store',
    unit: 'files, memory, or s3://bucket/prefix',
    default: 'files',
    description:
      'Where the bytes of the vault lie: in files below the vault directory, in a bucket of an S3-compatible service, or in memory, where they end with the process. Each node has a prefix of its own.',
  },
  {
    name: 'S3_ENDPOINT',
    plain: ['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL'],
    kind: 'url',
    unit: 'HTTP base URL',
    default: 'https://s3.amazonaws.com',
    description: 'Where the S3-compatible service of the vault answers. Unset: AWS in the region of S3_REGION.',
  },
  {
    name: 'S3_REGION',
    plain: ['AWS_REGION', 'AWS_DEFAULT_REGION'],
    kind: 'text',
    unit: 'text',
    default: 'us-east-1',
    description: 'The region of the bucket. Services beside AWS mostly take the default.',
  },
  {
    name: 'S3_ACCESS_KEY_ID',
    plain: ['AWS_ACCESS_KEY_ID'],
    kind: 'credential',
    unit: 'printable ASCII',
    default: '',
    secret: true,
    description: 'The id of the key with which the bucket is used. It may list, read, write and delete objects.',
  },
  {
    name: 'S3_SECRET_ACCESS_KEY',
    plain: ['AWS_SECRET_ACCESS_KEY'],
    kind: 'credential',
    unit: 'printable ASCII',
    default: '',
    secret: true,
    description: 'The secret of that key.',
  },
  {
    name: 'S3_SESSION_TOKEN',
    plain: ['AWS_SESSION_TOKEN'],
    kind: 'credential',
    unit: 'printable ASCII',
    default: '',
    secret: true,
    description: 'The token of a temporary key, with which it is used. Unset: the key is a lasting one.',
  },
  {
    name: 'SENTINEL_DIR',
    also: ['AUDIT_PATH'],
    kind: 'audit-path',
    unit: 'path',
    default: '.diotec360_sentinel',
    description: 'The directory of the audit record. Of a path that ends in .db the directory is taken.',
  },
  {
    name: 'IMPORT_LEGACY',
    kind: 'choice',
    choices: { off: 'off', auto: 'auto' },
    unit: 'off or auto',
    default: 'off',
    description:
      'With auto, a node whose state is empty takes in the files of the original that lie in STATE_DIR, VAULT_DIR and SENTINEL_DIR, once. Set it on one node.',
  },
  {
    name: 'API_HOST',
    kind: 'host',
    unit: 'IP address or host name',
    default: '0.0.0.0',
    description:
      'Where the API listens. All interfaces need a token: without one development binds 127.0.0.1, production is read-only.',
  },
  {
    name: 'API_PORT',
    plain: ['PORT'],
    kind: 'port',
    unit: '0 to 65535',
    default: '8000',
    description: 'The port of the API; 0 takes any free one.',
  },
  {
    name: 'API_TOKEN',
    kind: 'token',
    unit: '16 to 512 characters',
    default: '',
    secret: true,
    description: 'The bearer token of writes and operator calls. Without it nothing is written over HTTP.',
  },
  {
    name: 'READ_TOKEN',
    kind: 'token',
    unit: '16 to 512 characters',
    default: '',
    secret: true,
    description:
      'Where it is set, reads over HTTP need this bearer token, the API token or one that the node made. Probes and the sync protocol of members need none.',
  },
  {
    name: 'CORS_ORIGINS',
    kind: 'origins',
    unit: 'list of origins, or *',
    default: '',
    description:
      'Origins of other web pages that may call the API from a browser. None unless set; production refuses *.',
  },
  {
    name: 'ALLOWED_HOSTS',
    kind: 'hosts',
    unit: 'list of host[:port]',
    default: '',
    description: 'Host headers that are answered, besides loopback names. Unset: any, except on a loopback bind.',
  },
  {
    name: 'TRUSTED_PROXIES',
    kind: 'proxies',
    unit: 'list of IP addresses, CIDR ranges, loopback, linklocal or uniquelocal',
    default: '',
    description: 'Proxies whose X-Forwarded-For counts.',
  },
  {
    name: 'P2P_ENABLED',
    kind: 'boolean',
    unit: 'boolean',
    default: '',
    description: 'Whether the P2P lung runs. Unset: when P2P_LISTEN or P2P_BOOTSTRAP is set.',
  },
  {
    name: 'P2P_LISTEN',
    kind: 'listen-addresses',
    unit: 'list of multiaddrs',
    default: '',
    description: 'Where the P2P lung listens, for example /ip4/0.0.0.0/tcp/9000.',
  },
  {
    name: 'P2P_BOOTSTRAP',
    kind: 'peer-addresses',
    unit: 'list of multiaddrs',
    default: '',
    description: 'Peers to stay connected with: /ip4|ip6|dns4|dns6|dns/HOST/tcp/PORT[/ws|/tls/ws|/wss]/p2p/PEERID.',
  },
  {
    name: 'P2P_TOPIC',
    kind: 'text',
    unit: 'text',
    default: 'aethel/lattice/v1',
    description: 'The GossipSub topic. Equal on every node.',
  },
  {
    name: 'P2P_MDNS',
    kind: 'boolean',
    unit: 'boolean',
    default: 'false',
    description: 'Whether peers are also looked for on the local network.',
  },
  {
    name: 'P2P_OPEN',
    kind: 'boolean',
    unit: 'boolean',
    default: 'false',
    description:
      'Whether strangers may connect over P2P: they hear and send commits and never sync. Unset: members only.',
  },
  {
    name: 'LATTICE_NODES',
    kind: 'urls',
    unit: 'list of HTTP base URLs',
    default: '',
    description: 'Peers of the HTTP lung; the node itself may stand among them.',
  },
  {
    name: 'ANNOUNCE',
    kind: 'own-addresses',
    unit: 'list of HTTP base URLs and multiaddrs',
    default: '',
    description:
      'Where other members reach this node, which it tells them. Multiaddrs need no peer id. At most 4 of each kind.',
  },
  {
    name: 'HEARTBEAT_INTERVAL',
    kind: 'seconds',
    range: INTERVAL,
    unit: 's, fractions allowed',
    default: '1',
    description: 'How often the own head is told to every peer.',
  },
  {
    name: 'PEERLESS_TIMEOUT',
    kind: 'seconds',
    range: INTERVAL,
    unit: 's, fractions allowed',
    default: '3',
    description: 'How long a peer may be silent on P2P before HTTP takes over.',
  },
  {
    name: 'HTTP_POLL_INTERVAL',
    kind: 'seconds',
    range: INTERVAL,
    unit: 's, fractions allowed',
    default: '10',
    description: 'How often an HTTP peer is asked where no push stream stands.',
  },
  {
    name: 'LOG_LEVEL',
    kind: 'choice',
    choices: { debug: 'debug', info: 'info', warn: 'warn', warning: 'warn', error: 'error', critical: 'error' },
    unit: 'debug, info, warn or error',
    default: 'info',
    description: 'The least level that is logged.',
  },
  {
    name: 'LOG_FORMAT',
    kind: 'choice',
    choices: { json: 'json', pretty: 'pretty' },
    unit: 'json or pretty',
    default: '',
    description: 'JSON lines or text for people. Unset: pretty on a terminal, else json.',
  },
  {
    name: 'PUBLIC_SYNC',
    kind: 'boolean',
    unit: 'boolean',
    default: 'false',
    description:
      'Whether anyone, not members alone, may fetch certified cuts: cells, manifests and chunks under /api/v1/sync.',
  },
  {
    name: 'LEGACY_SWITCH',
    kind: 'choice',
    choices: { token: 'token', loopback: 'loopback' },
    unit: 'token or loopback',
    default: 'token',
    description:
      "Who may switch the mode by the original's endpoint, POST /api/lattice/sync/switch: whoever has the token, or programs on this machine without it, too.",
  },
  {
    name: 'METRICS',
    kind: 'boolean',
    unit: 'boolean',
    default: 'true',
    description: 'Whether the API answers /metrics.',
  },
  {
    name: 'URL',
    kind: 'url',
    unit: 'HTTP base URL',
    default: 'http://127.0.0.1:8000',
    description: 'The node that the command line talks to. The node itself makes no use of it.',
  },
] as const satisfies readonly Variable[];

/** The name of a variable, without its prefix. */
export type VariableName = (typeof VARIABLES)[number]['name'];
/** The kind of a variable, as a type. */
export type KindOf<N extends VariableName> = Extract<(typeof VARIABLES)[number], { name: N }>['kind'];

/** What the names of variables begin with. */
export const PREFIX = 'DIOTEC360_';
/** What the names of the original's variables begin with. */
const LEGACY_PREFIX = 'AETHEL_';

/** The names that a variable is read by. The first one whose text is not empty wins. */
export function namesOf(variable: Variable): readonly string[] {
  const names = [variable.name, ...(variable.also ?? [])];
  return [
    ...names.map((name) => PREFIX + name),
    ...names.map((name) => LEGACY_PREFIX + name),
    ...(variable.plain ?? []),
  ];
}
