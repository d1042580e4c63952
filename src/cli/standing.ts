import type { Roster } from '../client/index.ts';
import { shellWord } from './output.ts';
import type { Times } from './times.ts';

type RosterMember = Roster['members'][number];

/** A key that a fleet.json names and that stands in the roster of the fleet no more, or as one that has ended. */
export interface Left {
  readonly author: string;
  readonly how?: NonNullable<RosterMember['how']>;
  /** Unix ms: what it wrote up to here counts. */
  readonly until?: number;
}

/** What a roster says of a key. */
export type Standing =
  | { readonly kind: 'member' }
  /** Its node goes on under the key `to`, which is a member. */
  | { readonly kind: 'turned'; readonly to: string }
  | { readonly kind: 'left'; readonly left: Left }
  /** The roster never knew it, or the node is of a version that tells nothing of who has left. */
  | { readonly kind: 'stranger' };

/** What `roster` says of a key at `now`, Unix ms. In epoch 0 the configured lists count, and nobody has left. */
export function standingIn({ epoch, members, gone = [] }: Roster, author: string, now: number): Standing {
  const byAuthor = new Map([...gone, ...members].map((one) => [one.author, one]));
  let known = byAuthor.get(author);
  const first = known;
  // Each key turns once, so that no key comes twice.
  for (let i = 0; known?.to !== undefined && i <= byAuthor.size; i++) known = byAuthor.get(known.to);
  if (known === undefined || first === undefined) return epoch === 0 ? { kind: 'member' } : { kind: 'stranger' };
  const { how, until } = known;
  const isMember = 'role' in known && (known.role !== 'retired' || (until ?? 0) >= now);
  if (isMember) return known === first ? { kind: 'member' } : { kind: 'turned', to: known.author };
  return {
    kind: 'left',
    left: { author: known.author, ...(how === undefined ? {} : { how }), ...(until === undefined ? {} : { until }) },
  };
}

/** What one node of a fleet says of all: its own key, and the roster that it goes by. */
export interface Witness {
  readonly author: string;
  readonly roster: Roster;
}

/**
 * Whether the node with this key has left, as more of the others say than not. What it says of itself counts for
 * nothing, and one that is behind, or lies, hides no member that is down.
 */
export function leftBy(witnesses: readonly Witness[], author: string, now: number): Left | undefined {
  const said = witnesses
    .filter((witness) => witness.author !== author)
    .map(({ roster }) => standingIn(roster, author, now));
  const left = said.flatMap((standing) => (standing.kind === 'left' ? [standing.left] : []));
  return left.length * 2 > said.length ? left[0] : undefined;
}

const WAYS: Readonly<Record<NonNullable<Left['how']>, string>> = {
  retired: 'left the fleet',
  rotated: 'has turned its key',
  removed: 'was removed from the fleet',
  forced: 'was left out of the fleet by force',
};

/** The command that brings a fleet.json up to the roster; `file` is undefined where the context names that file. */
export const tidyWith = (file: string | undefined): string =>
  `lattice members tidy${file === undefined ? '' : ` --fleet ${shellWord(file)}`}`;

/** That it has left, how and when. */
export function leftText({ how = 'retired', until }: Left, times: Times): string {
  return `${WAYS[how]}${until === undefined || until === 0 ? '' : ` on ${times.at(until)}`}`;
}
