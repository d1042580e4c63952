import { count, duration, peerName, plural } from './format.ts';
import type { Peer, Status } from './types.ts';

export type VerdictKind = 'converged' | 'different' | 'unknown';

/** Whether the fleet that the node knows has one root. */
export interface Verdict {
  readonly kind: VerdictKind;
  readonly title: 'CONVERGED' | 'NOT CONVERGED' | 'CANNOT TELL';
  readonly summary: string;
  /** One line for each peer that keeps the fleet from being converged. */
  readonly reasons: readonly string[];
}

/** Whether a verdict must cover a peer: the configuration names it, or it is a trusted author. */
export const isMember = (peer: Peer): boolean => peer.configured || peer.trusted;

/** Whether the peer's present root is unknown: no lung carries it, or it has not told a root. */
export const isSilent = (peer: Peer): boolean =>
  peer.lung === 'none' || peer.agreement === 'unknown' || peer.root === undefined;

function whyDifferent(peer: Peer, now: number): string {
  const name = peerName(peer);
  if (peer.agreement === 'equal-except-refused') {
    const reasons = Object.entries(peer.refused.reasons).map(([reason, n]) => `${count(n)} ${reason}`);
    return `${name}: equal except ${plural(peer.refused.count, 'refused item')}${reasons.length === 0 ? '' : ` (${reasons.join(', ')})`}`;
  }
  const since = peer.agreementSince === undefined ? '' : ` for ${duration(now - peer.agreementSince)}`;
  const { differing, repair } = peer;
  // A count of zero is left out, because it was made at another moment than the one at which the roots differ.
  const keys =
    differing === undefined || differing.keys === 0
      ? ''
      : `, ${differing.exact ? '' : 'about '}${plural(differing.keys, 'key')}`;
  const work =
    repair === undefined
      ? ''
      : `; repair over ${repair.lung === 'p2p' ? 'P2P' : 'HTTP'} runs, ${count(repair.remaining)} to go`;
  return `${name}: root differs${since}${keys}${work}`;
}

function whySilent(peer: Peer): string {
  if (peer.lung === 'none')
    return `${peerName(peer)}: not reached over either lung${peer.http.error === undefined ? '' : ` (${peer.http.error})`}`;
  return `${peerName(peer)}: has not told its root yet`;
}

/**
 * Makes the verdict from what one node tells at one moment. It is CONVERGED only if every member is reached and its
 * root, in its own signed head, equals the node's. A member that is not reached makes it CANNOT TELL, whatever that
 * member has told last. `lost` means that the node itself does not answer.
 */
export function verdictOf(status: Status, peers: readonly Peer[], lost: boolean): Verdict {
  const unknown = (summary: string, reasons: readonly string[] = []): Verdict => ({
    kind: 'unknown',
    title: 'CANNOT TELL',
    summary,
    reasons,
  });
  if (lost) return unknown('This node does not answer. What is shown is what it said last.');
  const members = peers.filter(isMember);
  if (members.length === 0) return unknown('This node knows no other node to compare with.');
  const silent = members.filter(isSilent);
  const different = members.filter(
    (peer) => !isSilent(peer) && (peer.agreement !== 'equal' || peer.root !== status.root),
  );
  const silentLines = silent.map(whySilent);
  if (different.length > 0) {
    const summary =
      different.length === members.length
        ? `The root of ${different.length === 1 ? 'the other node' : different.length === 2 ? 'both other nodes' : `all ${count(members.length)} other nodes`} is not ours.`
        : `The roots of ${count(different.length)} of ${plural(members.length, 'other node')} are not ours.`;
    return {
      kind: 'different',
      title: 'NOT CONVERGED',
      summary,
      reasons: [...different.map((p) => whyDifferent(p, status.now)), ...silentLines],
    };
  }
  if (silent.length > 0) {
    return unknown(
      `${count(silent.length)} of ${plural(members.length, 'other node')} cannot be compared with.`,
      silentLines,
    );
  }
  const all =
    members.length === 1
      ? 'The other node has'
      : members.length === 2
        ? 'Both other nodes have'
        : `All ${count(members.length)} other nodes have`;
  return { kind: 'converged', title: 'CONVERGED', summary: `${all} this node's root.`, reasons: [] };
}

/**
 * How far behind the slowest member can be, ms: the longest time since a member was last heard over the lung that
 * carries it. Undefined when no member is carried.
 */
export function lagOf(peers: readonly Peer[], now: number): number | undefined {
  const ages = peers.filter(isMember).flatMap((peer) => {
    const heard = peer.lung === 'p2p' ? peer.p2p.lastHeardAt : peer.lung === 'http' ? peer.http.lastHeardAt : undefined;
    return heard === undefined ? [] : [Math.max(0, now - heard)];
  });
  return ages.length === 0 ? undefined : Math.max(...ages);
}
