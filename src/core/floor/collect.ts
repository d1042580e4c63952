import { hlcMs } from '../clock/index.ts';
import { isGone, type Versioned } from '../state/index.ts';
import type { Operation } from '../types/index.ts';

/**
 * What leaves the state for good (docs/adr/0022), and what readers see no more. Roots depend on the collection floor,
 * which a cut names, and never on a clock.
 */

/** An operation with what decides about its end. */
export interface Mortal extends Versioned {
  readonly operation: Pick<Operation, 'kind' | 'context' | 'expires'>;
}

/** Collection floors stand on whole hours, so that a fleet collects once an hour and not at every cut. */
export const COLLECTION_GRID_MS = 3_600_000;

/**
 * What readers see of a key at `nowMs`: its winner, unless that is a tombstone or has expired. An expired winner hides
 * the other siblings, as a tombstone does.
 */
export function shownAt<S extends Mortal>(siblings: readonly S[], nowMs: number): S | undefined {
  const [first] = siblings;
  return first === undefined || isGone(first.operation, nowMs) ? undefined : first;
}

/**
 * From when on, Unix ms, the oldest of the siblings (winner first) is dead, and so can be collected. Undefined where it
 * is a put that has no end.
 */
export function deadFrom(siblings: readonly Mortal[]): number | undefined {
  const oldest = siblings[siblings.length - 1];
  if (oldest === undefined) return undefined;
  const { kind, expires } = oldest.operation;
  if (kind === 'delete') return hlcMs(oldest.hlc);
  return expires === undefined ? undefined : Math.max(hlcMs(oldest.hlc), expires);
}

/** Whether a sibling is as good as nothing at a collection floor, Unix ms. */
export function isDead({ hlc, operation }: Mortal, collection: number): boolean {
  return hlcMs(hlc) <= collection && isGone(operation, collection);
}

/**
 * The siblings (winner first) without what is collected at `collection`: the oldest of them, for as long as they are
 * dead. A dead one above a living one stays, because it hides that. What is left depends neither on the collection
 * floors in between nor on whether a later operation came before or after.
 */
export function collect<S extends Mortal>(siblings: readonly S[], collection: number): readonly S[] {
  let left = siblings.length;
  while (left > 0 && isDead(siblings[left - 1] as S, collection)) left--;
  return left === siblings.length ? siblings : siblings.slice(0, left);
}

/**
 * The collection floor of the cut at `at`, Unix ms: the last whole hour that is older than the retention. `before` is
 * that of the floor on which the cut stands, because it never falls.
 */
export function collectionFloorOf(
  at: number,
  retentionMs: number,
  before: number,
  gridMs: number = COLLECTION_GRID_MS,
): number {
  return Math.max(before, Math.floor((at - retentionMs) / gridMs) * gridMs, 0);
}
