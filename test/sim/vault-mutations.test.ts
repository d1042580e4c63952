import { afterEach, describe, expect, test, vi } from 'vitest';
import type { VaultStore } from '../../src/ports/index.ts';
import { isPlanted, planted } from './planted.ts';
import { runVaultSeed } from './vault-scenario.ts';

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

vi.mock('../../src/runtime/vault/put.ts', async (load) => {
  const real = await load<typeof import('../../src/runtime/vault/put.ts')>();
  return {
    ...real,
    createPut(deps: Parameters<typeof real.createPut>[0]): ReturnType<typeof real.createPut> {
      if (!isPlanted('an entry is written and its bytes are not kept')) return real.createPut(deps);
      const begin: VaultStore['begin'] = async () => ({ ...(await deps.store.begin()), commit: async () => undefined });
      return real.createPut({ ...deps, store: { ...deps.store, begin } });
    },
  };
});

vi.mock('../../src/runtime/vault/book.ts', async (load) => {
  const real = await load<typeof import('../../src/runtime/vault/book.ts')>();
  return {
    ...real,
    createBook(deps: Parameters<typeof real.createBook>[0]): ReturnType<typeof real.createBook> {
      const rested = new Set<string>();
      const missing = function* (): Generator<string> {
        for (const hash of deps.inventory.missing()) if (!rested.has(hash)) yield hash;
      };
      const book = real.createBook(
        isPlanted('what nobody had is not looked for again') ? { ...deps, inventory: { missing } } : deps,
      );
      return Object.create(book, {
        rest: {
          value(...given: Parameters<typeof book.rest>) {
            rested.add(given[0].hash);
            book.rest(...given);
          },
        },
        mend: {
          value(hash: string) {
            if (!isPlanted('what is damaged stays as it is')) book.mend(hash);
          },
        },
      }) as typeof book;
    },
  };
});

vi.mock('../../src/runtime/vault/inventory.ts', async (load) => {
  const real = await load<typeof import('../../src/runtime/vault/inventory.ts')>();
  return {
    ...real,
    createInventory(...given: Parameters<typeof real.createInventory>): ReturnType<typeof real.createInventory> {
      const inventory = real.createInventory(...given);
      return {
        ...inventory,
        setNamed(hash, object) {
          const before = inventory.named(hash);
          const isLatePin = before !== undefined && object !== undefined;
          if (!(isLatePin && isPlanted('a later pin is not seen'))) inventory.setNamed(hash, object);
        },
      };
    },
  };
});

vi.mock('../../src/runtime/vault/settle.ts', async (load) => {
  const real = await load<typeof import('../../src/runtime/vault/settle.ts')>();
  return {
    createSettling(deps: Parameters<typeof real.createSettling>[0]): ReturnType<typeof real.createSettling> {
      const settling = real.createSettling(deps);
      const isIdle = isPlanted('nobody settles what two have put');
      return isIdle ? { ...settling, applied: () => undefined } : settling;
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

describe('the simulation of vaults notices planted bugs', () => {
  /** Each with a seed that is known to show it. */
  const bugs: Readonly<Record<string, number>> = {
    'blocks are believed without a look': 1,
    'an entry is written and its bytes are not kept': 1,
    'what nobody had is not looked for again': 1,
    'what is damaged stays as it is': 1,
    'a later pin is not seen': 1,
    'nobody settles what two have put': 1,
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
