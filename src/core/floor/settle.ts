import { hlcMs, lastHlcAt } from '../clock/index.ts';
import { supersedes, type Versioned } from '../state/index.ts';
import type { Author, Hlc } from '../types/index.ts';
import { collect, type Mortal } from './collect.ts';
import { type FloorRules, type HeldKey, isSameOperation, recount, siblingsOf } from './register.ts';

/** An operation at or below the floor that came too late for it, and that a later cut may have all the same. */
export interface SetAside<S extends Versioned> {
  readonly operation: S;
  /** The newest T that this node had fixed when the operation was set aside. No later cut of this node has it. */
  readonly until: number;
}

/** All that a node has of one key. */
export interface KeptKey<S extends Versioned> extends HeldKey<S> {
  readonly aside: readonly SetAside<S>[];
}

export const NOTHING_KEPT: KeptKey<never> = { siblings: [], hidden: [], aside: [] };

/**
 * The T for which an operation comes too late that a node takes in now: the newest one that it has fixed, `newest`, where
 * the operation belongs to that. 0 where it belongs to none, and where the node has the operation already: what came in
 * time does not come too late when it comes once more.
 */
export function lateOnArrival<S extends Versioned>(key: KeptKey<S>, arrived: S, newest: number): number {
  if (hlcMs(arrived.hlc) > newest) return 0;
  const isHeld =
    [...key.siblings, ...key.hidden].some((one) => isSameOperation(one, arrived)) ||
    key.aside.some(({ operation }) => isSameOperation(operation, arrived));
  return isHeld ? 0 : newest;
}

/** A cut, as far as the state at it depends on it. */
export interface CutRules {
  /** Unix ms. */
  readonly at: number;
  /** The collection floor that the cut names. */
  readonly collection: number;
  /** Whether an operation above the floor counts by the roster of the cut. */
  readonly counts: (author: Author, hlc: Hlc) => boolean;
}

/**
 * The siblings of a key at a cut, as this node fixes or has fixed it, winner first. `rules` is of the present floor,
 * which is earlier than the cut. What came after the cut was fixed is left out, and so is what was set aside before it
 * was fixed.
 */
export function stateAt<S extends Mortal>(key: KeptKey<S>, rules: FloorRules, cut: CutRules): readonly S[] {
  const last = lastHlcAt(cut.at);
  const { floor, lateFor } = rules;
  const due = [...key.siblings, ...key.hidden].filter(
    (one) => one.hlc <= floor || (one.hlc <= last && lateFor(one) < cut.at && cut.counts(one.author, one.hlc)),
  );
  for (const { operation, until } of key.aside)
    if (cut.at <= until && lateFor(operation) < cut.at && cut.counts(operation.author, operation.hlc))
      due.push(operation);
  return collect(siblingsOf(due), cut.collection);
}

/**
 * What was set aside of a key and stands in one of the cuts that this node has fixed and that may still become complete,
 * `undecided`. What one of them has, later cuts have too, because a complete cut is final.
 */
function standing<S extends Mortal>(key: KeptKey<S>, rules: FloorRules, undecided: readonly CutRules[]): readonly S[] {
  if (key.aside.length === 0 || undecided.length === 0) return [];
  const has = new Set(undecided.flatMap((cut) => stateAt(key, rules, cut)));
  return key.aside.map(({ operation }) => operation).filter((one) => has.has(one));
}

/** While a node carries over, it fixes every third cut only: between two of them the claims of all writers arrive. */
const CARRYING_PERIODS = 3;

/**
 * Whether a node passes over the cut at `at`. One whose clock is ahead fixes a cut before it has heard what the others
 * claim of its last one. That may be complete for all it knows, so it would carry over for ever what no other cut has.
 * Nodes that carry over fix the same cuts, which become complete where all of them carry the same.
 */
export function passesOver<S extends Mortal>(
  keys: Iterable<KeptKey<S>>,
  rules: FloorRules,
  at: number,
  undecided: readonly CutRules[],
): boolean {
  if (at % (CARRYING_PERIODS * rules.periodMs) === 0) return false;
  for (const key of keys) if (standing(key, rules, undecided).length > 0) return true;
  return false;
}

/** The key with what was set aside carried over to the cut at `at`, which is being fixed. */
export function carryOver<S extends Mortal>(
  key: KeptKey<S>,
  rules: FloorRules,
  at: number,
  undecided: readonly CutRules[],
): KeptKey<S> {
  const carried = standing(key, rules, undecided);
  if (carried.length === 0) return key;
  const aside = key.aside.map((one) => (carried.includes(one.operation) ? { ...one, until: at } : one));
  return { ...key, aside };
}

/** What the floor state has of a key, winner first: the operations at or below the floor, whatever is above them. */
export function floorStateOf<S extends Versioned>({ siblings, hidden }: HeldKey<S>, floor: Hlc): readonly S[] {
  return siblingsOf([...siblings, ...hidden].filter(({ hlc }) => hlc <= floor));
}

/** What becomes of a key when the floor moves. */
export interface Settled<S extends Versioned> {
  readonly key: KeptKey<S>;
  /** What no part of the floor state replaces and this node lets go: it came too late, or did not count. */
  readonly lost: readonly S[];
}

/**
 * The key once the cut is the floor. `base` is what the floor state has of it: `stateAt` of the cut, or what a snapshot
 * of it brought. `rules` is of the new floor and the present roster, `fixed` the newest T that this node has fixed.
 */
export function settle<S extends Mortal>(
  key: KeptKey<S>,
  base: readonly S[],
  rules: FloorRules,
  fixed: number,
): Settled<S> {
  const at = hlcMs(rules.floor);
  const above: S[] = [];
  const below: SetAside<S>[] = key.aside.slice();
  for (const one of [...key.siblings, ...key.hidden])
    if (one.hlc > rules.floor) above.push(one);
    else below.push({ operation: one, until: fixed });
  const aside: SetAside<S>[] = [];
  const lost: S[] = [];
  for (const one of below) {
    const { operation } = one;
    if (base.some((other) => isSameOperation(other, operation) || supersedes(other, operation))) continue;
    // A node may learn of a later cut before an earlier one, so others may have taken one that has it.
    if (one.until > at) aside.push(one);
    else lost.push(operation);
  }
  return { key: { ...recount({ siblings: base, hidden: above }, rules), aside }, lost };
}
