import type { ReadOnlyCode, WarningCode } from '../../../runtime/facade/codes.ts';
import { HEALTH, type NodeStatus, type PeerStatus } from '../../../runtime/facade/index.ts';
import type { Gauge, ResourceView } from '../../http/sources.ts';

/**
 * Trusted and configured peers that have a label value of their own, which bounds the time series of one node. Further
 * ones and all other peers share the value `other`.
 */
export const MAX_LABELLED_PEERS = 64;
const SHORT = 8;
const OTHER = 'other';
const MODES = ['auto', 'p2p', 'http'] as const;
const LUNGS = ['p2p', 'http', 'none'] as const;
/** Codes of the reasons and warnings that end when the clock is set right. */
const CLOCK_TROUBLE: ReadonlySet<ReadOnlyCode | WarningCode> = new Set(['clock-jump', 'clock-skew', 'clock-ahead']);
const BOOTSTRAPPING: ReadonlySet<string> = new Set(['manifest', 'chunks', 'catching-up', 'verifying']);

const bit = (yes: boolean): number => (yes ? 1 : 0);
const oneOf = (name: string, label: string, values: readonly string[], now: string): Gauge[] =>
  values.map((value) => ({ name, value: bit(value === now), labels: { [label]: value } }));

/** The gauges of everything in a node's status that a monitoring system plots or watches, in seconds and bytes. */
export function gaugesOf(
  status: NodeStatus,
  peers: readonly PeerStatus[],
  resources: ResourceView | undefined,
): Gauge[] {
  const { version, name, role, network } = status;
  return [
    { name: 'lattice_info', value: 1, labels: { version, name, role, network } },
    ...oneOf('lattice_health', 'state', HEALTH, status.health),
    ...oneOf('lattice_mode', 'mode', MODES, status.mode),
    { name: 'lattice_lung_running', value: bit(status.p2p.state === 'running'), labels: { lung: 'p2p' } },
    { name: 'lattice_lung_running', value: bit(status.http.state === 'running'), labels: { lung: 'http' } },
    { name: 'lattice_writable', value: bit(status.writable) },
    { name: 'lattice_read_only_reasons', value: status.readOnlyReasons.length },
    {
      name: 'lattice_clock_trouble',
      value: bit([...status.readOnlyReasons, ...status.warnings].some(({ code }) => CLOCK_TROUBLE.has(code))),
    },
    { name: 'lattice_warnings', value: status.warnings.length },
    { name: 'lattice_entries', value: status.entries },
    { name: 'lattice_live_entries', value: status.live },
    { name: 'lattice_conflicts', value: status.conflicts },
    { name: 'lattice_sequence', value: status.sequence },
    ...queues(status),
    ...peersByState(peers),
    ...[...labelled(peers)].flatMap(([peer, members]) => peerGauges(peer, members, status)),
    ...undertakings(status),
    ...(resources === undefined ? [] : machine(resources)),
  ];
}

function queues({ queues: waiting, deferred }: NodeStatus): Gauge[] {
  const gauge = (queue: string, value: number): Gauge => ({
    name: 'lattice_queue_operations',
    value,
    labels: { queue },
  });
  if (waiting === undefined) return [gauge('deferred', deferred)];
  return [
    gauge('writer', waiting.writer),
    gauge('door', waiting.door),
    gauge('gossip', waiting.gossip),
    gauge('deferred', deferred),
    { name: 'lattice_http_outbox_bytes', value: waiting.httpOutboxBytes },
  ];
}

function peersByState(peers: readonly PeerStatus[]): Gauge[] {
  const count = (state: string, of: (peer: PeerStatus) => boolean): Gauge => ({
    name: 'lattice_peers',
    value: peers.filter(of).length,
    labels: { state },
  });
  return [
    ...LUNGS.map((lung) => count(lung, (peer) => peer.peerId !== undefined && peer.lung === lung)),
    count('unidentified', (peer) => peer.peerId === undefined),
  ];
}

/** Peers by label value. That of a peer is the end of its peer id, because all peer ids begin alike. */
function labelled(peers: readonly PeerStatus[]): ReadonlyMap<string, readonly PeerStatus[]> {
  const groups = new Map<string, PeerStatus[]>();
  let named = 0;
  for (const peer of peers) {
    if (peer.peerId === undefined) continue;
    const own = (peer.configured || peer.trusted) && named++ < MAX_LABELLED_PEERS;
    const label = own ? peer.peerId.slice(-SHORT) : OTHER;
    const group = groups.get(label);
    if (group === undefined) groups.set(label, [peer]);
    else group.push(peer);
  }
  return groups;
}

