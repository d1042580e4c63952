import { LUNG_VARIABLES } from './lung-variables.ts';
import { STORAGE_VARIABLES } from './storage-variables.ts';
import type { Variable } from './variable.ts';

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
    description: 'production has stricter rules: a node that breaks one is read-only.',
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
      'The key of the node, 64 hex digits, permissions 0600; made where it is missing. Default: node.key in the state directory.',
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
  ...STORAGE_VARIABLES,
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
  ...LUNG_VARIABLES,
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
