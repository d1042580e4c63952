import { beforeEach, expect, it } from 'vitest';
import { applyChange, NO_VOTES, stateOf } from '../../../../src/core/roster/index.ts';
import { DOUBT, decodeDoubt, type KeptDoubt } from '../../../../src/core/rows/index.ts';
import { type Bytes, equalBytes } from '../../../../src/core/types/index.ts';
import { createRoster, type RosterOwner } from '../../../../src/runtime/fleet/roster.ts';
import { createDoubt, type Doubt } from '../../../../src/runtime/membership/doubt.ts';
import { createAuthor, createHandClock, EPOCH_MS, type HandClock, hasher, log } from '../support.ts';

const [self, b, c] = [1, 2, 3].map((id) => createAuthor(id).author) as [Author, Author, Author];
type Author = ReturnType<typeof createAuthor>['author'];

let clock: HandClock;
let roster: RosterOwner;
/** The row of the store, and up to when the node may not attest. */
let row: Bytes | undefined;
let passed: number | undefined;

const open = (given: { isNew?: boolean; isShort?: boolean } = {}): Doubt =>
  createDoubt({
    self,
    roster,
    clock,
    log,
    saved: row === undefined ? undefined : decodeDoubt(row),
    isNew: given.isNew === true,
    isShort: given.isShort === true,
    keep: async (make) => {
      for (const write of make())
        if (equalBytes(write.key, DOUBT)) row = write.type === 'put' ? write.value : undefined;
    },
    passed: (at) => (passed = at),
  });

/** Has the next roster in force, which begins at `start`. */
function decide(start: number): void {
  const { state } = roster.present;
  const next = applyChange(state, { kind: 'name', author: b, name: `n${state.roster.epoch}` }, 0);
  roster.take({ state: stateOf(next, new Set(), hasher), start, certificate: new Uint8Array(1) }, NO_VOTES);
}

beforeEach(() => {
  clock = createHandClock();
  roster = createRoster([self, b, c], self, hasher);
  row = undefined;
  passed = undefined;
});

it('a node that started votes and attests once a majority has told what it heard of its key [RO11]', () => {
  const doubt = open();
  expect([doubt.why(), doubt.mayAttest()]).toEqual(['unasked', false]);
  doubt.heard(b);
  expect([doubt.why(), doubt.mayAttest()]).toEqual([undefined, true]);
});

it('a restored store does neither until every writer has told all it knows, 20 s after the last sign [RO11]', async () => {
  const doubt = open();
  doubt.heard(b);
  doubt.sawLost('a commit');
  expect([doubt.why(), doubt.mayAttest()]).toEqual(['restored', false]);
  // What the lost store had sent may still be on its way to who tells now.
  for (const peer of [b, c]) doubt.heardAllOf(peer);
  await clock.advance(15_000);
  doubt.sawLost('a commit');
  await clock.advance(20_000);
  for (const peer of [b, c]) doubt.heardAllOf(peer);
  await doubt.look();
  expect(doubt.why()).toBe('restored');
  await clock.advance(1);
  doubt.heardAllOf(b);
  await doubt.look();
  expect(doubt.why()).toBe('restored');
  doubt.heardAllOf(c);
  await doubt.look();
  // It attests nothing up to the time up to which the lost store may have attested.
  expect([doubt.why(), doubt.mayAttest(), passed, row]).toEqual([undefined, true, EPOCH_MS + 35_000, undefined]);
});

it('or until a roster begins more than 20 s later, under which the lost store cannot have voted [RO11]', async () => {
  const doubt = open({ isShort: true });
  doubt.heard(b);
  for (const start of [EPOCH_MS - 10_000, EPOCH_MS + 20_000]) {
    decide(start);
    await doubt.look();
    expect(doubt.why()).toBe('restored');
  }
  decide(EPOCH_MS + 20_001);
  await doubt.look();
  expect([doubt.why(), doubt.mayAttest()]).toEqual([undefined, true]);
});

it('a doubt outlives a restart, and what is heard later of a lost life renews it [RO11]', async () => {
  open().sawLost('a vote');
  await clock.advance(5_000);
  const again = open();
  again.heard(b);
  expect([again.why(), decodeDoubt(row as Bytes)]).toEqual(['restored', { kind: 'restored', since: EPOCH_MS }]);
  again.sawLost('an attestation');
  expect(decodeDoubt(row as Bytes)).toEqual({ kind: 'restored', since: EPOCH_MS + 5_000 } satisfies KeptDoubt);
});

it('a new store attests in epoch 0, where nothing came before, and votes once every writer has told [RO11]', async () => {
  const doubt = open({ isNew: true });
  expect(doubt.mayAttest()).toBe(false);
  doubt.heardAllOf(b);
  await doubt.look();
  expect([doubt.why(), doubt.mayAttest()]).toEqual(['new', true]);
  // Its key has a past after all.
  const other = open();
  other.heard(b);
  other.sawLost('an attestation');
  expect([other.why(), other.mayAttest()]).toEqual(['restored', false]);
  doubt.heardAllOf(c);
  await doubt.look();
  expect(doubt.why()).toBeUndefined();
});

it('a new store under the key of a writer attests nothing in a later epoch until then [RO11]', async () => {
  decide(EPOCH_MS - 60_000);
  const doubt = open({ isNew: true });
  doubt.heardAllOf(b);
  await doubt.look();
  expect([doubt.why(), doubt.mayAttest()]).toEqual(['new', false]);
  decide(EPOCH_MS + 30_000);
  await doubt.look();
  expect([doubt.why(), doubt.mayAttest()]).toEqual([undefined, true]);
});
