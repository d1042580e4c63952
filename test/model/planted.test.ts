import { afterEach, describe, expect, it, test, vi } from 'vitest';
import type { Context, Entry, Sibling } from '../../src/core/types/index.ts';
import type { Applied } from '../../src/runtime/commit/applied.ts';
import { isPlanted, planted } from '../sim/planted.ts';
import { firstFailure } from './case.ts';

/** A bug must show within this many cases; most do within a few dozen. */
const CASES = 2_000;

vi.mock('../../src/core/state/register.ts', async (load) => {
  const real = await load<typeof import('../../src/core/state/register.ts')>();
  return {
    ...real,
    mergeSibling(entry: Entry | undefined, sibling: Sibling): ReturnType<typeof real.mergeSibling> {
      if (isPlanted('contexts of one author grow at the merge')) return mergeGrowing(real, entry, sibling);
      const merged = real.mergeSibling(entry, sibling);
      if (isPlanted('only the winner is kept'))
        return { ...merged, entry: { ...merged.entry, siblings: merged.entry.siblings.slice(0, 1) } };
      if (isPlanted('the last to arrive wins') && merged.outcome === 'added')
        return { entry: { key: merged.entry.key, siblings: [sibling] }, outcome: 'added' };
      if (
        isPlanted('of two commits with one time the first to arrive stands') &&
        entry?.siblings.some(({ author, hlc }) => author === sibling.author && hlc === sibling.hlc) === true
      )
        return { entry, outcome: 'superseded' };
      return merged;
    },
    contextOf(...args: Parameters<typeof real.contextOf>): ReturnType<typeof real.contextOf> {
      const context = real.contextOf(...args);
      if (!isPlanted('a context forgets what its siblings had seen')) return context;
      return context.filter((dot) => args[0]?.siblings.some(({ author }) => author === dot.author));
    },
  };
});

vi.mock('../../src/core/replica/forgotten.ts', async (load) => {
  const real = await load<typeof import('../../src/core/replica/forgotten.ts')>();
  return {
    ...real,
    createForgotten(...args: Parameters<typeof real.createForgotten>): ReturnType<typeof real.createForgotten> {
      const forgotten = real.createForgotten(...args);
      return { ...forgotten, of: (key) => (isPlanted('what was forgotten is not named') ? [] : forgotten.of(key)) };
    },
  };
});

vi.mock('../../src/core/replica/own-history.ts', async (load) => {
  const real = await load<typeof import('../../src/core/replica/own-history.ts')>();
  return {
    ...real,
    createOwnHistory(...args: Parameters<typeof real.createOwnHistory>): ReturnType<typeof real.createOwnHistory> {
      const history = real.createOwnHistory(...args);
      return {
        ...history,
        judge(hlc, id) {
          const ownership = history.judge(hlc, id);
          if (isPlanted('an own commit that is not held is a clone’s')) return 'unmade';
          return isPlanted('old news is applied') ? 'before' : ownership;
        },
      };
    },
  };
});

vi.mock('../../src/core/state/evidence.ts', async (load) => {
  const real = await load<typeof import('../../src/core/state/evidence.ts')>();
  return {
    ...real,
    contradictionOf(...args: Parameters<typeof real.contradictionOf>): ReturnType<typeof real.contradictionOf> {
      const [a, b, isTrusted] = args;
      if (!isPlanted('an author is accused of what another forgot')) return real.contradictionOf(a, b, isTrusted);
      const [earlier, later] = a.hlc < b.hlc ? [a, b] : [b, a];
      const forgets = earlier.operation.context.some(
        ({ author, hlc }) => !later.operation.context.some((dot) => dot.author === author && dot.hlc >= hlc),
      );
      return forgets ? 'forgotten' : undefined;
    },
  };
});

