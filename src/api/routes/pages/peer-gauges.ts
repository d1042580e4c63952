import { READ_ONLY_CODES } from '../../../runtime/facade/codes.ts';
import { MEMBER_AGREEMENTS, type MemberView, type NodeStatus, type PeerStatus } from '../../../runtime/facade/index.ts';
import type { Gauge } from '../../http/sources.ts';

/**
 * Expected nodes and configured or trusted peers that have label values of their own, which bounds the time series of
 * one node. Further ones and all other peers share the value `other`.
 */
export const MAX_LABELLED_PEERS = 64;
const SHORT = 8;
const OTHER = 'other';
/** A URL at which no node has proven who it is. */
const UNIDENTIFIED = 'unidentified';
const LUNGS = ['p2p', 'http', 'none'] as const;
const KNOWN_REASONS: ReadonlySet<string> = new Set(READ_ONLY_CODES);

/** The nodes that share the label values, and what is known of them. */
interface Group {
  readonly labels: { readonly peer: string; readonly name: string };
  readonly members: MemberView[];
  readonly peers: PeerStatus[];
}

/**
 * The gauges of the nodes that are expected, as the verdict sees them, and of the peers that are known. When several
 * share their labels, the worst of them counts.
 */
export function peerGauges(status: NodeStatus, peers: readonly PeerStatus[]): Gauge[] {
  return [...grouped(status.verdict.members, peers)].flatMap((group) => [
    ...agreementGauges(group, status),
    ...connectionGauges(group),
  ]);
}

function grouped(members: readonly MemberView[], peers: readonly PeerStatus[]): Iterable<Group> {
  const groups = new Map<string, Group>();
  let labelled = 0;
  const find = (peer: string, name: string): Group => {
    const known = groups.get(`${peer} ${name}`);
    if (known !== undefined) return known;
    if (peer !== OTHER && labelled++ >= MAX_LABELLED_PEERS) return find(OTHER, OTHER);
    const group: Group = { labels: { peer, name }, members: [], peers: [] };
    groups.set(`${peer} ${name}`, group);
    return group;
  };
  const byId = new Map<string, Group>();
  for (const member of members) {
    const { peerId, label } = member;
    // All peer ids begin alike.
    const group = find(peerId === undefined ? UNIDENTIFIED : peerId.slice(-SHORT), label);
    group.members.push(member);
    if (peerId !== undefined) byId.set(peerId, group);
  }
  for (const peer of peers) {
    const { peerId, label, configured, trusted } = peer;
    if (peerId === undefined) continue;
    const own = configured || trusted;
    const group = byId.get(peerId) ?? (own ? find(peerId.slice(-SHORT), label) : find(OTHER, OTHER));
    group.peers.push(peer);
  }
  return groups.values();
}

/** What the verdict says of the nodes of a group; nothing where none of them is expected. */
function agreementGauges({ labels, members }: Group, { now, startedAt }: NodeStatus): Gauge[] {
  if (members.length === 0) return [];
  const age = (at: number | undefined): number => Math.max(0, now - (at ?? startedAt)) / 1000;
  const longest = (times: readonly number[]): number => Math.max(...times);
  const reasons = members
    // That a member is a mirror is no fault, and stands first only where there is none.
    .flatMap(({ readOnly = [] }) => readOnly.find((reason) => reason !== 'mirror') ?? readOnly[0] ?? [])
    .map((reason) => (KNOWN_REASONS.has(reason) ? reason : OTHER));
  return [
    ...MEMBER_AGREEMENTS.map((agreement) => ({
      name: 'lattice_peer_agreement',
      value: members.filter((member) => member.agreement === agreement).length,
      labels: { ...labels, agreement },
    })),
    {
      name: 'lattice_peer_root_equal',
      value: members.every(({ agreement }) => agreement === 'equal') ? 1 : 0,
      labels,
    },
    {
      name: 'lattice_peer_lag_seconds',
      value: longest(members.map(({ agreement, asOf }) => (agreement === 'equal' ? 0 : age(asOf)))),
      labels,
    },
    {
      name: 'lattice_peer_heard_age_seconds',
      value: longest(members.map(({ lastHeardAt }) => age(lastHeardAt))),
      labels,
    },
    ...[...new Set(reasons)].map((reason) => ({
      name: 'lattice_peer_read_only',
      value: reasons.filter((other) => other === reason).length,
      labels: { ...labels, reason },
    })),
    {
      name: 'lattice_peer_differing_keys',
      value: longest(members.map(({ agreement, differing }) => (agreement === 'equal' ? 0 : (differing ?? 0)))),
      labels,
    },
  ];
}

/** What the lungs say of the peers of a group. */
function connectionGauges({ labels, members, peers }: Group): Gauge[] {
  const farthest = (name: string, values: readonly (number | undefined)[]): Gauge[] => {
    const known = values.filter((value) => value !== undefined);
    if (known.length === 0) return [];
    return [{ name, labels, value: known.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a)) / 1000 }];
  };
  const carried = members.length > 0 ? members : peers;
  return [
    ...LUNGS.map((lung) => ({
      name: 'lattice_peer_lung',
      value: carried.filter((one) => one.lung === lung).length,
      labels: { ...labels, lung },
    })),
    ...farthest(
      'lattice_peer_rtt_seconds',
      peers.map(({ p2p }) => p2p.rttMs),
    ),
    ...farthest(
      'lattice_peer_clock_offset_seconds',
      peers.map(({ clockOffsetMs }) => clockOffsetMs),
    ),
    { name: 'lattice_peer_refused_items', labels, value: peers.reduce((sum, { refused }) => sum + refused.count, 0) },
  ];
}
