import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Entry, Sibling } from '../../src/core/types/index.ts';
import type { Sabotage } from './face.ts';
import { isPlanted, planted } from './planted.ts';
import { runSeed } from './scenario.ts';

/** A bug must show within this many seeds; most do in the first. */
const SEEDS = 24;
/** Those that do not show in the first seed begin at one that is known to show them. */
const FIRST_SEEDS: Readonly<Record<string, number>> = {
  'a context forgets what its siblings had seen': 2,
  'commits from the future are taken': 2,
  // Winners and losers of a key mostly travel together.
  'the root covers winners only': 23,
  'a crash tears a batch': 7,
};
/** Seeds that must pass when nothing is planted. */
const CONTROL_SEEDS = 1;

vi.mock('../../src/core/state/register.ts', async (load) => {
  const real = await load<typeof import('../../src/core/state/register.ts')>();
  return {
    ...real,
    mergeSibling(entry: Entry | undefined, sibling: Sibling): ReturnType<typeof real.mergeSibling> {
      if (
        isPlanted('a tombstone is dropped on receipt') &&
        sibling.operation.kind === 'delete' &&
        entry !== undefined
      ) {
        return { entry, outcome: 'superseded' };
      }
      if (isPlanted('the last to arrive wins') && entry !== undefined) {
        const merged = real.mergeSibling(entry, sibling);
        if (merged.outcome !== 'added') return merged;
        return { entry: { key: entry.key, siblings: [sibling] }, outcome: 'added' };
      }
      const merged = real.mergeSibling(entry, sibling);
      if (isPlanted('only the winner is kept'))
        return { ...merged, entry: { ...merged.entry, siblings: merged.entry.siblings.slice(0, 1) } };
      if (isPlanted('siblings stand in order of arrival') && merged.outcome === 'added') {
        return {
          ...merged,
          entry: {
            ...merged.entry,
            siblings: [...merged.entry.siblings].sort((a, b) => Number(a === sibling) - Number(b === sibling)),
          },
        };
      }
      return merged;
    },
    contextOf(
      entry: Entry | undefined,
      self: Parameters<typeof real.contextOf>[1],
      isTrusted: Parameters<typeof real.contextOf>[2],
    ): ReturnType<typeof real.contextOf> {
      const context = real.contextOf(entry, self, isTrusted);
      // What was covered by a replaced operation is forgotten: old siblings come back to life.
      if (isPlanted('a context forgets what its siblings had seen')) {
        return context.filter((dot) => entry?.siblings.some((s) => s.author === dot.author));
      }
      if (isPlanted('a context claims what was never seen'))
        return context.map((dot) => ({ ...dot, hlc: (dot.hlc + (20_000n << 16n)) as typeof dot.hlc }));
      return context;
    },
  };
});

vi.mock('../../src/core/clock/hlc-clock.ts', async (load) => {
  const real = await load<typeof import('../../src/core/clock/hlc-clock.ts')>();
  return {
    ...real,
    tick(state: Parameters<typeof real.tick>[0], now: number): ReturnType<typeof real.tick> {
      if (!isPlanted('the clock is the wall clock')) return real.tick(state, now);
      const hlc = real.makeHlc(now, 0);
      return { ok: true, hlc, state: { last: hlc } };
    },
    isFuture: (hlc: Parameters<typeof real.isFuture>[0], now: number) =>
      !isPlanted('commits from the future are taken') && real.isFuture(hlc, now),
  };
});

vi.mock('../../src/core/merkle/leaf.ts', async (load) => {
  const real = await load<typeof import('../../src/core/merkle/leaf.ts')>();
  return {
    ...real,
    leafHash: (...[keyHash, siblings, hasher]: Parameters<typeof real.leafHash>) =>
      real.leafHash(keyHash, isPlanted('the root covers winners only') ? siblings.slice(0, 1) : siblings, hasher),
  };
});

vi.mock('../../src/runtime/repair/repairs.ts', async (load) => {
  const real = await load<typeof import('../../src/runtime/repair/repairs.ts')>();
  return {
    ...real,
    createRepairs(deps: Parameters<typeof real.createRepairs>[0]): ReturnType<typeof real.createRepairs> {
      const repairs = real.createRepairs(deps);
      return isPlanted('repair never runs')
        ? { ...repairs, consider: () => undefined, all: () => Promise.resolve() }
        : repairs;
    },
  };
});

vi.mock('../../src/core/wire/siblings.ts', async (load) => {
  const real = await load<typeof import('../../src/core/wire/siblings.ts')>();
  return {
    ...real,
    siblingsToFragments(
      ...[siblings, hasher]: Parameters<typeof real.siblingsToFragments>
    ): ReturnType<typeof real.siblingsToFragments> {
      const sent = isPlanted('repair sends no tombstones')
        ? siblings.filter((s) => s.operation.kind === 'put')
        : siblings;
      return real.siblingsToFragments(sent, hasher);
    },
  };
});

async function firstFailure(sabotage: Sabotage, from = 1, seeds = SEEDS): Promise<string | undefined> {
  for (let seed = from; seed < from + seeds; seed++) {
    const report = await runSeed(seed, { sabotage });
    if (report.failures.length > 0) return `seed ${seed}: ${report.failures[0]}`;
  }
  return undefined;
}

afterEach(() => {
  planted.bug = undefined;
});

describe('the simulation notices planted bugs', () => {
  const bugs = [
    'a tombstone is dropped on receipt',
    'the last to arrive wins',
    'only the winner is kept',
    'siblings stand in order of arrival',
    'a context forgets what its siblings had seen',
    'a context claims what was never seen',
    'the clock is the wall clock',
    'commits from the future are taken',
    'the root covers winners only',
    'repair never runs',
    'repair sends no tombstones',
  ];
  for (const bug of bugs) {
    test(bug, async () => {
      planted.bug = bug;
      const failure = await firstFailure({}, FIRST_SEEDS[bug]);
      if (process.env.SIM_SUMMARY === '1') process.stdout.write(`${bug}: ${failure}\n`);
      expect(failure).toBeDefined();
    });
  }

  const sabotages: Readonly<Record<string, Sabotage>> = {
    'writes are acknowledged before they are durable': { earlyDurability: true },
    'signatures are not checked': { blindVerifier: true },
    'a crash tears a batch': { tornBatches: true },
  };
  for (const [name, sabotage] of Object.entries(sabotages)) {
    test(name, async () => {
      const failure = await firstFailure(sabotage, FIRST_SEEDS[name]);
      if (process.env.SIM_SUMMARY === '1') process.stdout.write(`${name}: ${failure}\n`);
      expect(failure).toBeDefined();
    });
  }

  test('without any, the same seeds pass', async () => {
    expect(await firstFailure({}, 1, CONTROL_SEEDS)).toBeUndefined();
  });
});
