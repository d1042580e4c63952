import { expect, it } from 'vitest';
import { applyChange, type ChangeAction, NO_VOTES, stateOf } from '../../../../src/core/roster/index.ts';
import { bytesToHex } from '../../../../src/core/types/index.ts';
import { trustHash } from '../../../../src/core/wire/index.ts';
import { createRoster, type DecidedRoster, type RosterOwner } from '../../../../src/runtime/fleet/roster.ts';
import { createAuthor, hasher } from '../support.ts';

const [self, a, b] = [1, 2, 3].map((id) => createAuthor(id).author) as [never, never, never];
const sorted = (...authors: readonly string[]): readonly string[] => [...authors].sort();

/** What a change decides, as if a certificate had. */
function decided(roster: RosterOwner, action: ChangeAction, start: number, untilMs = 0): DecidedRoster {
  const { state } = roster.present;
  return {
    state: stateOf(applyChange(state, action, untilMs), state.departed, hasher),
    start,
    certificate: new Uint8Array([start]),
  };
}

it('an empty list means the own key [N3]', () => {
  const roster = createRoster([], self, hasher);
  expect(roster.authors).toEqual([self]);
  expect([roster.has(self), roster.has(a)]).toEqual([true, false]);
  expect(roster.hash).toEqual(trustHash([self], hasher));
});

it('a list is what it says: the own key is on it or not [N3]', () => {
  const roster = createRoster([a, b], self, hasher);
  expect(roster.authors).toEqual(sorted(a, b));
  expect([roster.has(self), roster.has(a), roster.has(b)]).toEqual([false, true, true]);
});

it('order and repetition change nothing of what peers compare [E3]', () => {
  const roster = createRoster([a, b, a], self, hasher);
  expect(roster.authors).toEqual(sorted(a, b));
  expect(roster.hash).toHaveLength(32);
  expect(roster.hash).toEqual(createRoster([b, a], self, hasher).hash);
  expect(roster.hash).not.toEqual(createRoster([a], self, hasher).hash);
});

it('another list acts for whoever holds it, and says who came and who went [N18]', () => {
  const roster = createRoster([self, a], self, hasher);
  const { has, counts } = roster;
  const told: unknown[] = [];
  const end = roster.onChange(({ state }) => told.push(bytesToHex(state.hash)));
  expect(roster.replace([b, self])).toEqual({ added: [b], removed: [a], differs: false });
  expect([has(self), has(a), has(b)]).toEqual([true, false, true]);
  expect([counts(a, 1), counts(b, 1)]).toEqual([false, true]);
  expect(roster.hash).toEqual(trustHash([self, b], hasher));
  expect(told).toEqual([bytesToHex(roster.hash)]);
  end();
  expect(roster.replace([])).toEqual({ added: [], removed: [b], differs: false });
  expect(roster.authors).toEqual([self]);
  expect(told).toHaveLength(1);
});

it('votes belong to the list in whose decision they were given, also when it is put back [RO4]', () => {
  const roster = createRoster([self, a], self, hasher);
  const votes = { ...NO_VOTES, promised: { counter: 3, author: self } };
  roster.vote(votes);
  roster.replace([self, b]);
  expect(roster.votes).toEqual(NO_VOTES);
  roster.replace([a, self]);
  expect(roster.votes).toEqual(votes);
});

it('decided rosters follow one another; each one knows where it begins and ends [RO1, RO5]', () => {
  const roster = createRoster([self, a], self, hasher);
  const first = roster.hash;
  roster.vote({ ...NO_VOTES, promised: { counter: 1, author: self } });
  roster.take(decided(roster, { kind: 'add', author: b, name: 'b', role: 'mirror' }, 7), NO_VOTES);
  expect(roster.present.state.roster.epoch).toBe(1);
  expect(roster.authors).toEqual(sorted(self, a, b));
  expect(roster.writers).toEqual(sorted(self, a));
  expect([roster.counts(b, 1), roster.isWriter(b), roster.has(b)]).toEqual([false, false, true]);
  expect(roster.votes).toEqual(NO_VOTES);
  roster.take(decided(roster, { kind: 'retire', author: a }, 9, 1_000), NO_VOTES);
  expect([roster.counts(a, 1_000), roster.counts(a, 1_001)]).toEqual([true, false]);
  expect(roster.from(0).map(({ start, end }) => [start, end])).toEqual([
    [0, 7],
    [7, 9],
    [9, undefined],
  ]);
  expect(roster.withHash(first)).toBe(roster.from(0)[0]);
  const skipped = decided(roster, { kind: 'promote', author: b }, 11);
  const twice = { ...skipped, state: { ...skipped.state, roster: { ...skipped.state.roster, epoch: 4 } } };
  expect(() => roster.take(twice, NO_VOTES)).toThrow(RangeError);
});

it('a decided roster beats the configured list, which is told when it names others [RO2]', () => {
  const roster = createRoster([self, a], self, hasher);
  const one = decided(roster, { kind: 'add', author: b, name: '', role: 'writer' }, 7);
  const again = createRoster([b], self, hasher, { first: [self, a], decided: [one], votes: new Map() });
  expect(again.authors).toEqual(sorted(self, a, b));
  expect(again.replace([b])).toEqual({ added: [], removed: [], differs: true });
  expect(again.replace([b, a, self]).differs).toBe(false);
  expect(again.authors).toEqual(sorted(self, a, b));
});
