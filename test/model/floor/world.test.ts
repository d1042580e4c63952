import { describe, expect, it } from 'vitest';
import { makeHlc } from '../../../src/core/clock/index.ts';
import type { FloorClaim } from '../../../src/core/floor/index.ts';
import { initialRoster, type RosterState, stateOf } from '../../../src/core/roster/index.ts';
import { createRng } from '../../sim/rng.ts';
import { hasher } from '../node.ts';
import { authorAt, Broken, EPOCH_MS, type Op, rootOf, type State, World } from './world.ts';

const AUTHOR = authorAt('node 0');
const AT = EPOCH_MS + 40_000;

/** Collects at once; the roster after it keeps tombstones for a minute. */
const BEFORE = stateOf({ ...initialRoster([AUTHOR]), retentionMs: 0 }, new Set(), hasher);
const PRESENT = stateOf({ ...BEFORE.roster, epoch: 1, previous: BEFORE.hash, retentionMs: 60_000 }, new Set(), hasher);

/** A tombstone that belongs to the cut. One who collects up to the cut has it no more. */
const TOMBSTONE: Op = {
  key: 'k2',
  name: '0.0',
  commit: Uint8Array.of(0),
  index: 0,
  author: AUTHOR,
  hlc: makeHlc(AT - 5_000, 0),
  operation: { kind: 'delete', context: [] },
  epoch: 0,
  holders: new Set(),
};
const NOTHING: State = new Map();
const WITH_TOMBSTONE: State = new Map([['k2', [TOMBSTONE]]]);

/** All these claims have one root: that of the empty state. */
const claimOf = (roster: RosterState, collection: number): FloorClaim => ({
  at: AT,
  root: rootOf(NOTHING),
  roster: roster.hash,
  collection,
  previous: 0,
});

describe('what the checker of floors knows', () => {
  const worldOf = (): World => new World(createRng('world'), 'none', undefined);

  it.each(['before', 'after'])(
    'asks no complete cut for what another roster collected at it %s it was fixed, though both have one root',
    (when) => {
      const world = worldOf();
      const complete = claimOf(PRESENT, EPOCH_MS - 20_000);
      // The writer of the present roster has never seen the tombstone.
      const fixPresent = (): void => world.noteFixed(complete, NOTHING, NOTHING);
      if (when === 'after') fixPresent();
      // A node that knows no newer roster, and has retired by it, had it. It fixes the cut and attests nothing.
      world.noteFixed(claimOf(BEFORE, AT), NOTHING, WITH_TOMBSTONE);
      if (when === 'before') fixPresent();
      expect(() => world.noteComplete(complete, PRESENT)).not.toThrow();
    },
  );

  it('asks a complete cut for what a node made that very cut of', () => {
    const world = worldOf();
    const complete = claimOf(PRESENT, EPOCH_MS - 20_000);
    world.noteFixed(complete, NOTHING, WITH_TOMBSTONE);
    world.noteFixed({ ...complete, previous: AT - 10_000 }, NOTHING, NOTHING);
    expect(() => world.noteComplete(complete, PRESENT)).toThrow('k2 of the complete cut at 40 s is [], and all');
  });

  it('lets a cut be complete in one way only, whatever the root', () => {
    const world = worldOf();
    for (const roster of [BEFORE, PRESENT]) world.noteFixed(claimOf(roster, EPOCH_MS), NOTHING, NOTHING);
    world.noteComplete(claimOf(PRESENT, EPOCH_MS), PRESENT);
    world.noteComplete({ ...claimOf(PRESENT, EPOCH_MS), previous: AT - 10_000 }, PRESENT);
    expect(() => world.noteComplete(claimOf(BEFORE, EPOCH_MS), BEFORE)).toThrow(Broken);
  });
});
