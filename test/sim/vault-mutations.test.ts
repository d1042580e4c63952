import { afterEach, describe, expect, test, vi } from 'vitest';
import { isPlanted, planted } from './planted.ts';
import { isAsked } from './seeds.ts';
import { runVaultSeed } from './vault-scenario.ts';

/*
 * Each run takes many seconds, so these are run by hand: SIM_SEED=1 npx vitest run --project sim
 * test/sim/vault-mutations.test.ts
 */

/** A bug must show within this many seeds. */
const SEEDS = 4;

vi.mock('../../src/core/vault/blocks.ts', async (load) => {
  const real = await load<typeof import('../../src/core/vault/blocks.ts')>();
  return {
    ...real,
    verifyBlock: (...given: Parameters<typeof real.verifyBlock>) =>
      isPlanted('blocks are believed without a look') || real.verifyBlock(...given),
  };
});

vi.mock('../../src/runtime/vault/book.ts', async (load) => {
  const real = await load<typeof import('../../src/runtime/vault/book.ts')>();
  return {
    ...real,
    createBook(deps: Parameters<typeof real.createBook>[0]): ReturnType<typeof real.createBook> {
      const book = real.createBook(deps);
      const { mend } = book;
      book.mend = (hash) => {
        if (!isPlanted('what is damaged stays as it is')) mend(hash);
      };
      return book;
    },
  };
});

async function firstFailure(first: number): Promise<string | undefined> {
  for (let seed = first; seed < first + SEEDS; seed++) {
    const { failures } = await runVaultSeed(seed);
    if (failures.length > 0) return `seed ${seed}: ${failures[0]}`;
  }
  return undefined;
}

afterEach(() => {
  planted.bug = undefined;
});

describe.skipIf(!isAsked)('the simulation of vaults notices planted bugs', () => {
  /** Each with a seed that is known to show it. */
  const bugs: Readonly<Record<string, number>> = {
    'blocks are believed without a look': 1,
    'what is damaged stays as it is': 1,
  };
  for (const [bug, first] of Object.entries(bugs)) {
    test(bug, async () => {
      planted.bug = bug;
      const failure = await firstFailure(first);
      if (process.env.SIM_SUMMARY === '1') process.stdout.write(`${bug}: ${failure}\n`);
      expect(failure).toBeDefined();
    });
  }
});
