import type { Peer, Status } from '../client/index.ts';
import { bad, type Finding, note, ok, type Sign } from './finding.ts';
import { nextStepOfReadOnly, nextStepOfUnreached } from './next-steps.ts';

type Reason = Status['verdict']['reasons'][number];

/** Reports what the node's own verdict says (SPEC J1), with what this command knows to do about it. */
export function examineVerdict(status: Status, peers: readonly Peer[]): Finding[] {
  const { verdict } = status;
  if (verdict.reasons.length === 0) return [ok(`${verdict.kind}: ${verdict.sentence}`)];
  return verdict.reasons.map((reason) => {
    const peer = reason.author === undefined ? undefined : peers.find(({ author }) => author === reason.author);
    const sign = signOf(reason, status, peer);
    const { text, next } = said(reason, status, peer);
    return reason.heals === 'operator' ? bad(text, next, sign) : note(text, next, sign);
  });
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
  if (topic === undefined) return topicOfReadOnly(code, peerId);
  const about = peer?.peerId ?? author ?? peerId;
  return { topic, about };
}

function topicOfReadOnly(code: string, self: string): Sign {
  if (code === 'clone') return { topic: 'clone' };
  return code.startsWith('clock-') ? { topic: 'clock' } : { topic: 'read-only', about: self };
}

function said(reason: Reason, status: Status, peer: Peer | undefined): { text: string; next: string } {
  const { code, text, name = 'the other node' } = reason;
  const own = status.readOnlyReasons.find((known) => known.code === code);
  if (own !== undefined) return { text, next: nextStepOfReadOnly(own.code) };
  if ((code === 'not-heard' || code === 'never-heard') && peer?.http.errorCode !== undefined) {
    if (peer.http.errorCode === 'sync-forbidden')
      return {
        text: `${name} refuses this node: this node's key is not on the trust list of ${name}.`,
        next: `Put ${status.author} on the trust list (DIOTEC360_TRUSTED_STATE_PUBKEYS) of ${name}.`,
      };
    return { text, next: reason.next ?? nextStepOfUnreached(peer.http.errorCode) };
  }
  return { text, next: reason.next ?? 'Wait: it ends by itself.' };
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
    return [note(text, undefined, topicOfWarning(code, peerId))];
  });
}

function topicOfWarning(code: string, self: string): Sign {
  if (code === 'clock-skew' || code === 'peer-clock') return { topic: 'clock' };
  if (code === 'other-trust-list') return { topic: 'trust' };
  // Every node warns about two nodes of one name, and the names differ only in the order of the two.
  if (code === 'same-name') return { topic: 'names' };
  return code === 'peer-twin' ? { topic: 'clone' } : { topic: `warning ${code}`, about: self };
}
