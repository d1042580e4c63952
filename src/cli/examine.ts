import { randomBytes } from 'node:crypto';
import { LatticeError } from '../core/types/index.ts';
import type { NodeStatus, PeerStatus } from '../runtime/facade.ts';
import type { ApiClient } from './client.ts';

/** One thing that was looked at: fine, worth knowing, or to be repaired. */
export interface Finding {
  readonly level: 'ok' | 'note' | 'bad';
  readonly text: string;
  /** What to do. */
  readonly next?: string;
}

export interface NodeReport {
  readonly url: string;
  /** It answered something. */
  readonly reachable: boolean;
  readonly status: NodeStatus | undefined;
  /** Its wall clock less ours, ms, and how wrong that may be: half of the round trip. */
  readonly clock: { readonly offsetMs: number; readonly errorMs: number } | undefined;
  readonly findings: readonly Finding[];
}

/** RELIABILITY: clocks this far apart are worth a warning. */
const CLOCK_NOTE_MS = 500;
/** Beyond this a node refuses its own writes (MAX_LOCAL_AHEAD_MS). */
const CLOCK_BAD_MS = 20_000;

const ok = (text: string): Finding => ({ level: 'ok', text });
const note = (text: string, next?: string): Finding => ({ level: 'note', text, ...(next === undefined ? {} : { next }) });
const bad = (text: string, next: string): Finding => ({ level: 'bad', text, next });

/** Looks at one node. Never rejects for what the node does or doesn't do: that is what is reported. */
export async function examineNode(client: ApiClient, expectedPeerId: string | undefined): Promise<NodeReport> {
  const { url } = client;
  const findings: Finding[] = [];
  try {
    await client.json('GET', '/health');
    findings.push(ok('answers'));
  } catch (error) {
    if (!(error instanceof LatticeError)) throw error;
    const reachable = error.code !== 'unreachable' && error.code !== 'timeout';
    findings.push(bad(error.message, error.next ?? 'Start the node and look at its log.'));
    return { url, reachable, status: undefined, clock: undefined, findings };
  }
  try {
    const asked = Date.now();
    const status = await client.json<NodeStatus>('GET', '/api/v1/status');
    const answered = Date.now();
    const { peers } = await client.json<{ readonly peers: readonly PeerStatus[] }>('GET', '/api/v1/peers');
    const clock = { offsetMs: status.now - (asked + answered) / 2, errorMs: (answered - asked) / 2 };
    if (expectedPeerId !== undefined && status.peerId !== expectedPeerId) {
      findings.push(bad(`is ${status.peerId}, not ${expectedPeerId}`, 'Another node answers at this URL: check ports and proxies.'));
    }
    findings.push(...examineP2p(status), ...(await examineHttp(client, status, peers)), ...examineWrites(status), examineClock(clock));
    for (const warning of status.warnings) findings.push(note(warning));
    return { url, reachable: true, status, clock, findings };
  } catch (error) {
    if (!(error instanceof LatticeError)) throw error;
    findings.push(bad(`its status cannot be read: ${error.message}`, error.next ?? 'Check that the URL is a Lattice node.'));
    return { url, reachable: true, status: undefined, clock: undefined, findings };
  }
}

function examineP2p({ p2p }: NodeStatus): Finding[] {
  if (!p2p.enabled) {
    return [note('P2P is off: HTTP alone carries the state', 'Set DIOTEC360_P2P_LISTEN and DIOTEC360_P2P_BOOTSTRAP to switch it on.')];
  }
  if (p2p.state !== 'running') {
    return [
      bad(`P2P is ${p2p.state}${p2p.error === undefined ? '' : `: ${p2p.error}`}`, 'Correct the cause; it is tried again by itself.'),
    ];
  }
  if (p2p.peers === 0) {
    return [
      bad(
        'P2P runs without a peer',
        'Check that the ports in DIOTEC360_P2P_BOOTSTRAP are open both ways and that its peer ids are right (lattice id).',
      ),
    ];
  }
  return [ok(`P2P runs, ${p2p.peers} ${p2p.peers === 1 ? 'peer' : 'peers'}`)];
}

