import { hlcMs } from '../clock/index.ts';
import { compareSiblings, contextOf, covers, mergeSiblings, supersedes, type Versioned } from '../state/index.ts';
import { type Author, type Context, compareBytes, type Hlc } from '../types/index.ts';

/**
 * The register of a key above a floor (docs/adr/0022). At and below the floor the operations are those that a complete
 * cut has, whoever wrote them. Above it the operations count that the roster lets count. What is superseded above the
 * floor is kept beside the tree, because what superseded it may cease to count.
 */

/** What a node holds of one key. */
export interface HeldKey<S extends Versioned> {
  /** What is shown, winner first. The key's leaf is made of these alone. */
  readonly siblings: readonly S[];
  /** What is held outside the tree, in no order: operations that are superseded, and those that do not count. */
  readonly hidden: readonly S[];
}

export const NOTHING_HELD: HeldKey<never> = { siblings: [], hidden: [] };

/** By what a node judges the operations that it holds. */
export interface FloorRules {
  /** The last HLC that belongs to the floor; zero before there is one. */
  readonly floor: Hlc;
  /** Whether an operation above the floor counts by the roster. It is never asked about one at or below the floor. */
  readonly counts: (author: Author, hlc: Hlc) => boolean;
  /** From one cut to the next, ms. */
  readonly periodMs: number;
  /** The newest T that this node had fixed when it took the operation in, if the operation belongs to it; else 0. */
  readonly lateFor: (operation: Versioned) => number;
}

/**
 * What became of an operation. `below-floor`: it is of a time at or below the floor and no part of the floor state.
 * `uncounted`: its author does not count at its time.
 */
export type Admission = 'added' | 'held' | 'superseded' | 'key-full' | 'below-floor' | 'uncounted';

export const isSameOperation = (a: Versioned, b: Versioned): boolean =>
  a.index === b.index && (a.commit === b.commit || compareBytes(a.commit, b.commit) === 0);

/**
 * The siblings that these operations of one key make, winner first: an operation is one unless a sibling supersedes it.
 * Supersession leads to later operations only, so the newest are judged first. Where all contexts are honest this is
 * what no operation supersedes. Where a later operation of an author leaves out what an earlier one named, it lets that
 * come back, on whatever way it came here (SPEC R3).
 */
export function siblingsOf<S extends Versioned>(operations: readonly S[]): readonly S[] {
  const siblings: S[] = [];
  for (const one of operations.toSorted(compareSiblings))
    if (!siblings.some((other) => supersedes(other, one))) siblings.push(one);
  return siblings;
}

const countsHere = ({ floor, counts }: FloorRules, { author, hlc }: Versioned): boolean =>
  hlc <= floor || counts(author, hlc);

/** Judges anew everything that is held of a key: after a decided roster, and after the floor has moved. */
export function recount<S extends Versioned>(held: HeldKey<S>, rules: FloorRules): HeldKey<S> {
  const all = [...held.siblings, ...held.hidden];
  const siblings = siblingsOf(all.filter((one) => countsHere(rules, one)));
  return { siblings, hidden: all.filter((one) => !siblings.includes(one)) };
}

/**
 * Takes in one operation of a key. `isOfFloorState` tells of an operation at or below the floor that is not held
 * whether the floor state has it all the same, because this node has lost it or let it go.
 */
export function admit<S extends Versioned>(
  held: HeldKey<S>,
  added: S,
  rules: FloorRules,
  isOfFloorState: (operation: S) => boolean,
): { readonly held: HeldKey<S>; readonly outcome: Admission } {
  const { siblings, hidden } = held;
  const is = (one: S): boolean => isSameOperation(one, added);
  if (siblings.some(is) || hidden.some(is)) return { held, outcome: 'held' };
  const below = added.hlc <= rules.floor;
  if (below && !isOfFloorState(added)) {
    const superseded = siblings.some((one) => supersedes(one, added));
    return { held, outcome: superseded ? 'superseded' : 'below-floor' };
  }
  if (!below && !rules.counts(added.author, added.hlc)) return { held, outcome: 'uncounted' };
  const merged = mergeSiblings(siblings, added);
  if (merged.outcome === 'superseded')
    return { held: { siblings, hidden: hide(held, added, rules) }, outcome: 'superseded' };
  if (merged.outcome !== 'added') return { held, outcome: merged.outcome };
  const replaced = siblings.filter((one) => !merged.siblings.includes(one));
  let next: HeldKey<S> = { siblings: merged.siblings, hidden };
  for (const one of replaced) next = { siblings: next.siblings, hidden: hide(next, one, rules) };
  // What a replaced sibling had hidden stays hidden when whatever replaced it has seen that too.
  const forgets = hidden.length > 0 && replaced.some((one) => !hasSeenAllOf(added, one));
  return { held: forgets ? recount(next, rules) : next, outcome: 'added' };
}

/** The hidden operations with one more. */
function hide<S extends Versioned>({ siblings, hidden }: HeldKey<S>, added: S, rules: FloorRules): readonly S[] {
  const { periodMs, lateFor } = rules;
  const isSparedBy = (later: S, earlier: S): boolean =>
    spares(later, earlier, periodMs) && lateFor(later) === lateFor(earlier);
  const isSpared = (later: S): boolean => isSparedBy(later, added);
  if (siblings.some(isSpared) || hidden.some(isSpared)) return hidden;
  return [...hidden.filter((one) => !isSparedBy(added, one)), added];
}

/**
 * Whether `earlier` need not be kept beside `later`. Of an author's operations between two cuts only the last can count
 * again, at any cut and under any roster whose ends stand at cuts, as long as it has seen all that the earlier ones had.
 */
export function spares(later: Versioned, earlier: Versioned, periodMs: number): boolean {
  return (
    later.author === earlier.author &&
    supersedes(later, earlier) &&
    periodOf(later, periodMs) === periodOf(earlier, periodMs) &&
    hasSeenAllOf(later, earlier)
  );
}

const periodOf = ({ hlc }: Versioned, periodMs: number): number => Math.ceil(hlcMs(hlc) / periodMs);

/** Whether `later`, which supersedes `earlier`, names all that the context of that names. */
function hasSeenAllOf(later: Versioned, earlier: Versioned): boolean {
  return earlier.operation.context.every(
    ({ author, hlc }) => author === later.author || covers(later.operation.context, author, hlc),
  );
}

/**
 * The context of `self`'s next operation on a key (SPEC R5). It names the siblings, and of what these have seen the
 * authors of the roster, whatever is above the floor, and every author of whom the floor state has an operation here.
 * An operation at or below the floor that is no part of the floor state can come back nowhere, so it need not be named.
 */
export function contextAbove<S extends Versioned>(
  held: HeldKey<S>,
  self: Author,
  { floor, isOfRoster }: { readonly floor: Hlc; readonly isOfRoster: (author: Author) => boolean },
): Context {
  const standing = new Set<Author>();
  for (const one of [...held.siblings, ...held.hidden]) if (one.hlc <= floor) standing.add(one.author);
  return contextOf(held, self, (author, hlc) => hlc > floor || isOfRoster(author) || standing.has(author));
}
