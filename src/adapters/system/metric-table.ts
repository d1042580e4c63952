/** One metric: what it counts, and the only labels it may carry. */
export interface MetricDefinition {
  readonly name: string;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels?: readonly string[];
  /** Upper bounds of a histogram, seconds. */
  readonly buckets?: readonly number[];
}

/** Seconds: from the time of one signature check to times that mean trouble. */
const FAST = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5];
/** Seconds: from one sync of a fast disk, or one hop of the network, to half a minute. */
const SLOW = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30];

const counter = (name: string, help: string, labels: readonly string[] = []): MetricDefinition => ({
  name,
  kind: 'counter',
  help,
  labels,
});
const gauge = (name: string, help: string, labels: readonly string[] = []): MetricDefinition => ({
  name,
  kind: 'gauge',
  help,
  labels,
});
const peerGauge = (name: string, help: string, labels: readonly string[] = []): MetricDefinition =>
  gauge(name, help, ['peer', 'name', ...labels]);
const histogram = (name: string, help: string, buckets: readonly number[]): MetricDefinition => ({
  name,
  kind: 'histogram',
  help,
  buckets,
});

/** Metrics that are counted or observed where things happen. */
const EVENTS: readonly MetricDefinition[] = [
  counter('lattice_writes_total', 'Local commits by how they ended.', ['outcome']),
  counter('lattice_applied_batches_total', 'Durable batches.'),
  counter('lattice_changed_keys_total', 'Keys changed by durable batches, whoever wrote them.'),
  counter('lattice_collected_keys_total', 'Keys that left the state because nothing but what is dead was under them.'),
  counter('lattice_refused_total', 'Fragments refused, by reason.', ['reason']),
  counter('lattice_transitions_total', 'Changes of a lung or of the lung that carries a peer.', [
    'from',
    'to',
    'cause',
  ]),
  counter('lattice_fan_out_failures_total', 'Durable batches that a part of the node failed to be told of, by part.', [
    'stage',
  ]),
  counter('lattice_connections_refused_total', 'Connections refused because few file descriptors were left, by lung.', [
    'lung',
  ]),
  counter(
    'lattice_receipts_total',
    'Writes that waited for more than the disk of this node, by whether all came in time.',
    ['outcome'],
  ),
  counter(
    'lattice_cut_mismatches_total',
    'Cuts that were not attested because their tree did not agree with the state.',
  ),
  counter('lattice_repairs_total', 'Repair sessions that this node started.', ['lung', 'outcome']),
  counter('lattice_repair_bytes_total', 'Bytes of repair sessions that this node started.', ['lung', 'direction']),
  counter('lattice_gossip_bytes_total', 'Bytes of gossip messages: sent counts each receiver, received each message.', [
    'direction',
  ]),
  counter('lattice_gossip_dropped_operations_total', 'Operations left to repair because the gossip outbox was full.'),
  counter('lattice_sync_bytes_total', 'Bytes of sync requests, answers and push streams, asked or served.', [
    'lung',
    'direction',
  ]),
  counter('lattice_vault_blocks_total', 'Blocks of the vault: fetched, served to a peer, or wrong and refused.', [
    'outcome',
  ]),
  counter('lattice_vault_fetched_bytes_total', 'Bytes of answers to requests for the vault.', ['lung']),
  counter('lattice_vault_fetches_total', 'Objects that were fetched to their end, by how that came out.', ['outcome']),
  counter('lattice_vault_damaged_total', 'Times that bytes of the vault were not what names them.'),
  counter('lattice_http_requests_total', 'Requests answered by the API.', ['method', 'route', 'status']),
  histogram('lattice_write_seconds', 'A local commit from its call to its durable end.', SLOW),
  histogram('lattice_store_batch_seconds', 'One durable batch in the store.', SLOW),
  histogram('lattice_verify_seconds', 'One signature check, its waiting included.', FAST),
  histogram(
    'lattice_replication_seconds',
    "A live commit of another node from its clock to its durable end here; the clocks' difference is in it.",
    SLOW,
  ),
];

/**
 * Gauges that are read from the node for each scrape. The label `peer` is the end of the peer id, `unidentified` for a
 * URL at which no node has proven who it is, or `other` for peers beyond those that are listed; `name` is what people
 * call that peer.
 */
