import { expect, it } from 'vitest';
import { leftBy, leftText, standingIn } from '../../../src/cli/standing.ts';
import { timesOf } from '../../../src/cli/times.ts';
import type { Roster } from '../../../src/client/index.ts';

type Member = Roster['members'][number];

const NOW = 1_800_000_000_000;
const key = (digit: string): string => digit.repeat(64);
const [A, B, C, D] = ['a', 'b', 'c', 'd'].map(key) as [string, string, string, string];
const member = (author: string, more: Partial<Member> = {}): Member => ({
  author,
  peerId: `id-${author[0]}`,
  name: '',
  role: 'writer',
  self: false,
  urls: [],
  multiaddrs: [],
  ...more,
});
const roster = (members: readonly Member[], more: Partial<Roster> = {}): Roster => ({
  epoch: 3,
  hash: '00'.repeat(32),
  certify: 'majority',
  retentionMs: 0,
  members: [...members],
  start: 0,
  warnings: [],
  ...more,
});
const ended = (author: string, until: number, more: Partial<Member> = {}): Member =>
  member(author, { role: 'retired', until, ...more });

it('a key is a member up to its end, has left afterwards, and stays so when it is dropped', () => {
  const now = (members: readonly Member[], more: Partial<Roster> = {}) => standingIn(roster(members, more), A, NOW);
  expect(now([member(A)])).toEqual({ kind: 'member' });
  expect(now([member(A, { role: 'mirror' })])).toEqual({ kind: 'member' });
  expect(now([ended(A, NOW)])).toEqual({ kind: 'member' });
  const left = { kind: 'left', left: { author: A, until: NOW - 1, how: 'removed' } };
  expect(now([ended(A, NOW - 1, { how: 'removed' })])).toEqual(left);
  const gone = { author: A, peerId: 'id-a', name: '', how: 'removed' as const, until: NOW - 1, epoch: 2 };
  expect(now([member(B)], { gone: [gone] })).toEqual(left);
});

it('a key that nobody ever knew is no one who has left, and in epoch 0 the lists of the configuration count', () => {
  expect(standingIn(roster([member(B)]), A, NOW)).toEqual({ kind: 'stranger' });
  expect(standingIn(roster([member(B)], { epoch: 0 }), A, NOW)).toEqual({ kind: 'member' });
});

it('a key that has turned, however often, is the node of the present one, which may have left in its turn', () => {
  const chain = [ended(A, 1, { how: 'rotated', to: B }), ended(B, 2, { how: 'rotated', to: C })];
  expect(standingIn(roster([...chain, member(C)]), A, NOW)).toEqual({ kind: 'turned', to: C });
  expect(standingIn(roster([...chain, ended(C, 5, { how: 'retired' })]), A, NOW)).toMatchObject({
    kind: 'left',
    left: { author: C, until: 5, how: 'retired' },
  });
  // No honest node tells such a circle, and no other one makes this wait for ever.
  const circle = [ended(A, 1, { to: B }), ended(B, 1, { to: A })];
  expect(standingIn(roster(circle), A, NOW).kind).toBe('left');
});

it('who has left is decided by more than half of the others, so that one that lies or is behind hides nobody', () => {
  const says = (author: string, isLeft: boolean) => ({
    author,
    roster: roster(isLeft ? [ended(A, 1)] : [member(A)]),
  });
  expect(leftBy([], A, NOW)).toBeUndefined();
  expect(leftBy([says(B, true)], A, NOW)).toMatchObject({ until: 1 });
  expect(leftBy([says(B, true), says(C, false)], A, NOW)).toBeUndefined();
  expect(leftBy([says(B, true), says(C, false), says(D, true)], A, NOW)).toMatchObject({ until: 1 });
  // What it says of itself counts neither way.
  expect(leftBy([says(A, false), says(B, true)], A, NOW)).toMatchObject({ until: 1 });
  expect(leftBy([says(A, true)], A, NOW)).toBeUndefined();
});

it('says how it left', () => {
  const times = timesOf({ utc: true });
  expect(leftText({ author: A, until: NOW, how: 'retired' }, times)).toBe('left the fleet on 2027-01-15 08:00:00Z');
  expect(leftText({ author: A, until: NOW, how: 'removed' }, times)).toMatch(/^was removed from the fleet on 2027/);
  expect(leftText({ author: A, until: NOW, how: 'forced' }, times)).toMatch(/^was left out of the fleet by force on/);
  expect(leftText({ author: A }, times)).toBe('left the fleet');
});
