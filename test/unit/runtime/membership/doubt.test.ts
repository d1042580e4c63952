import { beforeEach, expect, it } from 'vitest';
import { applyChange, NO_VOTES, stateOf } from '../../../../src/core/roster/index.ts';
import { DOUBT, decodeDoubt, type KeptDoubt } from '../../../../src/core/rows/index.ts';
import { type Bytes, equalBytes } from '../../../../src/core/types/index.ts';
import { createRoster, type RosterOwner } from '../../../../src/runtime/fleet/roster.ts';
import { createDoubt, type Doubt, hasNoPast, type Way } from '../../../../src/runtime/membership/doubt.ts';
import { createAuthor, createHandClock, EPOCH_MS, type HandClock, hasher, log } from '../support.ts';

const [self, b, c, d] = [1, 2, 3, 4].map((id) => createAuthor(id).author) as [Author, Author, Author, Author];
type Author = ReturnType<typeof createAuthor>['author'];

let clock: HandClock;
let roster: RosterOwner;
/** The row of the store, and up to when the node may not attest. */
let row: Bytes | undefined;
let passed: number | undefined;
let ways: Map<Author, Way>;

const open = (given: { isNew?: boolean; isShort?: boolean } = {}): Doubt =>
  createDoubt({
    self,
    roster,
    clock,
    log,
    wayTo: (author) => ways.get(author) ?? 'direct',
    nameOf: (author) => (author === b ? 'bern' : author === c ? 'cork' : 'dover'),
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
  ways = new Map();
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

/** Lets time pass, in which members tell all they know every 30 s at the latest. */
async function pass(doubt: Doubt, seconds: number, tellers: readonly Author[]): Promise<void> {
  for (let left = seconds; left > 0; left -= 10) {
    await clock.advance(10_000);
    for (const peer of tellers) doubt.heardAllOf(peer);
    await doubt.look();
  }
}

it('a spoke of a hub is told by the hub what the other spokes heard, who cannot be asked [RO11]', async () => {
  roster = createRoster([self, b, c, d], self, hasher);
  ways.set(c, 'relayed').set(d, 'relayed');
  const doubt = open();
  await doubt.look();
  await pass(doubt, 50, [b]);
  expect([doubt.why(), doubt.text()]).toEqual(['unasked', expect.stringMatching(/waits for cork and dover$/)]);
  await pass(doubt, 10, [b]);
  expect([doubt.why(), doubt.mayAttest()]).toEqual([undefined, true]);
});

it('members of earlier versions that none can ask hold up the start for a minute, and votes for good [RO11]', async () => {
  ways.set(b, 'relayed').set(c, 'relayed');
  const doubts = [open(), open({ isNew: true })] as const;
  for (const doubt of doubts) await doubt.look();
  for (const doubt of doubts) await pass(doubt, 60, []);
  expect(doubts.map((doubt) => [doubt.why(), doubt.mayAttest()])).toEqual([
    [undefined, true],
    ['new', true],
  ]);
});

it('over HTTP a spoke hears nothing of the others, and its hub tells for them, except to a restored one [RO11]', async () => {
  roster = createRoster([self, b, c, d], self, hasher);
  ways.set(c, 'away').set(d, 'away');
  for (const isNew of [false, true]) {
    const doubt = open({ isNew });
    await doubt.look();
    await pass(doubt, 50, [b]);
    expect(doubt.mayAttest()).toBe(false);
    await pass(doubt, 10, [b]);
    expect([doubt.why(), doubt.mayAttest()]).toEqual([undefined, true]);
  }
  const fresh = open();
  await pass(fresh, 70, [b]);
  fresh.sawLost('a commit');
  await pass(fresh, 400, [b]);
  expect([fresh.why(), fresh.lastsMs(), fresh.text()]).toEqual([
    'restored',
    400_000,
    expect.stringMatching(/waits for cork and dover$/),
  ]);
});

it('nobody tells for anybody where no member can be asked or is heard [RO11]', async () => {
  ways.set(b, 'away').set(c, 'away');
  const doubt = open();
  await doubt.look();
  await pass(doubt, 300, []);
  expect([doubt.why(), doubt.lastsMs()]).toEqual(['unasked', 300_000]);
});

it('a new spoke votes once its hub has told for the other spoke, and a restored one the same time later [RO11]', async () => {
  ways.set(c, 'relayed');
  const doubt = open({ isNew: true });
  await doubt.look();
  await pass(doubt, 50, [b]);
  expect(doubt.why()).toBe('new');
  await pass(doubt, 10, [b]);
  expect([doubt.why(), doubt.lastsMs()]).toEqual([undefined, 0]);
  doubt.sawLost('a commit');
  await pass(doubt, 80, [b]);
  expect(doubt.why()).toBe('restored');
  await pass(doubt, 10, [b]);
  expect(doubt.why()).toBeUndefined();
});

it('a writer that asks tells for itself alone [RO11]', async () => {
  ways.set(c, 'relayed');
  const doubt = open({ isNew: true });
  await doubt.look();
  for (let i = 0; i < 10; i++) {
    doubt.heard(c);
    await pass(doubt, 20, [b]);
  }
  expect(doubt.why()).toBe('new');
});

/** Has this key in force as a writer for the first time. */
function admit(start: number): void {
  roster = createRoster([b, c, d], self, hasher);
  const next = applyChange(roster.present.state, { kind: 'add', author: self, name: '', role: 'writer' }, 0);
  roster.take({ state: stateOf(next, new Set(), hasher), start, certificate: new Uint8Array(1) }, NO_VOTES);
}

it('a writer that the roster in force was the first to name needs a majority alone, with one away [RO11]', async () => {
  admit(EPOCH_MS - 60_000);
  ways.set(d, 'away');
  const doubt = open({ isNew: true });
  doubt.heardAllOf(b);
  await doubt.look();
  expect([doubt.why(), doubt.mayAttest()]).toEqual(['new', false]);
  doubt.heardAllOf(c);
  await doubt.look();
  expect([doubt.why(), doubt.mayAttest()]).toEqual([undefined, true]);
});

it('its wiped store waits for all where somebody tells of what it signed, as one does of an older writer [RO11]', async () => {
  admit(EPOCH_MS - 60_000);
  const doubt = open({ isNew: true });
  doubt.heardAllOf(b);
  doubt.sawLost('an attestation');
  await pass(doubt, 60, [b, c]);
  expect(doubt.why()).toBe('restored');
  decide(EPOCH_MS - 30_000);
  row = undefined;
  const older = open({ isNew: true });
  await pass(older, 60, [b, c]);
  expect(older.why()).toBe('new');
});

it('a doubt ends also where the clock was far ahead when it began, or is behind the start of the roster [RO11]', async () => {
  const doubt = open();
  await clock.advance(3_600_000);
  doubt.sawLost('a commit');
  clock.step(-3_600_000);
  doubt.sawLost('a commit');
  expect(decodeDoubt(row as Bytes).since).toBe(EPOCH_MS);
  await pass(doubt, 30, [b, c]);
  expect(doubt.why()).toBeUndefined();
  await clock.advance(3_600_000);
  doubt.sawLost('a commit');
  clock.step(-3_600_000);
  await pass(doubt, 40, [b, c]);
  expect(doubt.why()).toBeUndefined();
  decide(clock.now() + 3_600_000);
  doubt.sawLost('a commit');
  await pass(doubt, 10, []);
  expect(doubt.why()).toBe('restored');
});

it('a store that attested or voted is not new at its next start, though it never wrote [RO11]', () => {
  const store = { sequence: 0, attested: 0, votes: new Map() };
  const stores = [store, { ...store, attested: EPOCH_MS }, { ...store, votes: new Map([['hash', NO_VOTES]]) }];
  expect(stores.map((one) => open({ isNew: hasNoPast(one) }).why())).toEqual(['new', 'unasked', 'unasked']);
});
