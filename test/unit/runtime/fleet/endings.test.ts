import { expect, it } from 'vitest';
import { advance, applyChange, type ChangeAction, endOf, forcedRoster } from '../../../../src/core/roster/index.ts';
import type { Author } from '../../../../src/core/types/index.ts';
import { endingsOf } from '../../../../src/runtime/fleet/endings.ts';
import { createRoster, type RosterOwner } from '../../../../src/runtime/fleet/roster.ts';
import { createAuthor, hasher } from '../support.ts';

const [oslo, rome, kyiv, fresh, mirror] = [1, 2, 3, 4, 5].map((id) => createAuthor(id).author) as [
  Author,
  Author,
  Author,
  Author,
  Author,
];
const NOW = 1_800_000_003_000;
const none = () => undefined;

function decide(roster: RosterOwner, action: ChangeAction, nowMs: number, start: number): void {
  const { state } = roster.present;
  const next = advance(state, applyChange(state, action, endOf(action, nowMs)), hasher);
  roster.take({ state: next, start, certificate: new Uint8Array([1]) }, roster.votes);
}
const fleet = (): RosterOwner => createRoster([oslo, rome, kyiv], oslo, hasher);
const howOf = (roster: RosterOwner, author: Author, actionAt: Parameters<typeof endingsOf>[1] = none) =>
  endingsOf(roster.from(0), actionAt).get(author);

it('tells a key that was removed from one that retired in peace, by their ends alone [RO8, RO10, RO19]', () => {
  const roster = fleet();
  decide(roster, { kind: 'remove', author: kyiv }, NOW, NOW - 13_000);
  expect(howOf(roster, kyiv)).toMatchObject({ how: 'removed', epoch: 1, until: NOW - 3_000, gone: false });
  decide(roster, { kind: 'retire', author: rome }, NOW + 100_000, NOW + 87_000);
  expect(howOf(roster, rome)).toMatchObject({ how: 'retired', epoch: 2 });
  expect(howOf(roster, oslo)).toBeUndefined();
});

it('says nothing where nothing had been attested for long, unless the change is still known [RO19]', () => {
  const removal: ChangeAction = { kind: 'remove', author: kyiv };
  const roster = fleet();
  decide(roster, removal, NOW, 0);
  expect(howOf(roster, kyiv)).not.toHaveProperty('how');
  expect(howOf(roster, kyiv, (epoch) => (epoch === 1 ? removal : undefined))).toMatchObject({ how: 'removed' });
  // A change that asks for something else about somebody else says nothing of this one.
  expect(howOf(roster, kyiv, () => ({ kind: 'retire', author: rome }))).not.toHaveProperty('how');
});

it('names the key under which a node goes on, and that a former key was stolen afterwards [RO19]', () => {
  const roster = fleet();
  decide(roster, { kind: 'rotate', author: rome, to: fresh }, NOW, NOW - 13_000);
  expect(howOf(roster, rome)).toMatchObject({ how: 'rotated', to: fresh, epoch: 1 });
  decide(roster, { kind: 'remove', author: rome }, NOW + 10_000, NOW - 3_000);
  expect(howOf(roster, rome)).toMatchObject({ how: 'removed', to: fresh, epoch: 2 });
});

it('keeps how it was of a key that is dropped, and knows mirrors that went [RO19]', () => {
  const roster = fleet();
  decide(roster, { kind: 'add', author: mirror, name: 'lima', role: 'mirror' }, NOW, NOW);
  decide(roster, { kind: 'retire', author: kyiv }, NOW, NOW - 3_000);
  decide(roster, { kind: 'drop', author: kyiv }, NOW, NOW);
  expect(howOf(roster, kyiv)).toMatchObject({ how: 'retired', epoch: 2, until: NOW + 67_000, gone: true });
  const goes: ChangeAction = { kind: 'retire', author: mirror };
  decide(roster, goes, NOW, NOW);
  expect(howOf(roster, mirror)).toEqual({ author: mirror, name: 'lima', epoch: 4, gone: true });
  expect(howOf(roster, mirror, () => goes)).toMatchObject({ how: 'retired' });
});

it('a key that a forced roster left out is no retired one [RO15, RO19]', () => {
  const roster = fleet();
  const { state } = roster.present;
  const forced = forcedRoster(state, [oslo], NOW);
  const leftOut = new Set([rome, kyiv]);
  roster.take(
    { state: { ...advance(state, forced, hasher), leftOut }, start: NOW, certificate: new Uint8Array([1]) },
    roster.votes,
  );
  expect([rome, kyiv].map((author) => howOf(roster, author)?.how)).toEqual(['forced', 'forced']);
});
