import { READ_ONLY_CODES, type ReadOnlyCode, WARNING_CODES, type WarningCode } from '../../../runtime/facade/codes.ts';
import { HEALTH, HOLD_CODES, type NodeStatus, type PeerStatus, VERDICT_KINDS } from '../../../runtime/facade/index.ts';
import type { Gauge, ResourceView } from '../../http/sources.ts';
import { peerGauges } from './peer-gauges.ts';

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
    ...oneOf('lattice_verdict', 'kind', VERDICT_KINDS, status.verdict.kind),
    ...oneOf('lattice_health', 'state', HEALTH, status.health),
    ...oneOf('lattice_mode', 'mode', MODES, status.mode),
    { name: 'lattice_lung_running', value: bit(status.p2p.state === 'running'), labels: { lung: 'p2p' } },
    { name: 'lattice_lung_running', value: bit(status.http.state === 'running'), labels: { lung: 'http' } },
    { name: 'lattice_writable', value: bit(status.writable) },
    ...READ_ONLY_CODES.map((reason) => ({
      name: 'lattice_read_only',
      value: bit(status.readOnlyReasons.some(({ code }) => code === reason)),
      labels: { reason },
    })),
    {
      name: 'lattice_clock_trouble',
      value: bit([...status.readOnlyReasons, ...status.warnings].some(({ code }) => CLOCK_TROUBLE.has(code))),
    },
    ...WARNING_CODES.map((code) => ({
      name: 'lattice_warnings',
      value: status.warnings.filter((warning) => warning.code === code).length,
      labels: { code },
    })),
    { name: 'lattice_entries', value: status.entries },
    { name: 'lattice_live_entries', value: status.live },
    { name: 'lattice_conflicts', value: status.conflicts },
    { name: 'lattice_sequence', value: status.sequence },
    { name: 'lattice_roster_epoch', value: status.trust.epoch ?? 0 },
    { name: 'lattice_roster_changes', value: status.trust.changes ?? 0 },
    ...queues(status),
    ...peersByState(peers),
    ...peerGauges(status, peers),
    ...undertakings(status),
    ...vaultGauges(status),
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

function undertakings({ now, startedAt, cuts, floor, bootstrap, integrity, scrub }: NodeStatus): Gauge[] {
  const age = (name: string, at: number | undefined): Gauge[] =>
    at === undefined ? [] : [{ name, value: Math.max(0, now - at) / 1000 }];
  const unverified = bootstrap?.verified === undefined ? 0 : bootstrap.verified.total - bootstrap.verified.done;
  return [
    ...age('lattice_cut_age_seconds', cuts?.newest?.at),
    // A node that has not seen a single certificate has waited for one since its start.
    ...age('lattice_cut_certified_age_seconds', cuts === undefined ? undefined : (cuts.certified?.at ?? startedAt)),
    ...age('lattice_converged_age_seconds', cuts?.convergedAsOf),
    { name: 'lattice_cut_disagreeing', value: cuts?.disagreeing.length ?? 0 },
    ...age('lattice_floor_age_seconds', floor === undefined ? undefined : (floor.at ?? startedAt)),
    ...HOLD_CODES.map((reason) => ({
      name: 'lattice_floor_holders',
      value: floor?.holders.filter(({ code }) => code === reason).length ?? 0,
      labels: { reason },
    })),
    ...(floor?.collection.collected === undefined
      ? []
      : [{ name: 'lattice_floor_collected_timestamp_seconds', value: floor.collection.collected / 1000 }]),
    { name: 'lattice_set_aside', value: floor?.collection.setAside ?? 0 },
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

function vaultGauges({ vault }: NodeStatus): Gauge[] {
  if (vault === undefined) return [];
  const named = { objects: vault.objects, bytes: vault.bytes };
  const states = Object.entries({ named, here: vault.here, missing: vault.missing });
  return [
    ...states.flatMap(([state, { objects, bytes }]) => [
      { name: 'lattice_vault_objects', value: objects, labels: { state } },
      { name: 'lattice_vault_bytes', value: bytes, labels: { state } },
    ]),
    { name: 'lattice_vault_damaged_objects', value: vault.damaged.length },
    { name: 'lattice_vault_paused', value: vault.paused === undefined ? 0 : 1 },
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
