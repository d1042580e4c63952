import { type ChangeAction, decidersOf, isWriter, type Roster, writersOf } from '../../core/roster/index.ts';
import { type Author, joined } from '../../core/types/index.ts';

export interface LockDeps {
  readonly self: Author;
  /** Whether this node hears that author at present, directly or through others. */
  readonly isHeard: (author: Author) => boolean;
  /** What people read in place of an author. */
  readonly labelOf: (author: Author) => string;
}

/**
 * Why nothing might be decided any more once `action` has made `next` of `before`; undefined where that is not to be
 * feared. A writer more needs votes more, and a writer less may be one that votes: after a change of the writers this
 * node has to hear as many of them as decide, and it has to hear whoever becomes one (SPEC RO13). The node of a key that
 * turns goes on, so it is heard under the new key as it is under the old one.
 */
export function lockedBy(
  { self, isHeard, labelOf }: LockDeps,
  before: Roster,
  next: Roster,
  action: ChangeAction,
): string | undefined {
  const writers = writersOf(next);
  const fresh = writers.filter((author) => !isWriter(before, author));
  if (fresh.length === 0 && writers.length === writersOf(before).length) return undefined;
  const nodeOf = (author: Author): Author =>
    action.kind === 'rotate' && author === action.to ? action.author : author;
  const hears = (author: Author): boolean => nodeOf(author) === self || isHeard(nodeOf(author));
  const silent = writers.filter((author) => !hears(author));
  const unheard = silent.filter((author) => fresh.includes(author) && nodeOf(author) === author);
  if (unheard.length > 0) return `${joined(unheard.map(labelOf))} is not heard, and a writer more needs votes more`;
  const needed = decidersOf(next);
  if (writers.length - silent.length >= needed) return undefined;
  return `nothing could be decided afterwards: ${needed} of ${writers.length} writers would have to vote, and ${joined(silent.map(labelOf))} ${silent.length === 1 ? 'is' : 'are'} not heard`;
}
