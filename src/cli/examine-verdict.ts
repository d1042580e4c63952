import type { Peer, Status } from '../client/index.ts';
import { joined } from '../core/types/index.ts';
import { bad, type Finding, note, ok, type Sign } from './finding.ts';
import { nextStepOfUnreached } from './next-steps.ts';

type Reason = Status['verdict']['reasons'][number];

/** Reports what the node's own verdict says (SPEC J1), with what this command knows to do about it. */
export function examineVerdict(status: Status, peers: readonly Peer[]): Finding[] {
  const { verdict } = status;
  if (verdict.reasons.length === 0) return [ok(`${verdict.kind}: ${verdict.sentence}`)];
  const peerOf = ({ author }: Reason): Peer | undefined =>
    author === undefined ? undefined : peers.find((peer) => peer.author === author);
  const isRefused = (reason: Reason): boolean =>
    TOPICS[reason.code] === 'silent' && peerOf(reason)?.http.errorCode === 'sync-forbidden';
  return [
    ...refusedBy(verdict.reasons.filter(isRefused), status),
    ...verdict.reasons
      .filter((reason) => !isRefused(reason))
      .map((reason) => {
        const peer = peerOf(reason);
        const sign = signOf(reason, status, peer);
        const next = nextOf(reason, peer);
        return reason.heals === 'operator' ? bad(reason.text, next, sign) : note(reason.text, next, sign);
      }),
  ];
}

/** One finding for all members that do not trust the node. */
function refusedBy(reasons: readonly Reason[], { author, peerId, trust }: Status): Finding[] {
  if (reasons.length === 0) return [];
  const names = reasons.map(({ name = 'another node' }) => name);
  const who = joined(names);
  const one = names.length === 1;
  if (trust.epoch !== undefined && trust.epoch > 0)
    return [
      bad(
        `${who} ${one ? 'refuses' : 'refuse'} this node: its key is no member there`,
        `See which roster each goes by: lattice members --fleet. One that is behind epoch ${trust.epoch} catches up once it reaches another member; a key that left never returns.`,
        { topic: 'untrusted', about: peerId },
      ),
    ];
  return [
    bad(
      `${who} ${one ? 'refuses' : 'refuse'} this node: its key is not on ${one ? 'the trust list' : 'the trust lists'} there`,
      `Put ${author} on the trust list (DIOTEC360_TRUSTED_STATE_PUBKEYS) of ${who}, and have it read there: lattice config reload.`,
      { topic: 'untrusted', about: peerId },
    ),
  ];
}

/** What the reasons of a verdict are signs of. The node's own reasons to refuse writes are not among them. */
const TOPICS: Readonly<Partial<Record<Reason['code'], string>>> = {
  'not-heard': 'silent',
  'never-heard': 'silent',
  refused: 'diverged',
  differs: 'diverged',
  repairing: 'diverged',
  'member-read-only': 'read-only',
  'member-starting': 'starting',
  bootstrap: 'starting',
  'not-compared': 'not-compared',
};

function signOf({ code, author }: Reason, { peerId }: Status, peer: Peer | undefined): Sign {
  const topic = TOPICS[code];
  // It is about the node itself that the others went on without it.
  if (peer?.http.errorCode === 'other-lineage') return { topic: 'other-lineage', about: peerId };
  if (topic === undefined) return topicOfReadOnly(code, peerId);
  const about = peer?.peerId ?? author ?? peerId;
  return { topic, about };
}

function topicOfReadOnly(code: string, self: string): Sign {
  if (code === 'clone') return { topic: 'clone', own: true };
  return code.startsWith('clock-') ? { topic: 'clock', own: true } : { topic: 'read-only', about: self, own: true };
}

/** What to do about a reason: as the node says, and else as its code or the failure tells. */
function nextOf({ code, next, heals }: Reason, peer: Peer | undefined): string {
  if (next !== undefined) return next;
  if (TOPICS[code] === 'silent')
    return nextStepOfUnreached(peer?.http.errorCode, peer?.added === true ? peer.addedAs : undefined);
  return heals === 'by-itself' ? 'Wait: it ends by itself.' : 'Remove the cause that it names.';
}

/** Reports a mode that an operator has set, because the other lung then carries nothing whatever happens. */
export function examineMode({ mode }: Status): Finding[] {
  if (mode === 'auto') return [];
  const [used, unused] = mode === 'http' ? ['HTTP', 'P2P'] : ['P2P', 'HTTP'];
  return [
    note(
      `the mode was set by hand: ${used} carries everything, and ${unused} would not take over`,
      'Let the node choose again: lattice sync mode auto.',
      { topic: `mode ${mode}` },
    ),
  ];
}

/** Reports the warnings of a node, except those of which a reason of its verdict tells more. */
export function examineWarnings({ warnings, verdict, peerId }: Status): Finding[] {
  return warnings.flatMap(({ code, text }) => {
    if (code === 'refused-items' && verdict.reasons.some((reason) => reason.code === 'refused')) return [];
    if (code === 'lost-batches' && verdict.reasons.some((reason) => reason.code === code)) return [];
    const sign = topicOfWarning(code, peerId);
    const next = TO_DECIDE[code];
    return [next === undefined ? note(text, undefined, sign) : bad(text, next, sign)];
  });
}

/** Warnings of what nodes never settle among themselves, and what to do about them. */
const TO_DECIDE: Readonly<Partial<Record<Status['warnings'][number]['code'], string>>> = {
  'set-aside': 'Look at each of them (lattice recover): write anew what is still of use, and forget the rest.',
  'two-rosters': 'Compare lattice members of all nodes, and begin anew with the members of one side.',
};

function topicOfWarning(code: string, self: string): Sign {
  if (code === 'clock-skew' || code === 'peer-clock') return { topic: 'clock' };
  if (code === 'other-trust-list') return { topic: 'trust' };
  // Every node warns about two nodes of one name, and the names differ only in the order of the two.
  if (code === 'same-name') return { topic: 'names' };
  return code === 'peer-twin' ? { topic: 'clone' } : { topic: `warning ${code}`, about: self };
}
