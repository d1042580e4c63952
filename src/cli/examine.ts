import { randomBytes } from 'node:crypto';
import { ENOUGH_DESCRIPTORS } from '../adapters/system/descriptors.ts';
import { LatticeProblem, type Peer, type Resources, type Roster, type Status } from '../client/index.ts';
import { duration, LatticeError, MAX_CLOCK_ERROR_MS } from '../core/types/index.ts';
import type { Coded } from '../runtime/facade/codes.ts';
import { advised, type Known } from './advice.ts';
import type { ApiClient } from './client.ts';
import { examineMembers, leftOf, membersOf } from './examine-members.ts';
import { examineVault } from './examine-vault.ts';
import { examineMode, examineVerdict, examineWarnings } from './examine-verdict.ts';
import { bad, type Finding, info, note, ok } from './finding.ts';
import { nextStepOfUnreached } from './next-steps.ts';
import { byteCount } from './output.ts';
import { canConnect, portsOf } from './reach.ts';
import { understood } from './understood.ts';

export interface NodeReport {
  readonly url: string;
  /** What people call the node: the name that it or a fleet.json tells, else its URL. */
  readonly label: string;
  /** As the node tells it, else as a fleet.json does. */
  readonly peerId: string | undefined;
  /** True when the node gave any answer. */
  readonly reachable: boolean;
  readonly status: Status | undefined;
  readonly peers: readonly Peer[];
  /** The roster that it goes by; absent where it tells none. */
  readonly roster?: Roster;
  /** True where the others went on by force, and this one did not take part in that. */
  readonly isOfOtherLineage?: true;
  readonly findings: readonly Finding[];
}

/** A node's clock that differs from this machine's by more than this is a warning. Nodes warn at the same offset. */
const CLOCK_NOTE_MS = 500;
/** A difference of more than this is bad: a node so far away from the others refuses its own writes. */
const CLOCK_BAD_MS = MAX_CLOCK_ERROR_MS;
/** A node is read-only when less than a twentieth of its disk is free. The warning comes at twice that. */
const DISK_NOTE_PART = 0.1;
/** The node refuses new connections when few of its file descriptors are left. The warning comes before that. */
const DESCRIPTORS_NOTE_PART = 0.6;
/** When the event loop keeps callbacks waiting for longer, heads and pings are answered late. */
const LOOP_NOTE_MS = 250;

/** What is known of a node before it is asked, from a fleet.json. */
export interface Expected {
  readonly name?: string;
  readonly peerId?: string;
  /** Its public key, 64 hex digits. */
  readonly author?: string;
  /** How it is started, and where its token is. */
  readonly known?: Known;
}

/** Examines one node. Whatever the node does or fails to do becomes a finding and never a rejection. */
export async function examineNode(client: ApiClient, expected: Expected): Promise<NodeReport> {
  const { url } = client;
  const findings: Finding[] = [];
  const label = expected.name ?? url;
  const report = { url, label, peerId: expected.peerId, peers: [], status: undefined, findings };
  try {
    (await client.request('/health')).json();
    findings.push(ok('answers'));
  } catch (cause) {
    const error = await understood(cause, url);
    if (!(error instanceof LatticeError)) throw error;
    return { ...report, ...unanswered(report, error, expected) };
  }
  try {
    const asked = Date.now();
    const status = await client.getStatus();
    const answered = Date.now();
    const peers = await client.listPeers();
    const members = await membersOf(client);
    findings.push(
      ...examineVerdict(status, peers),
      ...examineMode(status),
      ...examineP2p(status),
      ...(await examinePorts(client, status)),
      ...(await examineHttp(client, status, peers, members?.roster)),
      ...(await examineReadiness(client, status)),
      ...(await examineResources(client)),
      examineClock(status.now - (asked + answered) / 2, (answered - asked) / 2),
      ...examineTrust(status, peers),
      ...examineWarnings(status),
      ...examineVault(status),
      ...(members === undefined ? [] : examineMembers(members, status, peers)),
    );
    return {
      ...report,
      label: status.name,
      peerId: status.peerId,
      reachable: true,
      status,
      peers,
      ...(members === undefined ? {} : { roster: members.roster }),
    };
  } catch (cause) {
    const error = await understood(cause, url);
    if (!(error instanceof LatticeError)) throw error;
    findings.push(
      bad(
        `its status cannot be read: ${error.message}`,
        advised(error, expected.known).next ?? 'Check that the URL is a Lattice node.',
      ),
    );
    return { ...report, reachable: true };
  }
}

