import { ZERO_HLC } from '../../core/clock/index.ts';
import type { OperationPlace } from '../../core/rows/index.ts';
import { versionOf } from '../../core/state/index.ts';
import { type Author, dropOldest, type Fragment, type Hasher, type Hlc, type Sibling } from '../../core/types/index.ts';
import { fragmentToSiblings } from '../../core/wire/index.ts';
import type { Roster } from '../fleet/roster.ts';

/** As many differences with one peer as are remembered (SPEC S12), of several peers; of either kind. */
const MAX_OPERATIONS = 16_384;
/** How many operations wait to be taken in. The others are offered again. */
const MAX_ACCEPTED = 256;

/** An operation of this node's state that a peer does not take, because the state is closed for its time. */
export interface RefusedOperation extends OperationPlace {
  readonly key: string;
  readonly author: Author;
}

/**
 * What writers say of operations below the floor about which two states differ (SPEC FL9): a store that was away for
 * longer than tombstones stay finds out by that what has left the state. Where half of the writers refuse an operation,
 * those that have it set it aside; where more than half have it, the others take it. So no two nodes do both, and no
 * writer alone decides it in a fleet of more than two.
 */
export interface RefusedBelow {
  /** Takes note that a peer refused an operation of ours. */
  note(by: Author, operation: RefusedOperation): void;
  /** Takes note that a peer has an operation of a verified fragment that we refuse. `index` is its place among them. */
  offered(by: Author, fragment: Fragment, index: number): void;
  /** The newest HLC for which a writer has told that its state is closed, so that the fleet collects; zero when none. */
  readonly closedBy: Hlc;
  /** What is to be set aside. */
  decided(): readonly RefusedOperation[];
  /** Takes what is to be taken in. */
  takeAccepted(): readonly Sibling[];
  drop(operations: readonly OperationPlace[]): void;
}

export function createRefusedBelow({
  roster,
  self,
  hasher,
}: {
  readonly roster: Pick<Roster, 'writers' | 'isWriter'>;
  readonly self: Author;
  readonly hasher: Hasher;
}): RefusedBelow {
  const refused = new Map<string, { readonly operation: RefusedOperation; readonly by: Set<Author> }>();
  const offers = new Map<string, Set<Author>>();
  let accepted: Sibling[] = [];
  let closedBy: Hlc = ZERO_HLC;

  const writersIn = (by: ReadonlySet<Author>): number => [...by].filter(roster.isWriter).length;

  function isRefused(by: ReadonlySet<Author>): boolean {
    const needed = Math.ceil(roster.writers.length / 2);
    const others = roster.writers.filter((author) => author !== self).length;
    return others > 0 && writersIn(by) >= Math.min(needed, others);
  }

  return {
    note(by, operation) {
      if (by === self || !roster.isWriter(by)) return;
      if (operation.hlc > closedBy) closedBy = operation.hlc;
      const name = versionOf(operation);
      const known = refused.get(name);
      if (known !== undefined) return void known.by.add(by);
      dropOldest(refused, MAX_OPERATIONS);
      refused.set(name, { operation, by: new Set([by]) });
    },
    offered(by, fragment, at) {
      const one = fragment.operations[at];
      if (one === undefined || by === self || !roster.isWriter(by)) return;
      const name = versionOf({ commit: fragment.idBytes, index: one.index });
      let known = offers.get(name);
      if (known === undefined) {
        dropOldest(offers, MAX_OPERATIONS);
        offers.set(name, (known = new Set()));
      }
      known.add(by);
      if (writersIn(known) <= roster.writers.length / 2 || accepted.length >= MAX_ACCEPTED) return;
      offers.delete(name);
      const sibling = fragmentToSiblings(fragment, hasher)[at];
      if (sibling !== undefined) accepted.push(sibling);
    },
    get closedBy() {
      return closedBy;
    },
    decided: () => [...refused.values()].filter(({ by }) => isRefused(by)).map(({ operation }) => operation),
    takeAccepted() {
      const taken = accepted;
      accepted = [];
      return taken;
    },
    drop(operations) {
      for (const one of operations) {
        refused.delete(versionOf(one));
        offers.delete(versionOf(one));
      }
    },
  };
}
