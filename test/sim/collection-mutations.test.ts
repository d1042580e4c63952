import { afterEach, describe, expect, test, vi } from 'vitest';
import { bytesToHex } from '../../src/core/types/index.ts';
import { runCollectionSeed } from './collection-scenario.ts';
import { isPlanted, planted } from './planted.ts';
import { isAsked } from './seeds.ts';

/*
 * Each run takes many seconds, so these are run by hand: SIM_SEED=1 npx vitest run --project sim
 * test/sim/collection-mutations.test.ts
 */

/** A bug must show within this many seeds. */
const SEEDS = 4;

vi.mock('../../src/core/replica/late.ts', async (load) => {
  const real = await load<typeof import('../../src/core/replica/late.ts')>();
  return {
    createLateOperations(): ReturnType<typeof real.createLateOperations> {
      const late = real.createLateOperations();
      if (isPlanted('nothing that comes too late is marked')) late.came = () => undefined;
      if (isPlanted('what is below the floor is taken')) Object.defineProperty(late, 'closedHlc', { get: () => 0n });
      return late;
    },
  };
});

vi.mock('../../src/core/floor/collect.ts', async (load) => {
  const real = await load<typeof import('../../src/core/floor/collect.ts')>();
  type Mortals = Parameters<typeof real.deadFrom>[0];
  const bug = 'all that is dead leaves, whatever it hides';
  return {
    ...real,
    deadFrom(siblings: Mortals) {
      if (!isPlanted(bug)) return real.deadFrom(siblings);
      const times = siblings.map((one) => real.deadFrom([one])).filter((ms) => ms !== undefined);
      return times.length === 0 ? undefined : Math.min(...times);
    },
    collect(siblings: Mortals, collection: number) {
      if (!isPlanted(bug)) return real.collect(siblings, collection);
      const left = siblings.filter((one) => !real.isDead(one, collection));
      return left.length === siblings.length ? siblings : left;
    },
  };
});

vi.mock('../../src/runtime/upkeep/refused-below.ts', async (load) => {
  const real = await load<typeof import('../../src/runtime/upkeep/refused-below.ts')>();
  return {
    createRefusedBelow(deps: Parameters<typeof real.createRefusedBelow>[0]) {
      const refused = real.createRefusedBelow(deps);
      return isPlanted('what others refuse stays') ? { ...refused, decided: () => [] } : refused;
    },
  };
});

vi.mock('../../src/runtime/upkeep/collection.ts', async (load) => {
  const real = await load<typeof import('../../src/runtime/upkeep/collection.ts')>();
  return {
    ...real,
    createCollection(deps: Parameters<typeof real.createCollection>[0]): ReturnType<typeof real.createCollection> {
      if (!isPlanted('a node closes what it does not have alike')) return real.createCollection(deps);
      let made: ReturnType<typeof real.createCollection> | undefined;
      const newest: typeof deps.complete.newest = () => {
        const cut = deps.complete.newest();
        if (cut !== undefined) made?.fixed({ at: cut.at, root: bytesToHex(cut.root) });
        return cut;
      };
      return (made = real.createCollection({ ...deps, complete: { newest } }));
    },
  };
});

async function firstFailure(first: number, seeds: number): Promise<string | undefined> {
  for (let seed = first; seed < first + seeds; seed++) {
    const report = await runCollectionSeed(seed);
    if (report.failures.length > 0) return `seed ${seed}: ${report.failures[0]}`;
  }
  return undefined;
}

afterEach(() => {
  planted.bug = undefined;
});

describe.skipIf(!isAsked)('the simulation of collections notices planted bugs', () => {
  /** Each with a seed that is known to show it. */
  const bugs: Readonly<Record<string, number>> = {
    'nothing that comes too late is marked': 501,
    'what is below the floor is taken': 501,
    'all that is dead leaves, whatever it hides': 503,
    'what others refuse stays': 501,
    'a node closes what it does not have alike': 501,
  };
  for (const [bug, first] of Object.entries(bugs)) {
    test(bug, async () => {
      planted.bug = bug;
      const failure = await firstFailure(first, SEEDS);
      if (process.env.SIM_SUMMARY === '1') process.stdout.write(`${bug}: ${failure}\n`);
      expect(failure).toBeDefined();
    });
  }
});
