import { expect, test } from 'vitest';
import { decidePath, initialPath, type PathInput, type PathState } from '../../../../src/runtime/peers/failover.ts';
import { causeCode } from '../../../../src/runtime/watch/causes.ts';

const base: PathInput = {
  now: 100_000,
  mode: 'auto',
  graceMs: 3000,
  heardAt: 99_900,
  behindSince: undefined,
  hasUrl: true,
};
const on = (lung: PathState['lung'], more: Partial<PathState> = {}): PathState => ({
  ...initialPath(0),
  lung,
  ...more,
});

test('each cause that fail-over gives has a code of its own [M2]', () => {
  const cases: readonly [PathState, Partial<PathInput>, string][] = [
    [on('none'), {}, 'heard'],
    [on('p2p'), { heardAt: 90_000 }, 'silent'],
    [on('p2p'), { behindSince: 90_000 }, 'behind'],
    [on('none'), { heardAt: undefined }, 'not-heard'],
    [on('p2p'), { mode: 'http' }, 'manual-mode'],
    [on('http'), { mode: 'p2p' }, 'manual-mode'],
    [on('http', { lostAt: 1, coveredSince: 10_000 }), {}, 'stable'],
  ];
  for (const [state, input, code] of cases) {
    const { cause, state: next } = decidePath(state, { ...base, ...input });
    expect(causeCode({ from: state.lung, to: next.lung, cause: cause ?? 'none given' }), cause).toBe(code);
  }
});

test('the lung itself and the mode have codes that no error text or reason gets into [M2]', () => {
  expect(causeCode({ from: 'p2p off', to: 'p2p starting', cause: 'node start' })).toBe('node-start');
  expect(causeCode({ from: 'p2p failed', to: 'p2p starting', cause: 'retry 12' })).toBe('retry');
  expect(causeCode({ from: 'p2p starting', to: 'p2p failed', cause: 'port 9000 is taken' })).toBe('failed');
  expect(causeCode({ from: 'p2p starting', to: 'p2p running', cause: 'started' })).toBe('started');
  expect(causeCode({ from: 'p2p running', to: 'p2p off', cause: 'node stop' })).toBe('node-stop');
  expect(causeCode({ from: 'mode auto', to: 'mode http', cause: 'silent over P2P says an operator' })).toBe('operator');
  expect(causeCode({ from: 'p2p', to: 'http', cause: 'something new' })).toBe('other');
});