const STATE: readonly MetricDefinition[] = [
  gauge('lattice_info', '1; its labels tell what runs.', ['version', 'name', 'role', 'network']),
  gauge('lattice_verdict', '1 for the verdict that holds.', ['kind']),
  gauge('lattice_health', '1 for the state of the lungs that holds.', ['state']),
  gauge('lattice_mode', '1 for the mode that holds.', ['mode']),
  gauge('lattice_lung_running', '1 when the lung runs.', ['lung']),
  gauge('lattice_writable', '1 when local writes are taken.'),
  gauge('lattice_read_only', '1 for each reason for which writes are refused.', ['reason']),
  gauge('lattice_clock_trouble', '1 when writes are refused because of the clock.'),
  gauge('lattice_warnings', 'Warnings in the status, by code.', ['code']),
  gauge('lattice_entries', 'Keys in the tree, tombstones included.'),
  gauge('lattice_live_entries', 'Keys with a value.'),
  gauge('lattice_conflicts', 'Keys with concurrent values.'),
  gauge('lattice_roster_epoch', 'The epoch of the roster that the node goes by.'),
  gauge('lattice_roster_changes', 'Changes of the roster that wait for approvals or votes.'),
  gauge('lattice_sequence', 'Durable local sequence.'),
  gauge(
    'lattice_peers',
    'Known peers by the lung that carries them; unidentified: configured URLs that nobody proved to own.',
    ['state'],
  ),
  peerGauge(
    'lattice_peer_agreement',
    'How many nodes compare with this one in this way: 1 or 0, and more where they share the label.',
    ['agreement'],
  ),
  peerGauge('lattice_peer_root_equal', "1 when the peer is heard and its root equals this node's."),
  peerGauge('lattice_peer_lag_seconds', 'Time since the peer was last known to agree, 0 while it does.'),
  peerGauge(
    'lattice_peer_heard_age_seconds',
    'Time since the peer was last heard over either lung, or since the start.',
  ),
  peerGauge('lattice_peer_read_only', 'Peers that tell that they refuse writes, by the first reason.', ['reason']),
  peerGauge('lattice_peer_lung', '1 for the lung that carries the peer.', ['lung']),
  peerGauge('lattice_peer_rtt_seconds', 'Last ping over P2P.'),
  peerGauge('lattice_peer_clock_offset_seconds', "The peer's wall clock less ours."),
  peerGauge('lattice_peer_refused_items', 'Items that one side of the pair refuses.'),
  peerGauge('lattice_peer_differing_keys', 'Keys that differ, as last counted.'),
  gauge(
    'lattice_queue_operations',
    'What waits: writer (operations), door (signature checks), gossip (operations), deferred (fragments).',
    ['queue'],
  ),
  gauge('lattice_http_outbox_bytes', 'Live commits waiting to be pushed over HTTP.'),
  gauge('lattice_event_loop_p99_seconds', 'p99 of what the event loop kept callbacks waiting over the last seconds.'),
  gauge(
    'lattice_event_loop_max_seconds',
    'The longest that the event loop kept callbacks waiting over the last seconds.',
  ),
  gauge('lattice_descriptors_open', 'File descriptors that are open.'),
  gauge('lattice_descriptors_limit', 'File descriptors that the process may have open.'),
  gauge('lattice_disk_free_bytes', 'Free on the file system of the state.'),
  gauge('lattice_disk_size_bytes', 'Size of the file system of the state.'),
  gauge('lattice_store_bytes', 'Size of the files of the store.'),
  gauge('lattice_cut_age_seconds', 'Age of the newest cut.'),
  gauge(
    'lattice_cut_certified_age_seconds',
    'Age of the newest cut that a quorum certified, or of the start while there is none.',
  ),
  gauge('lattice_converged_age_seconds', 'Age of the newest cut at which every node that attested it agrees.'),
  gauge('lattice_cut_disagreeing', 'Nodes that attested another root for a cut than ours.'),
  gauge(
    'lattice_floor_age_seconds',
    'Age of the newest cut that all writers attested alike, or of the start while there is none.',
  ),
  gauge('lattice_floor_holders', 'Writers that keep a later cut from becoming that.', ['reason']),
  gauge(
    'lattice_floor_collected_timestamp_seconds',
    'Unix time: what was dead by then has left the state. Absent where nothing has.',
  ),
  gauge('lattice_set_aside', 'Operations that were taken out of the state and neither written anew nor forgotten.'),
  gauge('lattice_bootstrap_running', '1 while a first state is being fetched.'),
  gauge('lattice_bootstrap_chunks', 'Chunks of the first state.', ['state']),
  gauge('lattice_unverified_entries', 'Entries of a fetched state whose signatures are still to be checked.'),
  gauge('lattice_scrub_age_seconds', 'Time since the scrub last found the whole store good.'),
  gauge('lattice_scrub_unchecked_entries', 'Entries that this round of the scrub has still to check.'),
  gauge(
    'lattice_vault_objects',
    'Objects of the vault: named by the state, here of these, and missing by the policy.',
    ['state'],
  ),
  gauge('lattice_vault_bytes', 'Their bytes.', ['state']),
  gauge('lattice_vault_damaged_objects', 'Objects whose bytes failed a check and are not whole again.'),
  gauge('lattice_vault_paused', '1 while the vault fetches nothing: its disk is full, or it cannot be read.'),
  gauge('lattice_integrity_unchecked_entries', 'Entries still to be checked against the tree after a start.'),
];

/** Every metric of a node. An update of a metric that is not listed here, or with other labels, is dropped. */
export const METRICS: readonly MetricDefinition[] = [...EVENTS, ...STATE];
