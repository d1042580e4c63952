import type { Peer, Status } from '../client/index.ts';
import type { Times } from './times.ts';

type Member = Status['verdict']['members'][number];

/** How the state of another node compares with that of the asked one, for people. */
export function stateOfMember({ agreement, asOf, lastHeardAt }: Member, times: Times): string {
  switch (agreement) {
    case 'equal-as-of':
      return asOf === undefined ? 'equal a moment ago' : `equal as of ${times.at(asOf)}`;
    case 'not-heard':
      return lastHeardAt === undefined ? 'not heard' : `not heard since ${times.at(lastHeardAt)}`;
    case 'never-heard':
      return 'never heard';
    case 'equal':
    case 'differs':
      return agreement;
  }
}

/**
 * How the state of a peer compares. A peer that is expected is as the verdict says, for which a silent one is never
 * equal; of another one, or at a node that tells no verdict, the last comparison is told.
 */
export function stateOfPeer(peer: Peer, status: Status | undefined, times: Times): string {
  const { verdict } = (status ?? {}) as { readonly verdict?: Status['verdict'] };
  const member = verdict?.members.find(({ author, url }) =>
    peer.author === undefined ? url !== undefined && url === peer.url : author === peer.author,
  );
  return member === undefined ? peer.agreement : stateOfMember(member, times);
}
