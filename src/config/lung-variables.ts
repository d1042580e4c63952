import type { Variable } from './variable.ts';

/**
 * Seconds of a timer. Below 50 ms it would keep a processor busy, and above a day milliseconds were written for
 * seconds.
 */
const INTERVAL = [0.05, 86_400] as const;

/** Both lungs: where they listen, whom they reach and how often. */
export const LUNG_VARIABLES = [
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
] as const satisfies readonly Variable[];
