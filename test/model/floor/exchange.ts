import type { Reign } from '../../../src/core/floor/index.ts';
import { equalBytes } from '../../../src/core/types/index.ts';
import type { Rng } from '../../sim/rng.ts';
import type { FloorNode } from './node.ts';
import { Broken, KEYS, rootOf } from './world.ts';

/** Around two nodes that speak with each other. */
export interface Around {
  readonly rng: Rng;
  readonly joiner: FloorNode;
  write(node: FloorNode): void;
}

/** All that two nodes have to say to each other. */
export function exchange(a: FloorNode, b: FloorNode, around: Around): void {
  if (!a.reaches(b)) return;
  tellRosters(a, b, around);
  tellRosters(b, a, around);
  if (!a.isMember && !b.isMember) return;
  a.hearPast(b.pastOf(a));
  b.hearPast(a.pastOf(b));
  const both = [
    [a, b],
    [b, a],
  ] as const;
  for (const [one, other] of both) {
    if (one.lies && around.rng.chance(0.5)) continue;
    for (const claims of one.claims.values()) for (const [author, claim] of claims) other.hearClaim(author, claim);
    if (one.known !== undefined) other.hearComplete(one.known.claim, one.known.epoch);
  }
  for (const [one, other] of both) if (!one.tryOwn()) one.takeSnapshot(other);
  repair(a, b, around.rng);
}

function tellRosters(from: FloorNode, to: FloorNode, around: Around): void {
  const { rng, joiner } = around;
  for (const { state, start } of from.disk.reigns.slice(to.disk.reigns.length) as readonly Reign[])
    if (equalBytes(state.roster.previous, to.state.hash)) {
      to.learn(state, start);
      // A newcomer may begin to write at once.
      if (rng.chance(to === joiner ? 0.8 : 0.3)) around.write(to);
    }
}

function repair(a: FloorNode, b: FloorNode, rng: Rng): void {
  for (let round = 0; round < 6; round++) {
    let changed = false;
    for (const key of KEYS) {
      const [ours, theirs] = [a.keyOf(key).siblings, b.keyOf(key).siblings];
      if (ours.length === theirs.length && ours.every((op, i) => op === theirs[i])) continue;
      for (const op of a.lies && rng.chance(0.5) ? [] : ours) changed = b.take(op) === 'added' || changed;
      for (const op of b.lies && rng.chance(0.5) ? [] : theirs) changed = a.take(op) === 'added' || changed;
    }
    if (!changed) break;
  }
  const isAlike = equalBytes(a.state.hash, b.state.hash) && a.floorAt === b.floorAt && !a.lies && !b.lies;
  if (isAlike && !equalBytes(rootOf(a.live), rootOf(b.live)))
    throw new Broken(`${a.index} and ${b.index} have one floor and roster, have exchanged all, and differ`);
}
