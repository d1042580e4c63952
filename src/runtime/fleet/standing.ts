import type { Author } from '../../core/types/index.ts';
import type { Standing } from '../../ports/index.ts';
import type { Members } from './members.ts';

/**
 * Makes the function that tells who may connect over P2P (SPEC S9). `open`: the operator lets anybody connect.
 * `namesNobody`: the configuration names no other node; such a node is open until it has a member, because nobody could
 * ever connect otherwise.
 */
export function createStanding(deps: {
  readonly members: Pick<Members, 'has' | 'any'>;
  readonly open: boolean;
  readonly namesNobody: () => boolean;
}): (peer: Author | undefined) => Standing {
  const { members } = deps;
  return (peer) => {
    if (peer !== undefined && members.has(peer)) return 'member';
    return deps.open || (deps.namesNobody() && !members.any()) ? 'guest' : 'barred';
  };
}
