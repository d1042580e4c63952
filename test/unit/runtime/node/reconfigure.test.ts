import { describe, expect, it } from 'vitest';
import type { Author } from '../../../../src/core/types/index.ts';
import { certify, friend, type LiveLattice, startLattice, startWithFriend } from '../../api/live-lattice.ts';
import { createAuthor, createHandClock, EPOCH_MS, outcomeOf, turns } from '../support.ts';

/** What a reload takes over: this trust list, and nobody who is dialled. */
const byTrust = (trusted: readonly Author[]): Parameters<LiveLattice['reconfigure']>[0] => ({
  trusted,
  bootstrap: [],
  urls: [],
  violations: [],
  warnings: [],
  p2p: { bootstrap: [] },
});

it('what was attested for a trust list that was replaced certifies nothing [N18, Z4]', async () => {
  const started = await startWithFriend();
  const { lattice } = started;
  const { at } = await certify(started);
  expect(lattice.status().cuts?.certified).toMatchObject({ at, quorum: 2 });
  const third = createAuthor(3);
  // Two of three are a quorum as well, so the two attestations would do for the new list.
  await lattice.reconfigure(byTrust([lattice.self.author, friend.author, third.author]));
  expect(lattice.status().trust.authors).toHaveLength(3);
  expect(lattice.status().cuts?.certified).toBeUndefined();
  expect(lattice.cuts().flatMap(({ attesters }) => attesters)).not.toContain(friend.author);
});

describe('a node that runs alone and is given others', () => {
  const put = (lattice: LiveLattice, key: string) => lattice.write([{ op: 'put', key, value: 1 }]);
  const codes = (lattice: LiveLattice): readonly string[] => lattice.status().readOnlyReasons.map(({ code }) => code);

  it('by a reload waits with its writes for what they know of its key, as after a start [N8, N18]', async () => {
    const clock = createHandClock();
    const lattice = await startLattice({ clock });
    await put(lattice, 'alone');
    await lattice.reconfigure(byTrust([lattice.self.author, friend.author]));
    expect(lattice.status().writesWait).toBe(true);
    const write = outcomeOf(put(lattice, 'together'));
    // What the node wrote before its disk was lost, with its clock ahead of what it is at present.
    const lost = lattice.self.commit({ lost: 1 }, { ms: EPOCH_MS + 5_000 });
    const head = friend.head({ wallMs: clock.now(), sequence: 1 });
    await lattice.hear(friend, { type: 'hello', software: '1.0.0', head, yourHlc: lost.header.hlc });
    await clock.advance(1_000);
    expect([lattice.status().writesWait, write.state]).toEqual([true, 'pending']);
    await lattice.take([lost]);
    await clock.advance(1_000);
    await turns();
    expect([lattice.status().writesWait, write.state, codes(lattice)]).toEqual([undefined, 'fulfilled', []]);
    // Once writes are open, an own commit that is later than all of these is the work of a clone.
    await lattice.take([lattice.self.commit({ clone: 1 }, { ms: EPOCH_MS + 9_000 })]);
    expect(codes(lattice)).toEqual(['clone']);
  });

  it('takes what they have of it from before its store was made for its own [N8, N16, N18]', async () => {
    const lattice = await startLattice({ clock: createHandClock() });
    const before = lattice.self.commit({ before: 1 }, { ms: EPOCH_MS - 60_000 });
    // The beginning of its history is durable before it writes anything.
    await turns();
    await put(lattice, 'alone');
    await lattice.reconfigure(byTrust([lattice.self.author, friend.author]));
    await lattice.greet(friend, { wallMs: EPOCH_MS, sequence: 1 });
    expect(lattice.status().writesWait).toBeUndefined();
    await lattice.take([before]);
    expect([codes(lattice), (await lattice.get('before'))?.value]).toEqual([[], 1]);
  });

  it('by an operator waits too, and is open again when they are taken away [N8, A24]', async () => {
    const clock = createHandClock();
    const lattice = await startLattice({ clock });
    expect(lattice.status().writesWait).toBeUndefined();
    await lattice.addPeer({ url: 'http://other.test' });
    expect(lattice.status().writesWait).toBe(true);
    await lattice.removePeer({ url: 'http://other.test' });
    expect(lattice.status().writesWait).toBeUndefined();
    // Nobody answers: the wait is bounded.
    await lattice.addPeer({ url: 'http://other.test' });
    const write = outcomeOf(put(lattice, 'a'));
    await clock.advance(2_900);
    expect(write.state).toBe('pending');
    await clock.advance(200);
    await turns();
    expect(write.state).toBe('fulfilled');
    expect(lattice.status().warnings.map(({ code }) => code)).toContain('clock-unchecked');
  });
});