vi.mock('../../src/runtime/commit/covering.ts', async (load) => {
  const real = await load<typeof import('../../src/runtime/commit/covering.ts')>();
  return {
    ...real,
    createCovering(...args: Parameters<typeof real.createCovering>): ReturnType<typeof real.createCovering> {
      const covering = real.createCovering(...args);
      return { ...covering, take: () => (isPlanted('what a peer shows is not covered') ? [] : covering.take()) };
    },
  };
});

vi.mock('../../src/runtime/cuts/cut-steps.ts', async (load) => {
  const real = await load<typeof import('../../src/runtime/cuts/cut-steps.ts')>();
  return {
    ...real,
    appliedToStep(applied: Applied): ReturnType<typeof real.appliedToStep> {
      const { operations, changed } = real.appliedToStep(applied);
      if (!isPlanted('the trailing tree takes what a key was for what it is')) return { operations, changed };
      return { operations, changed: [...changed].map((one) => ({ ...one, after: one.before })) };
    },
  };
});

vi.mock('../../src/core/snapshot/index.ts', async (load) => {
  const real = await load<typeof import('../../src/core/snapshot/index.ts')>();
  return {
    ...real,
    createChunkCheck(deps: Parameters<typeof real.createChunkCheck>[0]): ReturnType<typeof real.createChunkCheck> {
      const check = real.createChunkCheck(deps);
      return {
        add: check.add,
        finish() {
          const { entries, left } = check.finish();
          if (isPlanted('a source is blamed for authors that left the trust list') && left > 0)
            throw new Error('the snapshot holds a commit of an untrusted author');
          return { entries, left };
        },
      };
    },
  };
});

/** The contexts that count for an operation: its own, and those of its author's earlier ones that were here. */
const grown = new WeakMap<Sibling, readonly Context[]>();

/**
 * The merge of a register in which the contexts of one author grow. A node that has the earlier commit too goes by both
 * contexts; a node that has the later one alone cannot.
 */
function mergeGrowing(
  real: typeof import('../../src/core/state/register.ts'),
  entry: Entry | undefined,
  sibling: Sibling,
): ReturnType<typeof real.mergeSibling> {
  const contextsOf = (one: Sibling): readonly Context[] => grown.get(one) ?? [one.operation.context];
  const covers = (contexts: readonly Context[], { author, hlc }: Sibling): boolean =>
    contexts.some((context) => real.covers(context, author, hlc));
  const mine = entry?.siblings.find(({ author }) => author === sibling.author);
  const contexts = [sibling, ...(mine === undefined ? [] : [mine])].flatMap(contextsOf);
  if (entry?.siblings.some((one) => one !== mine && covers(contextsOf(one), sibling)) === true)
    return { entry, outcome: 'superseded' };
  const kept = entry?.siblings.filter((one) => one === mine || !covers(contexts, one)) ?? [];
  const merged = real.mergeSibling(
    kept.length === 0 ? undefined : { key: sibling.operation.key, siblings: kept },
    sibling,
  );
  const stands = merged.entry.siblings.find(({ author }) => author === sibling.author);
  if (stands !== undefined) grown.set(stands, contexts);
  return merged;
}

afterEach(() => {
  planted.bug = undefined;
});

describe('a planted bug is found, and shrunk to a case that replays', () => {
  test.each([
    'only the winner is kept',
    'the last to arrive wins',
    'of two commits with one time the first to arrive stands',
    'a context forgets what its siblings had seen',
    'what was forgotten is not named',
    'an own commit that is not held is a clone’s',
    'old news is applied',
    'what a peer shows is not covered',
    'the trailing tree takes what a key was for what it is',
    'a source is blamed for authors that left the trust list',
    'an author is accused of what another forgot',
  ])('%s', { timeout: 600_000 }, (bug) => {
    planted.bug = bug;
    expect(firstFailure('planted', CASES)).toMatch(/replay: npm run model -- --replay/);
  });
});

it('contexts of one author that grew at the merge would leave nodes with different states for good [R3]', () => {
  planted.bug = 'contexts of one author grow at the merge';
  expect(firstFailure('planted', CASES)).toMatch(/the live roots differ/);
});
