import { quorumOf } from '../../core/cut/index.ts';
import type { OperationPlace } from '../../core/rows/index.ts';
import { type Author, bytesToHex, dropOldest } from '../../core/types/index.ts';
import type { Roster } from '../fleet/roster.ts';

/** As many differences with one peer as are remembered (SPEC S12), of several peers. */
const MAX_OPERATIONS = 16_384;

/** An operation of this node's state that a peer does not take, because the state is closed for its time. */
export interface RefusedOperation extends OperationPlace {
  readonly key: string;
  readonly author: Author;
}

/**
 * What writers refuse as below the floor, of what this node has (SPEC FL9). A store that was away for longer than
 * tombstones stay, or that comes from an old backup, finds out by that what has left the state. No writer alone decides
 * it.
 */
export interface RefusedBelow {
  note(by: Author, operation: RefusedOperation): void;
  /** What as many writers refuse as certify a cut, or all others where those are fewer. */
  decided(): readonly RefusedOperation[];
  drop(operations: readonly RefusedOperation[]): void;
}

export function createRefusedBelow({
  roster,
  self,
}: {
  readonly roster: Pick<Roster, 'writers' | 'isWriter'>;
  readonly self: Author;
}): RefusedBelow {
  const refused = new Map<string, { readonly operation: RefusedOperation; readonly by: Set<Author> }>();
  const nameOf = ({ commit, index }: RefusedOperation): string => `${bytesToHex(commit)}.${index}`;

  function isDecided(by: ReadonlySet<Author>): boolean {
    const others = roster.writers.filter((author) => author !== self).length;
    const needed = Math.min(quorumOf(roster.writers.length), others);
    return needed > 0 && [...by].filter(roster.isWriter).length >= needed;
  }

  return {
    note(by, operation) {
      if (by === self || !roster.isWriter(by)) return;
      const name = nameOf(operation);
      const known = refused.get(name);
      if (known !== undefined) return void known.by.add(by);
      dropOldest(refused, MAX_OPERATIONS);
      refused.set(name, { operation, by: new Set([by]) });
    },
    decided: () => [...refused.values()].filter(({ by }) => isDecided(by)).map(({ operation }) => operation),
    drop(operations) {
      for (const one of operations) refused.delete(nameOf(one));
    },
  };
}
