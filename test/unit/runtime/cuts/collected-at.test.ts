import { expect, it } from 'vitest';
import type { RosterState } from '../../../../src/core/roster/index.ts';
import { collectedAt, collectedBy } from '../../../../src/runtime/cuts/collected-at.ts';
import type { KnownRoster } from '../../../../src/runtime/fleet/roster.ts';

const GRID_MS = 10_000;

/** A chain of rosters with these retentions, each of which certifies for 100 s. */
function chainOf(...retentions: readonly number[]) {
  const spans = retentions.map((retentionMs, i): KnownRoster => {
    const state = { roster: { retentionMs } } as RosterState;
    const end = i + 1 === retentions.length ? undefined : (i + 1) * 100_000;
    return { state, start: i * 100_000, end, certificate: undefined };
  });
  return { present: spans.at(-1) as KnownRoster, from: () => spans };
}

it('a cut closes by the retention of the roster that certifies it [FL6]', () => {
  const chain = chainOf(20_000, 60_000);
  expect(collectedAt(chain, 100_000, GRID_MS)).toBe(80_000);
  expect(collectedAt(chain, 105_000, GRID_MS)).toBe(40_000);
});

it('what an earlier roster let go need not be named once the retention has grown [R10]', () => {
  const chain = chainOf(20_000, 60_000);
  expect(collectedBy(chain, 95_000, GRID_MS)).toBe(70_000);
  expect(collectedBy(chain, 105_000, GRID_MS)).toBe(80_000);
  expect(collectedBy(chain, 170_000, GRID_MS)).toBe(110_000);
  expect(collectedBy(chainOf(60_000, 20_000), 150_000, GRID_MS)).toBe(130_000);
  expect(collectedBy(chainOf(60_000), 50_000, GRID_MS)).toBe(0);
});
