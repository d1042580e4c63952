import { describe, expect, it } from 'vitest';
import { nodeHasher } from '../../../../src/adapters/system/hasher.ts';
import {
  advance,
  applyChange,
  type Change,
  type ChangeAction,
  certifiersOf,
  counts,
  decidersOf,
  decodeChange,
  decodeRoster,
  encodeChange,
  encodeRoster,
  initialRoster,
  MAX_MEMBERS,
  memberOf,
  type Roster,
  type RosterState,
  rosterHash,
  stateOf,
  writersOf,
} from '../../../../src/core/roster/index.ts';
import { type Author, LatticeError } from '../../../../src/core/types/index.ts';
import { trustHash } from '../../../../src/core/wire/index.ts';

const hasher = nodeHasher();
const author = (i: number): Author => i.toString(16).padStart(64, '0') as Author;
const three = stateOf(initialRoster([3, 1, 2].map(author)), new Set(), hasher);
const UNTIL = 1_700_000_060_000;

/** The state after one change of the roster, as if it were decided. */
const after = (state: RosterState, action: ChangeAction): RosterState =>
  advance(state, applyChange(state, action, UNTIL), hasher);
const refusalOf = (state: RosterState, action: ChangeAction): string => {
  try {
    applyChange(state, action, UNTIL);
  } catch (error) {
    if (error instanceof LatticeError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'taken';
};

describe('a roster', () => {
  it('of epoch 0 is the trust list: all writers, in order, with its hash', () => {
    expect(three.roster.members.map((m) => [m.author, m.role])).toEqual([1, 2, 3].map((i) => [author(i), 'writer']));
    expect(three.hash).toEqual(trustHash([1, 2, 3].map(author), hasher));
    expect(decodeRoster(encodeRoster(three.roster))).toEqual(three.roster);
  });

  it('of a later epoch has the hash of its bytes, which names every field', () => {
    const { roster } = after(three, { kind: 'add', author: author(4), name: 'oslo', role: 'mirror' });
    const hash = rosterHash(roster, hasher);
    expect(hash).toEqual(hasher.hash(encodeRoster(roster)));
    const others: readonly Roster[] = [
      { ...roster, epoch: 2 },
      { ...roster, previous: new Uint8Array(32).fill(1) },
      { ...roster, certify: 'two-thirds' },
      { ...roster, retentionMs: 1 },
      { ...roster, members: roster.members.slice(1) },
    ];
    for (const other of others) expect(rosterHash(other, hasher)).not.toEqual(hash);
  });

  it('is refused without a writer, out of order, with a repetition, too many members or an end of a writer', () => {
    const bad: readonly Roster['members'][] = [
      [],
      [{ author: author(1), name: '', role: 'mirror', until: 0 }],
      [...three.roster.members].reverse(),
      [...three.roster.members, ...three.roster.members.slice(-1)],
      three.roster.members.map((m) => ({ ...m, until: 5 })),
      three.roster.members.map((m) => ({ ...m, name: 'x'.repeat(65) })),
      Array.from({ length: MAX_MEMBERS + 1 }, (_, i) => ({
        author: author(i + 1),
        name: '',
        role: 'writer' as const,
        until: 0,
      })),
    ];
    for (const members of bad) expect(() => encodeRoster({ ...three.roster, members })).toThrow(RangeError);
  });

  it('is decided by a majority of its writers, and certifies cuts by its rule', () => {
    const sizes = [1, 2, 3, 4, 5, 6, 7];
    const rosters = sizes.map((n) => initialRoster(Array.from({ length: n }, (_, i) => author(i))));
    expect(rosters.map(decidersOf)).toEqual([1, 2, 2, 3, 3, 4, 4]);
    expect(rosters.map(certifiersOf)).toEqual([1, 2, 2, 3, 3, 4, 4]);
    expect(rosters.map((r) => certifiersOf({ ...r, certify: 'two-thirds' }))).toEqual([1, 2, 3, 3, 4, 5, 5]);
    expect(rosters.map((r) => decidersOf({ ...r, certify: 'two-thirds' }))).toEqual([1, 2, 2, 3, 3, 4, 4]);
  });
});

describe('a change', () => {
  it('makes the next roster of the present one', () => {
    let state = after(three, { kind: 'add', author: author(4), name: 'oslo', role: 'mirror' });
    expect(counts(state.roster, author(4), 0)).toBe(false);
    state = after(state, { kind: 'promote', author: author(4) });
    expect(writersOf(state.roster)).toEqual([1, 2, 3, 4].map(author));
    state = after(state, { kind: 'rotate', author: author(4), to: author(5) });
    expect(memberOf(state.roster, author(5))).toEqual({ author: author(5), name: 'oslo', role: 'writer', until: 0 });
    expect([UNTIL, UNTIL + 1].map((ms) => counts(state.roster, author(4), ms))).toEqual([true, false]);
    state = after(state, { kind: 'remove', author: author(1) });
    expect([UNTIL, UNTIL + 1].map((ms) => counts(state.roster, author(1), ms))).toEqual([true, false]);
    state = after(state, { kind: 'drop', author: author(4) });
    expect(memberOf(state.roster, author(4))).toBeUndefined();
    state = after(state, { kind: 'settings', certify: 'two-thirds', retentionMs: 1000 });
    state = after(state, { kind: 'name', author: author(2), name: 'bergen' });
    expect(state.roster).toMatchObject({ epoch: 7, certify: 'two-thirds', retentionMs: 1000 });
  });

  it('is refused by name where it does not fit', () => {
    let state = after(three, { kind: 'add', author: author(4), name: 'oslo', role: 'mirror' });
    state = after(state, { kind: 'retire', author: author(3) });
    state = after(state, { kind: 'drop', author: author(3) });
    expect(refusalOf(state, { kind: 'add', author: author(1), name: '', role: 'writer' })).toMatch(/member already/);
    expect(refusalOf(state, { kind: 'add', author: author(3), name: '', role: 'mirror' })).toMatch(/never returns/);
    expect(refusalOf(state, { kind: 'rotate', author: author(1), to: author(3) })).toMatch(/never returns/);
    expect(refusalOf(state, { kind: 'add', author: author(9), name: 'oslo', role: 'mirror' })).toMatch(/has the name/);
    expect(refusalOf(state, { kind: 'name', author: author(1), name: 'oslo' })).toMatch(/has the name/);
    expect(refusalOf(state, { kind: 'promote', author: author(1) })).toMatch(/is a writer and no mirror/);
    expect(refusalOf(state, { kind: 'rotate', author: author(4), to: author(8) })).toMatch(/only a writer's key/);
    expect(refusalOf(state, { kind: 'drop', author: author(1) })).toMatch(/invalid-change: .* is a writer/);
    expect(refusalOf(state, { kind: 'remove', author: author(7) })).toMatch(/is no member/);
    state = after(state, { kind: 'remove', author: author(1) });
    expect(refusalOf(state, { kind: 'retire', author: author(1) })).toMatch(/retired already/);
    expect(refusalOf(state, { kind: 'remove', author: author(1) })).toMatch(/has stopped already/);
    expect(refusalOf(state, { kind: 'remove', author: author(2) })).toMatch(/no writer left/);
  });

  it('is refused in a full roster', () => {
    const full = stateOf(initialRoster(Array.from({ length: MAX_MEMBERS }, (_, i) => author(i))), new Set(), hasher);
    expect(refusalOf(full, { kind: 'add', author: author(999), name: '', role: 'mirror' })).toMatch(/^invalid-change/);
  });

  it('has one form of bytes for each kind, and no other bytes are taken', () => {
    const actions: readonly ChangeAction[] = [
      { kind: 'add', author: author(1), name: 'oslo', role: 'writer' },
      { kind: 'promote', author: author(1) },
      { kind: 'retire', author: author(1) },
      { kind: 'rotate', author: author(1), to: author(2) },
      { kind: 'remove', author: author(1) },
      { kind: 'drop', author: author(1) },
      { kind: 'name', author: author(1), name: '' },
      { kind: 'settings', certify: 'two-thirds', retentionMs: 7 },
    ];
    for (const action of actions) {
      const change: Change = { network: 'n', nonce: new Uint8Array(16).fill(3), action };
      const bytes = encodeChange(change);
      expect(decodeChange(bytes)).toEqual(change);
      for (const cut of [bytes.subarray(0, -1), Uint8Array.of(...bytes, 0)])
        expect(() => decodeChange(cut)).toThrow(LatticeError);
    }
    expect(() =>
      encodeChange({
        network: 'n',
        nonce: new Uint8Array(16),
        action: { kind: 'rotate', author: author(1), to: author(1) },
      }),
    ).toThrow(RangeError);
  });
});