/** The report on a node that did not answer a request. */
function unanswered(
  { url }: Pick<NodeReport, 'url'>,
  error: LatticeError,
  { known }: Expected,
): Pick<NodeReport, 'reachable' | 'findings'> {
  return {
    reachable: error.code !== 'unreachable' && error.code !== 'timeout',
    findings: [
      bad(error.message, advised(error, known).next ?? 'Start the node and look at its log.', {
        topic: 'down',
        about: url,
      }),
    ],
  };
}

function examineP2p({ p2p, mode, verdict }: Status): Finding[] {
  if (!p2p.enabled) {
    // Addresses that are configured and not used were switched off on purpose.
    const next =
      p2p.bootstrap.length > 0
        ? 'DIOTEC360_P2P_ENABLED=false switches it off; take that line out to switch it on.'
        : 'Set DIOTEC360_P2P_LISTEN and DIOTEC360_P2P_BOOTSTRAP to switch it on.';
    return [info(verdict.kind === 'ALONE' ? 'P2P is off' : 'P2P is off: HTTP alone carries the state', next)];
  }
  if (mode === 'http') return [];
  if (p2p.state !== 'running') {
    return [
      bad(
        `P2P is ${p2p.state}${p2p.error === undefined ? '' : `: ${p2p.error}`}`,
        p2p.state === 'failed' && p2p.retryAt === undefined
          ? 'Correct these settings, then run lattice config reload, or restart the node where it has no env file.'
          : 'Correct the cause; it is tried again by itself.',
      ),
    ];
  }
  if (p2p.peers > 0) return [ok(`P2P runs, ${p2p.peers} ${p2p.peers === 1 ? 'peer' : 'peers'}`)];
  // Where nobody is heard over the other lung either, the verdict tells who is silent, and that explains this.
  if (verdict.members.every(({ lung }) => lung === 'none')) return [info('P2P runs without a peer')];
  return [
    bad(
      'P2P runs without a peer, and HTTP carries everything',
      p2p.bootstrap.length > 0
        ? 'Check that the ports in DIOTEC360_P2P_BOOTSTRAP are open both ways and that its peer ids are right (lattice id).'
        : 'It dials nobody (DIOTEC360_P2P_BOOTSTRAP is empty): name the others there, or have them name its address.',
      { topic: 'p2p' },
    ),
  ];
}

/** Examines whether the ports that P2P listens on accept connections at the host of the API. */
async function examinePorts(client: ApiClient, { p2p }: Status): Promise<Finding[]> {
  if (!p2p.enabled || p2p.state !== 'running') return [];
  const host = new URL(client.url).hostname;
  return await Promise.all(
    portsOf(p2p.listen).map(async (port) =>
      (await canConnect(host, port))
        ? ok(`P2P port ${port} is open`)
        : note(
            `P2P port ${port} cannot be reached from here at ${host}`,
            'Open it in the firewall, unless only other hosts need it.',
          ),
    ),
  );
}

/** The HTTP status with which the sync protocol is refused. Undefined where it is answered. */
async function syncRefusal(client: ApiClient): Promise<number | undefined> {
  try {
    const { status } = await client.request('/api/v1/sync/identity', {
      query: { nonce: randomBytes(16).toString('hex'), url: client.url },
    });
    return status === 200 ? undefined : status;
  } catch (error) {
    if (error instanceof LatticeProblem) return error.status;
    throw error;
  }
}

