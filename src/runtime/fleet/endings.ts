import type { ChangeAction, Member } from '../../core/roster/index.ts';
import type { Author } from '../../core/types/index.ts';
import type { EndingKind } from '../facade/members.ts';
import type { KnownRoster } from './roster.ts';

/** How one key came to write no more. */
export interface Ending {
  readonly author: Author;
  /** What the last roster with it called it. */
  readonly name: string;
  /** Absent where neither a change nor the times of the roster tell. */
  readonly how?: EndingKind;
  /** The epoch of the roster that ended it. */
  readonly epoch: number;
  /** Unix ms: what it wrote up to here counts. Absent for a mirror, which wrote nothing. */
  readonly until?: number;
  /** The key under which its node goes on. */
  readonly to?: Author;
  /** Whether it stands in the present roster no more. */
  readonly gone: boolean;
}

/**
 * A key that is removed ends at a time of a cut that is over when it is decided, and one that retires a minute later than
 * that. Voters attest every few seconds up to their vote, and acceptors take an end that is 30 s away from that of their
 * own clock: what ends within this time of the roster's start was removed.
 */
const REMOVED_WITHIN_MS = 30_000;
/** What ends within this time of the start retired. Where nothing was attested for longer, nobody can tell. */
const RETIRED_WITHIN_MS = 120_000;

/**
 * How every key ended that wrote or mirrored under some roster of the chain and does no more. `actionAt` tells the change
 * that made the roster of an epoch, where that is still kept.
 */
export function endingsOf(
  chain: readonly KnownRoster[],
  actionAt: (epoch: number) => ChangeAction | undefined,
): ReadonlyMap<Author, Ending> {
  const endings = new Map<Author, Ending>();
  for (const [i, next] of chain.entries()) {
    const before = chain[i - 1];
    if (before === undefined) continue;
    const { epoch, members } = next.state.roster;
    const now = new Map(members.map((member) => [member.author, member]));
    const newcomer = members.find(({ author }) => !before.state.roster.members.some((one) => one.author === author));
    for (const former of before.state.roster.members) {
      const present = now.get(former.author);
      const known = endings.get(former.author);
      if (known !== undefined && present !== undefined && present.until === former.until) continue;
      if (present === undefined) {
        const { how } = known ?? { how: toldBy(actionAt(epoch), former.author) };
        endings.set(former.author, {
          ...(known ?? { author: former.author, name: former.name, epoch }),
          ...(how === undefined ? {} : { how }),
          gone: true,
        });
      } else if (present.role === 'retired') {
        const isForced = next.state.leftOut.has(former.author) && !before.state.leftOut.has(former.author);
        const isRotated = former.role === 'writer' && newcomer !== undefined;
        const how = isForced
          ? 'forced'
          : isRotated
            ? 'rotated'
            : (toldBy(actionAt(epoch), former.author) ?? byTimes(present, next));
        endings.set(former.author, {
          author: former.author,
          name: former.name,
          ...(how === undefined ? {} : { how }),
          epoch,
          until: present.until,
          ...(isRotated ? { to: newcomer.author } : known?.to === undefined ? {} : { to: known.to }),
          gone: false,
        });
      }
    }
  }
  return endings;
}

function toldBy(action: ChangeAction | undefined, author: Author): EndingKind | undefined {
  if (action === undefined || !('author' in action) || action.author !== author) return undefined;
  return action.kind === 'remove' ? 'removed' : action.kind === 'retire' ? 'retired' : undefined;
}

function byTimes({ until }: Member, { start }: KnownRoster): EndingKind | undefined {
  if (until < start + REMOVED_WITHIN_MS) return 'removed';
  return until < start + RETIRED_WITHIN_MS ? 'retired' : undefined;
}