/**
 * 0 while the roots are equal. Else the seconds since the comparison with the peer came to its present outcome, or
 * since the start of the node while none has been made.
 */
function lagOf(peer: PeerStatus, { now, startedAt }: NodeStatus): number {
  if (peer.agreement === 'equal') return 0;
  return Math.max(0, now - (peer.agreementSince ?? startedAt)) / 1000;
}

/** The gauges of one label value. When several peers share it, the worst of them counts. */
function peerGauges(peer: string, members: readonly PeerStatus[], status: NodeStatus): Gauge[] {
  const labels = { peer };
  const worst = (name: string, values: readonly (number | undefined)[]): Gauge[] => {
    const known = values.filter((value) => value !== undefined);
    if (known.length === 0) return [];
    return [{ name, labels, value: known.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a)) }];
  };
  const seconds = (ms: number | undefined): number | undefined => (ms === undefined ? undefined : ms / 1000);
  return [
    { name: 'lattice_peer_root_equal', labels, value: bit(members.every((m) => m.agreement === 'equal')) },
    ...worst(
      'lattice_peer_lag_seconds',
      members.map((m) => lagOf(m, status)),
    ),
    ...LUNGS.map((lung) => ({
      name: 'lattice_peer_lung',
      value: members.filter((m) => m.lung === lung).length,
      labels: { peer, lung },
    })),
    ...worst(
      'lattice_peer_rtt_seconds',
      members.map((m) => seconds(m.p2p.rttMs)),
    ),
    ...worst(
      'lattice_peer_clock_offset_seconds',
      members.map((m) => seconds(m.clockOffsetMs)),
    ),
    { name: 'lattice_peer_refused_items', labels, value: members.reduce((sum, m) => sum + m.refused.count, 0) },
    ...worst(
      'lattice_peer_differing_keys',
      members.map((m) => (m.agreement === 'equal' ? 0 : m.differing?.keys)),
    ),
  ];
}

function undertakings({ now, cuts, bootstrap, integrity, scrub }: NodeStatus): Gauge[] {
  const age = (name: string, at: number | undefined): Gauge[] =>
    at === undefined ? [] : [{ name, value: Math.max(0, now - at) / 1000 }];
  const unverified = bootstrap?.verified === undefined ? 0 : bootstrap.verified.total - bootstrap.verified.done;
  return [
    ...age('lattice_cut_age_seconds', cuts?.newest?.at),
    ...age('lattice_cut_certified_age_seconds', cuts?.certified?.at),
    ...age('lattice_converged_age_seconds', cuts?.convergedAsOf),
    { name: 'lattice_cut_disagreeing', value: cuts?.disagreeing.length ?? 0 },
    { name: 'lattice_bootstrap_running', value: bit(bootstrap !== undefined && BOOTSTRAPPING.has(bootstrap.phase)) },
    ...(bootstrap === undefined
      ? []
      : [
          { name: 'lattice_bootstrap_chunks', value: bootstrap.chunks.done, labels: { state: 'done' } },
          { name: 'lattice_bootstrap_chunks', value: bootstrap.chunks.total, labels: { state: 'total' } },
        ]),
    { name: 'lattice_unverified_entries', value: unverified },
    ...age('lattice_scrub_age_seconds', scrub?.completedAt),
    {
      name: 'lattice_scrub_unchecked_entries',
      value: scrub === undefined ? 0 : Math.max(0, scrub.total - scrub.checked),
    },
    {
      name: 'lattice_integrity_unchecked_entries',
      value: integrity === undefined ? 0 : integrity.total - integrity.checked,
    },
  ];
}

function machine({ disk, eventLoop, descriptors }: ResourceView): Gauge[] {
  return [
    ...(descriptors === undefined
      ? []
      : [
          { name: 'lattice_descriptors_open', value: descriptors.open },
          { name: 'lattice_descriptors_limit', value: descriptors.limit },
        ]),
    { name: 'lattice_event_loop_p99_seconds', value: eventLoop.p99Ms / 1000 },
    { name: 'lattice_event_loop_max_seconds', value: eventLoop.maxMs / 1000 },
    { name: 'lattice_disk_free_bytes', value: disk.freeBytes },
    { name: 'lattice_disk_size_bytes', value: disk.totalBytes },
    { name: 'lattice_store_bytes', value: disk.storeBytes },
  ];
}
