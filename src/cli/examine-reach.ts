import type { Peer, PingResult, Status } from '../client/index.ts';
import { counted, LatticeError } from '../core/types/index.ts';
import { type ApiClient, createApiClient } from './client.ts';
import type { NodeReport } from './examine.ts';
import { bad, type Finding, info, note, ok, type Sign } from './finding.ts';

/** Peers that are asked about a single node at most. */
const MAX_ASKED = 16;

/** A node that is asked whether it reaches another one. */
interface Witness {
  readonly client: ApiClient;
  readonly status: Status;
  readonly peers: readonly Peer[];
}

export interface Target {
  readonly client: ApiClient;
  readonly report: NodeReport;
}

/**
 * Examines from outside whether a node can be reached, by asking other nodes (witnesses). When there are several
 * targets, they are asked about each other. For a single target, its peers are asked at the URLs that it knows, without
 * a token. A witness whose token is known pings the target; the others tell what they have seen last.
 */
export async function examineReach(target: Target, all: readonly Target[], timeoutMs: number): Promise<Finding[]> {
  const { status, peers } = target.report;
  if (status === undefined) return [];
  const isOther = target.report.isOfOtherLineage === true;
  const others = all.filter((other) => other !== target && other.report.status !== undefined);
  if (others.length > 0) {
    // No network keeps two lineages apart: each refuses the other.
    const kin = others.filter(({ report }) => (report.isOfOtherLineage === true) === isOther);
    const witnesses = kin.map(({ client, report }) => ({
      client,
      status: report.status as Status,
      peers: report.peers,
    }));
    return await summary(target.report, witnesses, (text, sign) =>
      note(text, 'See the firewall between the two, and the log of each.', sign),
    );
  }
  const known = peers.flatMap((peer) => (peer.url === undefined ? [] : [peer.url]));
  const urls = known.slice(0, MAX_ASKED);
  const asked = await Promise.all(urls.map((url) => ask(url, timeoutMs)));
  const silent = asked.flatMap((answer) => (typeof answer === 'string' ? [answer] : []));
  const witnesses = asked.filter(
    (answer): answer is Witness => typeof answer !== 'string' && answer.status.network === status.network,
  );
  const findings = await summary(target.report, witnesses, (text, sign) =>
    bad(text, 'Open the way from that node to this one: firewall, ports, URL.', sign),
  );
  if (silent.length > 0) findings.push(info(`from here these peers could not be asked: ${silent.join(', ')}`));
  if (known.length > urls.length)
    findings.push(
      info(
        `${counted(known.length - urls.length, 'further peer')} ${known.length - urls.length === 1 ? 'was' : 'were'} not asked`,
      ),
    );
  return findings;
}

/** Asks a peer. Resolves with its URL when it does not answer from here. */
async function ask(url: string, timeoutMs: number): Promise<Witness | string> {
  try {
    const client = createApiClient({ url, token: undefined, timeoutMs });
    const [status, peers] = await Promise.all([client.getStatus(), client.listPeers()]);
    return { client, status, peers };
  } catch (error) {
    if (!(error instanceof LatticeError)) throw error;
    return url;
  }
}

async function summary(
  { status, peers }: NodeReport,
  all: readonly Witness[],
  fail: (text: string, sign: Sign) => Finding,
): Promise<Finding[]> {
  if (status === undefined) return [];
  const witnesses = all.filter(
    (witness) => !isOfOtherLineage(peers, witness.status) && !isOfOtherLineage(witness.peers, status),
  );
  const counts = { p2p: { reached: 0, asked: 0 }, http: { reached: 0, asked: 0 } };
  const failures: Finding[] = [];
  for (const { witness, lungs } of await Promise.all(
    witnesses.map(async (w) => ({ witness: w, lungs: await reaches(w, status) })),
  )) {
    if (lungs === undefined) {
      failures.push(
        note(
          `${witness.status.name} does not know it`,
          'Name it there in DIOTEC360_LATTICE_NODES or DIOTEC360_P2P_BOOTSTRAP.',
          { topic: 'unknown', about: witness.status.peerId },
        ),
      );
      continue;
    }
    for (const { lung, ok: reached, error } of lungs) {
      counts[lung].asked++;
      if (reached) counts[lung].reached++;
      else {
        const name = lung === 'p2p' ? 'P2P' : 'HTTP';
        failures.push(
          fail(
            `${witness.status.name} does not reach it over ${name}${error === undefined ? '' : `: ${error}`}`,
            // A node without P2P peers has said so itself.
            lung === 'p2p' ? { topic: 'p2p' } : { topic: 'http', about: witness.status.peerId },
          ),
        );
      }
    }
  }
  const reachedBy = (['p2p', 'http'] as const).flatMap((lung) =>
    counts[lung].reached === 0
      ? []
      : [`over ${lung === 'p2p' ? 'P2P' : 'HTTP'} by ${counts[lung].reached} of ${counts[lung].asked}`],
  );
  return [...(reachedBy.length === 0 ? [] : [ok(`reached from outside ${reachedBy.join(', ')}`)]), ...failures];
}

/** Whether a node was told, by whoever refused it, that the other one has begun another lineage without it. */
const isOfOtherLineage = (peers: readonly Peer[], { author }: Status): boolean =>
  peers.some((peer) => peer.author === author && peer.http.errorCode === 'other-lineage');

type Lungs = PingResult['results'];

/** Whether a witness reaches the node, for each lung. Undefined when the witness does not know the node. */
async function reaches({ client, status, peers }: Witness, node: Status): Promise<Lungs | undefined> {
  const seen = peers.find((peer) => peer.peerId === node.peerId);
  if (seen === undefined) return undefined;
  const expected = (lung: Lungs[number]['lung']): boolean =>
    lung === 'p2p'
      ? node.p2p.enabled && status.p2p.enabled && ![node.mode, status.mode].includes('http')
      : // A node that only dials out is reached by the connection that it opened.
        status.http.enabled && seen.url !== undefined && seen.configured && ![node.mode, status.mode].includes('p2p');
  const lungs: Lungs = client.hasToken ? await ping(client, node.peerId, seen) : lastSeen(seen);
  return lungs.filter(({ lung }) => expected(lung));
}

const lastSeen = ({ p2p, http }: Peer): Lungs => [
  { lung: 'p2p', ok: p2p.connected },
  { lung: 'http', ok: http.reachable, ...(http.error === undefined ? {} : { error: http.error }) },
];

async function ping(client: ApiClient, peerId: string, seen: Peer): Promise<Lungs> {
  try {
    return (await client.pingPeer(peerId)).results;
  } catch (error) {
    // The witness is of an older version, or the token is another node's.
    if (error instanceof LatticeError) return lastSeen(seen);
    throw error;
  }
}
