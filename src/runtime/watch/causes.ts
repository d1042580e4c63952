import type { Transition } from '../facade/facade.ts';

/** Why something changed, as one of a bounded set: the sentences of `Transition.cause` hold times and error texts. */
export type CauseCode =
  | 'operator'
  | 'node-start'
  | 'node-stop'
  | 'retry'
  | 'started'
  | 'failed'
  | 'silent'
  | 'behind'
  | 'not-heard'
  | 'manual-mode'
  | 'heard'
  | 'stable'
  | 'other';

/** The sentences of `failover.ts` by how they begin. */
const OF_PEERS: readonly (readonly [start: string, code: CauseCode])[] = [
  ['silent over P2P', 'silent'],
  ['its commits do not arrive', 'behind'],
  ['not heard', 'not-heard'],
  ['manual mode', 'manual-mode'],
  ['heard over P2P', 'heard'],
  ['P2P stable', 'stable'],
];

/** The code of a transition: of a mode, of the P2P lung (`p2p <state>`), or of the lung that carries a peer. */
export function causeCode({ from, to, cause }: Pick<Transition, 'from' | 'to' | 'cause'>): CauseCode {
  if (from.startsWith('mode ')) return 'operator';
  if (!from.startsWith('p2p ')) return OF_PEERS.find(([start]) => cause.startsWith(start))?.[1] ?? 'other';
  switch (to) {
    case 'p2p failed':
      return 'failed';
    case 'p2p running':
      return 'started';
    case 'p2p off':
      return 'node-stop';
    case 'p2p starting':
      return cause === 'node start' ? 'node-start' : 'retry';
    default:
      return 'other';
  }
}
