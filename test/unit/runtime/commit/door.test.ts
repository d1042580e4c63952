import { beforeEach, describe, expect, it } from 'vitest';
import { keyToEntryKey } from '../../../../src/core/rows/index.ts';
import {
  type Fragment,
  MAX_AHEAD_MS,
  MAX_DEFERRED,
  MAX_FRAGMENT_BYTES,
  MAX_OPERATIONS,
} from '../../../../src/core/types/index.ts';
import { encodeFragment, pickOperations } from '../../../../src/core/wire/index.ts';
import { createDoor, type Door } from '../../../../src/runtime/commit/door.ts';
import type { Origin } from '../../../../src/runtime/commit/origin.ts';
import {
  createAuthor,
  deferred,
  EPOCH_MS,
  hasher,
  metrics,
  NETWORK,
  openTestState,
  puts,
  type TestState,
  turns,
  until,
  verifier,
  withBadSignature,
} from '../support.ts';

const friend = createAuthor(2);
const stranger = createAuthor(3);
const origin: Origin = { lung: 'p2p', peer: friend.author, live: true };
const IN_TWO_MINUTES = EPOCH_MS + 120_000;

let state: TestState;
let door: Door;
let full: boolean;
let trustsFriend: boolean;
let verified: number;
let verification: Promise<void> | undefined;
let due: number;

beforeEach(async () => {
  state = await openTestState();
  full = false;
  trustsFriend = true;
  verified = 0;
  verification = undefined;
  due = 0;
  door = createDoor({
    hasher,
    network: NETWORK,
    isTrusted: (author) => (trustsFriend && author === friend.author) || author === state.self.author,
    isFull: () => full,
    verifier: {
      async verify(...args) {
        verified++;
        await verification;
        return verifier.verify(...args);
      },
    },
    writer: state.writer,
    clock: state.clock,
    metrics,
    onDue: () => void due++,
  });
});

async function reasonOf(bytes: Uint8Array): Promise<string> {
  const admission = await door.admit(bytes);
  return admission.ok ? 'ok' : admission.reason;
}

async function admitted(fragment: Fragment): Promise<Fragment> {
  const admission = await door.admit(encodeFragment(fragment));
  if (!admission.ok) throw new Error(admission.reason);
  return admission.fragment;
}

const holds = async (key: string): Promise<boolean> =>
  (await state.store.get(keyToEntryKey(key, hasher))) !== undefined;

describe('the one door', () => {
  it('looks at size and form before anything else [D1, F4]', async () => {
    full = true;
    const strange = withBadSignature(stranger.commit({ a: 1 }, { network: 'elsewhere', ms: IN_TWO_MINUTES }));
    expect(await reasonOf(strange.slice(0, -1))).toBe('malformed');
    expect(await reasonOf(new Uint8Array(MAX_FRAGMENT_BYTES + 1))).toBe('malformed');
    const version = strange.slice();
    // Fragment array, header's length in two bytes, header array, then its version.
    version[4] = 3;
    expect(await reasonOf(version)).toBe('unknown-version');
  });

  it('then at the network, the author, the signature, the disk and the time, in this order [D1]', async () => {
    full = true;
    const ms = IN_TWO_MINUTES;
    expect(await reasonOf(withBadSignature(stranger.commit({ a: 1 }, { network: 'elsewhere', ms })))).toBe(
      'other-network',
    );
    expect(await reasonOf(withBadSignature(stranger.commit({ a: 1 }, { ms })))).toBe('untrusted-author');
    expect(verified).toBe(0);
    expect(await reasonOf(withBadSignature(friend.commit({ a: 1 }, { ms })))).toBe('bad-signature');
    const later = friend.commit({ a: 1 }, { ms });
    expect(await reasonOf(encodeFragment(later))).toBe('read-only');
    full = false;
    expect(await door.apply(await admitted(later), origin)).toEqual(['future']);
    expect(await door.apply(await admitted(friend.commit({ a: 2 })), origin)).toEqual(['added']);
    expect(door.refused()).toEqual({
      'other-network': 1,
      'untrusted-author': 1,
      'bad-signature': 1,
      'read-only': 1,
      future: 1,
    });
  });

  it('tells a peer that the disk is full only of commits that are good: nothing of it lasts [D1, D2]', async () => {
    full = true;
    const commit = friend.commit({ a: 1 });
    expect(await reasonOf(encodeFragment(commit))).toBe('read-only');
    full = false;
    expect(await door.apply(await admitted(commit), origin)).toEqual(['added']);
  });

  it('verifies a commit once, however often and in whatever parts it comes', async () => {
    const commit = friend.commit({ a: 1, b: 2 });
    await admitted(commit);
    await admitted(commit);
    await admitted(pickOperations(commit, [1], hasher));
    expect(verified).toBe(1);
  });

  it('verifies a commit once that comes again while its signature is being checked', async () => {
    const pause = deferred<void>();
    verification = pause.promise;
    const bytes = encodeFragment(friend.commit({ a: 1 }));
    const both = [door.admit(bytes), door.admit(bytes)];
    pause.resolve();
    expect((await Promise.all(both)).map((a) => a.ok)).toEqual([true, true]);
    expect(verified).toBe(1);
  });

  it('takes no known commit for the warrant of another signature', async () => {
    const commit = friend.commit({ a: 1 });
    await admitted(commit);
    expect(await reasonOf(withBadSignature(commit))).toBe('bad-signature');
  });

  it('verifies known forgeries once, and counts them each time', async () => {
    const commit = friend.commit({ a: 1 });
    for (let i = 0; i < 3; i++) expect(await reasonOf(withBadSignature(commit))).toBe('bad-signature');
    expect(verified).toBe(1);
    expect(door.refused()).toEqual({ 'bad-signature': 3 });
    // The forgery says nothing of the commit itself.
    await admitted(commit);
  });

  it('remembers a bounded number of forgeries', async () => {
    const first = withBadSignature(friend.commit({ a: 1 }));
    await reasonOf(first);
    for (let i = 0; i < 1024; i++) await reasonOf(withBadSignature(friend.commit({ a: i })));
    verified = 0;
    await reasonOf(first);
    expect(verified).toBe(1);
  });

  it('verifies 8,192 signatures at a time, and leaves the rest to repair [D2]', async () => {
    const pause = deferred<void>();
    verification = pause.promise;
    const admissions = Array.from({ length: 8192 }, (_, i) => door.admit(encodeFragment(friend.commit({ a: i }))));
    expect(await reasonOf(encodeFragment(friend.commit({ late: 1 })))).toBe('overloaded');
    pause.resolve();
    expect((await Promise.all(admissions)).every((a) => a.ok)).toBe(true);
    expect(await reasonOf(encodeFragment(friend.commit({ late: 1 })))).toBe('ok');
    // Half a minute of signing on a slow machine that is busy.
  });

  it('checks one signature once for all who bring it at the same time, and tells each', async () => {
    const pause = deferred<void>();
    verification = pause.promise;
    const good = encodeFragment(friend.commit({ a: 1 }));
    const bad = withBadSignature(friend.commit({ a: 1 }));
    const answers = [good, bad, good, bad].map(reasonOf);
    pause.resolve();
    expect(await Promise.all(answers)).toEqual(['ok', 'bad-signature', 'ok', 'bad-signature']);
    expect([verified, door.refused()]).toEqual([2, { 'bad-signature': 2 }]);
  });

  it('answers overloaded when the writer has no room, and takes the commit the next time [D2]', async () => {
    const fragment = await admitted(friend.commit({ a: 1 }));
    const writes = Array.from({ length: 64 }, (_, i) => state.writer.write(puts(`${i}`, MAX_OPERATIONS)));
    expect(await door.apply(fragment, origin)).toBe('overloaded');
    expect(door.refused()).toEqual({ overloaded: 1 });
    await Promise.all(writes);
    expect(await door.apply(fragment, origin)).toEqual(['added']);
  });
});

