import { afterEach, describe, expect, test, vi } from 'vitest';
import { runClockSeed } from './clock-scenario.ts';
import { isPlanted, planted } from './planted.ts';

/** A bug must show within this many seeds. */
const SEEDS = 24;
/** Seeds that must pass when nothing is planted; clocks.test.ts runs more of them. */
const CONTROL_SEEDS = 1;

vi.mock('../../src/core/clock/middle.ts', async (load) => {
  const real = await load<typeof import('../../src/core/clock/middle.ts')>();
  return {
    middleClock: (own: number, others: readonly number[]) =>
      isPlanted('the own clock is not counted')
        ? (others[others.length >> 1] ?? own)
        : isPlanted('of two clocks the later one is right')
          ? -real.middleClock(-own, others.map((ms) => -ms).reverse())
          : real.middleClock(own, others),
  };
});

vi.mock('../../src/core/clock/hlc-clock.ts', async (load) => {
  const real = await load<typeof import('../../src/core/clock/hlc-clock.ts')>();
  return {
    ...real,
    isFuture: (hlc: Parameters<typeof real.isFuture>[0], now: number) =>
      real.isFuture(hlc, now + (isPlanted('commits up to a minute ahead are taken in') ? 40_000 : 0)),
  };
});

vi.mock('../../src/core/rows/attested.ts', async (load) => {
  const real = await load<typeof import('../../src/core/rows/attested.ts')>();
  return {
    ...real,
    decodeAttested: (bytes: Uint8Array) =>
      isPlanted('a start forgets what was attested') && new Error().stack?.includes('startup') === true
        ? 0
        : real.decodeAttested(bytes),
  };
});

vi.mock('../../src/runtime/cuts/attested.ts', async (load) => {
  const real = await load<typeof import('../../src/runtime/cuts/attested.ts')>();
  return {
    createAttestedMark: (deps: Parameters<typeof real.createAttestedMark>[0]) =>
      real.createAttestedMark(
        isPlanted('attesting leaves the own clock where it is')
          ? { ...deps, replica: { observeTime: () => undefined } }
          : deps,
      ),
  };
});

vi.mock('../../src/core/floor/own-cuts.ts', async (load) => {
  const real = await load<typeof import('../../src/core/floor/own-cuts.ts')>();
  return {
    ...real,
    // What others attested moves the clock on as well, so that alone would hide what is planted.
    heardCut: (...args: Parameters<typeof real.heardCut>) =>
      isPlanted('attesting leaves the own clock where it is') ? undefined : real.heardCut(...args),
  };
});

vi.mock('../../src/runtime/commit/clock-watch.ts', async (load) => {
  const real = await load<typeof import('../../src/runtime/commit/clock-watch.ts')>();
  return {
    createClockWatch(deps: Parameters<typeof real.createClockWatch>[0]): ReturnType<typeof real.createClockWatch> {
      if (isPlanted('writes open before clocks are compared')) {
        const watch = real.createClockWatch({ ...deps, expectsOthers: () => false });
        return { ...watch, now: () => deps.clock.now() };
      }
      if (isPlanted('a wrong clock goes on writing'))
        return real.createClockWatch({
          ...deps,
          set: (code, text) => deps.set(code, code === 'clock-skew' ? undefined : text),
        });
      if (isPlanted('a wrong clock goes on attesting')) return { ...real.createClockWatch(deps), isGood: () => true };
      if (isPlanted('a jump keeps writes back for a minute')) return withLongJumps(deps, real.createClockWatch);
      return real.createClockWatch(deps);
    },
  };
});

/** Clears the reason of a jump a minute and a half late. */
function withLongJumps(
  deps: Parameters<typeof import('../../src/runtime/commit/clock-watch.ts').createClockWatch>[0],
  create: typeof import('../../src/runtime/commit/clock-watch.ts').createClockWatch,
): ReturnType<typeof create> {
  let hasJumped = false;
  return create({
    ...deps,
    set(code, text) {
      hasJumped ||= code === 'clock-jump' && text !== undefined;
      if (hasJumped && code === 'clock-jump' && text === undefined)
        deps.clock.after(90_000, () => deps.set(code, undefined));
      else deps.set(code, text);
    },
  });
}

async function firstFailure(first: number, seeds: number): Promise<string | undefined> {
  for (let seed = first; seed < first + seeds; seed++) {
    const report = await runClockSeed(seed);
    if (report.failures.length > 0) return `seed ${seed}: ${report.failures[0]}`;
  }
  return undefined;
}

afterEach(() => {
  planted.bug = undefined;
});

describe('the simulation of clocks notices planted bugs', () => {
  /** Each with a seed that is known to show it, because most kinds of wrong clocks show few of them. */
  const bugs: Readonly<Record<string, number>> = {
    'the own clock is not counted': 20,
    'of two clocks the later one is right': 9,
    'commits up to a minute ahead are taken in': 2,
    'a start forgets what was attested': 11,
    'attesting leaves the own clock where it is': 5,
    'writes open before clocks are compared': 1,
    'a wrong clock goes on writing': 1,
    'a wrong clock goes on attesting': 1,
    'a jump keeps writes back for a minute': 1,
  };
  for (const [bug, first] of Object.entries(bugs)) {
    test(bug, async () => {
      planted.bug = bug;
      const failure = await firstFailure(first, SEEDS);
      if (process.env.SIM_SUMMARY === '1') process.stdout.write(`${bug}: ${failure}\n`);
      expect(failure).toBeDefined();
    });
  }

  test('without any, the same seeds pass', async () => {
    expect(await firstFailure(1, CONTROL_SEEDS)).toBeUndefined();
  });
});
