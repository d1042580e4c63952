import { afterEach, describe, expect, test, vi } from 'vitest';
import { bytesToHex } from '../../src/core/types/index.ts';
import { runCollectionSeed } from './collection-scenario.ts';
import { isPlanted, planted } from './planted.ts';

/** A bug must show within this many seeds. */
const SEEDS = 12;

vi.mock('../../src/core/replica/late.ts', async (load) => {
  const real = await load<typeof import('../../src/core/replica/late.ts')>();
  return {
    createLateOperations(): ReturnType<typeof real.createLateOperations> {
      const late = real.createLateOperations();
      if (isPlanted('nothing that comes too late is marked')) late.came = () => undefined;
      if (isPlanted('what is below the floor is taken')) {
        const { setFloors } = late;
        Object.defineProperty(late, 'closedHlc', { get: () => 0n });
        late.setFloors = (floors) => setFloors(floors);
      }
      return late;
    },
  };
});

vi.mock('../../src/core/floor/collect.ts', async (load) => {
  const real = await load<typeof import('../../src/core/floor/collect.ts')>();
  return {
    ...real,
    collect: (...[siblings, collection]: Parameters<typeof real.collect>) =>
      isPlanted('all that is dead leaves, whatever it hides')
        ? siblings.filter((one) => !real.isDead(one, collection))
        : real.collect(siblings, collection),
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
      if (isPlanted('a floor is collected that is not complete')) {
        // The newest cut of the node's own is taken for what all agree on.
        let own: { readonly at: number; readonly root: string } | undefined;
        const newest: typeof deps.complete.newest = () => {
          const cut = deps.complete.newest();
          return cut === undefined || own === undefined || own.at < cut.at
            ? cut
            : { ...cut, at: own.at, root: Uint8Array.from(Buffer.from(own.root, 'hex')) };
        };
        const made = real.createCollection({ ...deps, complete: { newest } });
        return { ...made, fixed: (cut) => made.fixed((own = cut)) };
      }
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

describe('the simulation of collections notices planted bugs', () => {
  /** Each with a seed that is known to show it. */
  const bugs: Readonly<Record<string, number>> = {
    'nothing that comes too late is marked': 1,
    'what is below the floor is taken': 1,
    'all that is dead leaves, whatever it hides': 1,
    'what others refuse stays': 1,
    'a floor is collected that is not complete': 1,
    'a node closes what it does not have alike': 1,
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