describe('a commit of the future', () => {
  const ahead = MAX_AHEAD_MS + 20_000;

  it('waits at the door until its time has come, is counted once, and is applied with its origin [C4]', async () => {
    const fragment = await admitted(friend.commit({ a: 1 }, { ms: EPOCH_MS + ahead }));
    expect(await door.apply(fragment, origin)).toEqual(['future']);
    // Heard again from somebody else meanwhile.
    expect(await door.apply(await admitted(fragment), { ...origin, lung: 'http' })).toEqual(['future']);
    await state.clock.advance(19_000);
    expect([door.deferred(), await holds('a')]).toEqual([1, false]);
    expect(door.refused()).toEqual({ future: 1 });
    expect(due).toBe(0);
    await state.clock.advance(6_000);
    await until('it is applied', () => door.deferred() === 0);
    expect(await holds('a')).toBe(true);
    // What did not fit beside it is looked for from here on.
    await until('it is told', () => due === 1);
    const origins = state.applied.map(({ taken }) => taken.map((one) => one.origin));
    expect(origins).toEqual([[origin]]);
  });

  it('goes when its author has come off the trust list meanwhile [N18]', async () => {
    await door.apply(await admitted(friend.commit({ a: 1 }, { ms: EPOCH_MS + ahead })), origin);
    trustsFriend = false;
    await state.clock.advance(25_000);
    await until('nothing waits', () => door.deferred() === 0);
    await turns();
    expect(await holds('a')).toBe(false);
  });

  it('is one of 256 of its author at most: the oldest gives way to the newest [C4, L2]', async () => {
    const room = MAX_DEFERRED / 4;
    const times = Array.from({ length: room + 1 }, (_, i) => friend.commit({ [`k${i}`]: i }, { ms: EPOCH_MS + ahead }));
    for (const commit of times) await door.apply(await admitted(commit), origin);
    expect(door.deferred()).toBe(room);
    await state.clock.advance(25_000);
    await until('they are applied', () => door.deferred() === 0);
    expect([await holds('k0'), await holds('k1'), await holds(`k${room}`)]).toEqual([false, true, true]);
  });

  it('stays away once the door has stopped', async () => {
    await door.apply(await admitted(friend.commit({ a: 1 }, { ms: EPOCH_MS + ahead })), origin);
    // Its time comes with the next look, which does not come any more.
    await state.clock.advance(19_000);
    door.stop();
    await state.clock.advance(60_000);
    expect(state.applied).toEqual([]);
  });

  it('that comes after the door has stopped is not tried again', async () => {
    door.stop();
    await door.apply(await admitted(friend.commit({ a: 1 }, { ms: EPOCH_MS + ahead })), origin);
    await state.clock.advance(120_000);
    await turns();
    expect(state.applied).toEqual([]);
  });
});