async function examineHttp(client: ApiClient, status: NodeStatus, peers: readonly PeerStatus[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  const identity = await client.send('GET', '/api/v1/sync/identity', {
    query: { nonce: randomBytes(16).toString('hex'), url: client.url },
  });
  findings.push(
    identity.status === 200
      ? ok('HTTP sync can be reached')
      : bad(`HTTP sync answers status ${identity.status}`, 'Let proxies pass /api/v1/sync unchanged.'),
  );
  if (!status.http.enabled) findings.push(note('it asks no peer over HTTP', 'Name the others in DIOTEC360_LATTICE_NODES.'));
  for (const peer of peers) {
    if (!peer.configured || peer.url === undefined || peer.http.reachable) continue;
    findings.push(
      bad(
        `it cannot reach ${peer.url} over HTTP${peer.http.error === undefined ? '' : `: ${peer.http.error}`}`,
        'Start that node, or correct the URL in DIOTEC360_LATTICE_NODES.',
      ),
    );
  }
  return findings;
}

function examineWrites(status: NodeStatus): Finding[] {
  if (status.writable) return [ok('accepts writes')];
  const reasons = status.readOnlyReasons.length === 0 ? ['no reason was given'] : status.readOnlyReasons;
  return reasons.map((reason) => bad(`read-only: ${reason}`, 'Remove the cause, then restart the node.'));
}

function examineClock(clock: { readonly offsetMs: number; readonly errorMs: number }): Finding {
  const off = Math.max(0, Math.abs(clock.offsetMs) - clock.errorMs);
  const text = `its clock is ${Math.round(Math.abs(clock.offsetMs))} ms ${clock.offsetMs < 0 ? 'behind' : 'ahead of'} this machine's (± ${Math.ceil(clock.errorMs)})`;
  if (off > CLOCK_BAD_MS) return bad(text, 'Synchronise the clocks (NTP).');
  return off > CLOCK_NOTE_MS ? note(text, 'Synchronise the clocks (NTP).') : ok(text);
}

/** What only shows when the nodes are compared: roots, trust lists, networks. Nothing for a single node. */
export function examineFleet(reports: readonly NodeReport[]): Finding[] {
  const known = reports.filter((r) => r.status !== undefined) as (NodeReport & { readonly status: NodeStatus })[];
  if (known.length < 2) return [];
  const groups = (value: (status: NodeStatus) => string): [string, string[]][] => {
    const byValue = new Map<string, string[]>();
    for (const { url, status } of known) byValue.set(value(status), [...(byValue.get(value(status)) ?? []), url]);
    return [...byValue];
  };
  const compare = (what: string, value: (status: NodeStatus) => string, next: string): Finding => {
    const found = groups(value);
    if (found.length === 1) return ok(`same ${what} on ${known.length} nodes: ${found[0]?.[0] ?? ''}`);
    return bad(`different ${what}: ${found.map(([v, urls]) => `${v} on ${urls.join(', ')}`).join('; ')}`, next);
  };
  return [
    compare('network', (s) => s.network, 'Set the same DIOTEC360_NETWORK (or topic) everywhere.'),
    compare('trust list', (s) => s.trust.hash, 'Set the same DIOTEC360_TRUSTED_STATE_PUBKEYS everywhere.'),
    compare('root', (s) => s.root, 'Wait while writes go on; then look at lattice peers, and repair with lattice sync now.'),
    ...twins(known),
  ];
}

function twins(known: readonly (NodeReport & { readonly status: NodeStatus })[]): Finding[] {
  const seen = new Map<string, NodeReport & { readonly status: NodeStatus }>();
  const findings: Finding[] = [];
  for (const report of known) {
    const twin = seen.get(report.status.peerId);
    if (twin !== undefined && twin.status.incarnation !== report.status.incarnation) {
      findings.push(bad(`${twin.url} and ${report.url} run with the same key`, 'Stop one of them and give it a key of its own.'));
    }
    seen.set(report.status.peerId, report);
  }
  return findings;
}