async function examineHttp(
  client: ApiClient,
  status: Status,
  peers: readonly Peer[],
  roster: Roster | undefined,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const refused = await syncRefusal(client);
  findings.push(
    refused === undefined
      ? ok('HTTP sync can be reached')
      : bad(`HTTP sync answers status ${refused}`, 'Let proxies pass /api/v1/sync unchanged.'),
  );
  if (!status.http.enabled)
    findings.push(
      info(
        status.verdict.kind === 'ALONE'
          ? 'it dials no peer over HTTP, because none is named'
          : 'it dials no peer over HTTP, and the others have to dial it',
        'Name the others in DIOTEC360_LATTICE_NODES to have it dial them.',
      ),
    );
  for (const peer of peers) {
    if (!peer.configured || peer.url === undefined || peer.http.reachable || status.mode === 'p2p') continue;
    const member = status.verdict.members.find(({ author, url }) =>
      peer.author === undefined ? url === peer.url : author === peer.author,
    );
    // The verdict tells of a member that no lung brings, and nobody needs a way to one that has left.
    if ((member !== undefined && member.lung === 'none') || leftOf(roster, peer, status.now) !== undefined) continue;
    findings.push(
      bad(
        `it cannot reach ${peer.label === peer.url ? '' : `${peer.label} at `}${peer.url} over HTTP${peer.http.error === undefined ? '' : `: ${peer.http.error}`}`,
        nextStepOfUnreached(peer.http.errorCode, peer.added === true ? peer.addedAs : undefined),
        { topic: 'http', ...(peer.peerId === undefined ? {} : { about: peer.peerId }) },
      ),
    );
  }
  return findings;
}

/** Reports why the node is not ready for requests. A node that is read-only has a finding for that already. */
async function examineReadiness(client: ApiClient, status: Status): Promise<Finding[]> {
  if (!status.writable) return [];
  let reasons: readonly Coded<string>[];
  try {
    const answer = await client.isReady();
    reasons = answer.status === 'ready' ? [] : answer.reasons;
  } catch (error) {
    // An older node has no such answer, and another finding reports a failing connection.
    if (error instanceof LatticeError) return [];
    throw error;
  }
  return reasons.map(({ text }) => note(`not ready: ${text}`, 'Wait; lattice status --watch shows the progress.'));
}

async function examineResources(client: ApiClient): Promise<Finding[]> {
  let resources: Resources;
  try {
    resources = await client.getResources();
  } catch (error) {
    // An older node has no such answer, and another finding reports a failing connection.
    if (error instanceof LatticeError) return [];
    throw error;
  }
  const { disk, eventLoop, descriptors } = resources;
  const findings: Finding[] = [];
  const { freeBytes, totalBytes } = disk;
  if (freeBytes !== undefined && totalBytes !== undefined) {
    const text = `${byteCount(freeBytes)} of ${byteCount(totalBytes)} are free in ${disk.path}`;
    const low = freeBytes < totalBytes * DISK_NOTE_PART;
    findings.push(low ? note(text, 'Free some space: below a twentieth the node is read-only.') : ok(text));
  }
  if (descriptors !== undefined) {
    const { limit, open } = descriptors;
    const text = `${open} of ${limit} file descriptors are open`;
    const few = limit < ENOUGH_DESCRIPTORS || open > limit * DESCRIPTORS_NOTE_PART;
    findings.push(
      few
        ? note(text, 'Raise the limit of the process (ulimit -n, LimitNOFILE), or close connections to it.')
        : ok(text),
    );
  }
  if (eventLoop.p99Ms > LOOP_NOTE_MS) {
    findings.push(
      note(
        `it is busy: one in a hundred of its tasks waits for ${duration(eventLoop.p99Ms)} or longer`,
        'Look at its load: lattice metrics loop.',
      ),
    );
  }
  return findings;
}

function examineClock(offsetMs: number, errorMs: number): Finding {
  const off = Math.max(0, Math.abs(offsetMs) - errorMs);
  const side = offsetMs < 0 ? 'behind' : 'ahead of';
  const text = `its clock is ${duration(Math.abs(offsetMs))} ${side} this machine's (± ${duration(errorMs)})`;
  const sign = { topic: 'clock' };
  if (off > CLOCK_BAD_MS) return bad(text, 'Set the clock of that machine right, or of this one (NTP).', sign);
  return off > CLOCK_NOTE_MS
    ? note(text, 'Set the clock of that machine right, or of this one (NTP).', sign)
    : ok(text);
}

/** Reports a node that trusts no key but its own, because it takes nothing from its peers. */
function examineTrust({ trust, author }: Status, peers: readonly Peer[]): Finding[] {
  if ((trust.epoch ?? 0) > 0 || trust.authors.some((key) => key !== author)) return [];
  const others = peers.flatMap((peer) => peer.author ?? []);
  if (others.length === 0) return [];
  const line = [author, ...others].toSorted().join(',');
  return [
    note(
      'it trusts no key but its own',
      `If these are your nodes, set DIOTEC360_TRUSTED_STATE_PUBKEYS=${line} on each.`,
    ),
  ];
}
