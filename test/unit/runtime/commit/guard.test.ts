import { beforeEach, describe, expect, it } from 'vitest';
import type { Author, Hlc } from '../../../../src/core/types/index.ts';
import type { Clock, Log } from '../../../../src/ports/index.ts';
import { createGuard, type Guard } from '../../../../src/runtime/commit/guard.ts';
import type { PeerClock } from '../../../../src/runtime/peers/clocks.ts';

const log: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const hlc = (n: number): Hlc => BigInt(n) as Hlc;
const friend = 'f1' as Author;
const liar = 'b2' as Author;

let wall: number;
let monotonic: number;
let seen: Hlc;
/** Peers whose root is ours. */
let equal: Set<Author>;
/** What the guard said of own history when the gate opened. */
let opened: (Hlc | undefined)[];
/** Up to which own commits count as this node's own since an alarm has ended. */
let adopted: Hlc[];
let cleared: string[];
const clock: Clock = { now: () => wall, monotonic: () => monotonic, after: () => ({ cancel() {} }) };

let peerClocks: PeerClock[];

function pass(guard: Guard, ms: number): void {
  wall += ms;
  monotonic += ms;
  guard.tick();
}

let expectsOthers: boolean;
let closed: number;

function make(expects = true, dials = true): Guard {
  expectsOthers = expects;
  return guardOf(dials);
}

const guardOf = (dials: boolean): Guard =>
  createGuard({
    nameOf: (author) => author,
    clock,
    log,
    incarnation: new Uint8Array(8).fill(1),
    ownSeen: () => seen,
    dials: () => dials,
    expectsOthers: () => expectsOthers,
    onTwinGone: (upTo) => adopted.push(upTo),
    onCleared: (code) => cleared.push(code),
    peerClocks: () => peerClocks,
    members: () => 3,
    clockAheadMs: () => -3_600_000,
    agreesWith: (peer) => equal.has(peer),
    onOpen: (told) => opened.push(told),
    onClosed: () => closed++,
  });

async function isReady(guard: Guard): Promise<boolean> {
  let ready = false;
  void guard.ready().then(() => (ready = true));
  await new Promise((resolve) => setImmediate(resolve));
  return ready;
}

beforeEach(() => {
  wall = 1_700_000_000_000;
  monotonic = 0;
  seen = hlc(0);
  // A peer whose clock is right has been heard.
  peerClocks = [{ name: 'bergen', ms: wall, heardAt: 0 }];
  equal = new Set();
  opened = [];
  closed = 0;
  adopted = [];
  cleared = [];
});

describe('writes after a start', () => {
  it('wait for nobody when no other node is expected', async () => {
    expect(await isReady(make(false))).toBe(true);
  });

  it('wait until a peer confirms our newest commit [N8]', async () => {
    seen = hlc(5);
    const guard = make();
    expect(await isReady(guard)).toBe(false);
    guard.toldOwnHlc(friend, hlc(5));
    expect(await isReady(guard)).toBe(true);
    expect(guard.reasons()).toEqual([]);
  });

  it('wait a bounded time when no peer answers [N8]', async () => {
    const guard = make();
    pass(guard, 2_900);
    expect([await isReady(guard), guard.isOpen()]).toEqual([false, false]);
    pass(guard, 100);
    expect([await isReady(guard), guard.isOpen()]).toEqual([true, true]);
  });

  it('wait until our own newer commits have been fetched, and say so when that takes long [N7, N8]', async () => {
    seen = hlc(5);
    const guard = make();
    guard.toldOwnHlc(friend, hlc(9));
    pass(guard, 10_000);
    expect(await isReady(guard)).toBe(false);
    pass(guard, 20_000);
    expect(guard.reasons()).toEqual([
      { code: 'own-history', text: expect.stringContaining('newer commits of this node than its own store') as string },
    ]);
    seen = hlc(9);
    pass(guard, 250);
    expect(await isReady(guard)).toBe(true);
    expect(guard.reasons()).toEqual([]);
  });

  it('open without a lasting reason when the peer that says so comes before the next look', async () => {
    const guard = make();
    guard.toldOwnHlc(friend, hlc(9));
    pass(guard, 31_000);
    expect(guard.reasons()).toHaveLength(1);
    seen = hlc(9);
    guard.toldOwnHlc(friend, hlc(9));
    expect(await isReady(guard)).toBe(true);
    expect(guard.reasons()).toEqual([]);
    expect(opened).toEqual([hlc(9)]);
  });

  it('wait for all members, or a bounded time, where the store knows of no own commit [N8]', async () => {
    const guard = make();
    guard.toldOwnHlc(friend, hlc(0));
    pass(guard, 250);
    expect(await isReady(guard)).toBe(false);
    // The other peer has what the disk has lost, and it is fetched before writes open.
    guard.toldOwnHlc(liar, hlc(9));
    pass(guard, 250);
    expect(await isReady(guard)).toBe(false);
    seen = hlc(9);
    pass(guard, 250);
    expect(await isReady(guard)).toBe(true);
    expect(opened).toEqual([hlc(9)]);

    seen = hlc(0);
    const alone = make(true, true);
    alone.toldOwnHlc(friend, hlc(0));
    pass(alone, 2_900);
    expect(await isReady(alone)).toBe(false);
    pass(alone, 100);
    expect(await isReady(alone)).toBe(true);
  });

  it('wait longer on a node without own commits that only others dial, because they come later [N8]', async () => {
    const guard = make(true, false);
    pass(guard, 7_900);
    expect(await isReady(guard)).toBe(false);
    guard.toldOwnHlc(friend, hlc(9));
    pass(guard, 2_000);
    expect(await isReady(guard)).toBe(false);
    seen = hlc(9);
    pass(guard, 250);
    expect([await isReady(guard), opened]).toEqual([true, [hlc(9)]]);

    const alone = make(true, false);
    pass(alone, 3_000);
    expect(await isReady(alone)).toBe(true);
  });

  it('are not held up by the claim of a peer whose state is ours [N8]', async () => {
    seen = hlc(5);
    const guard = make();
    guard.toldOwnHlc(liar, hlc(9));
    guard.toldOwnHlc(friend, hlc(5));
    pass(guard, 1_000);
    expect(await isReady(guard)).toBe(false);
    equal.add(liar);
    pass(guard, 250);
    expect(await isReady(guard)).toBe(true);
    expect(opened).toEqual([hlc(5)]);
    expect(guard.warnings()).toEqual([]);
  });

  it('wait five minutes at most for what a peer claims and nobody delivers, and the peer is named [N7, N8]', async () => {
    seen = hlc(5);
    const guard = make();
    guard.toldOwnHlc(liar, hlc(2 ** 40));
    guard.toldOwnHlc(friend, hlc(5));
    for (let waited = 0; waited < 299_000; waited += 1_000) pass(guard, 1_000);
    expect(guard.reasons()).toMatchObject([{ code: 'own-history' }]);
    for (let waited = 0; waited < 2_000; waited += 1_000) pass(guard, 1_000);
    expect([await isReady(guard), guard.reasons()]).toEqual([true, []]);
    expect(guard.warnings()).toEqual([{ code: 'own-history-claim', text: expect.stringContaining(liar) as string }]);
    // A claim that was not fulfilled says nothing of our history.
    expect(opened).toEqual([hlc(5)]);
  });
});

describe('a node that starts alone', () => {
  it('waits as after a start when the first others are named, and again when that comes again [N8, N18]', async () => {
    seen = hlc(5);
    const guard = make(false);
    pass(guard, 60_000);
    expect(await isReady(guard)).toBe(true);
    expectsOthers = true;
    pass(guard, 0);
    expect([await isReady(guard), closed]).toEqual([false, 1]);
    peerClocks = [{ name: 'bergen', ms: wall - monotonic, heardAt: monotonic }];
    guard.toldOwnHlc(friend, hlc(5));
    expect([await isReady(guard), opened]).toEqual([true, [hlc(5)]]);
    // More of them change nothing.
    pass(guard, 60_000);
    expect([guard.isOpen(), closed]).toEqual([true, 1]);
    expectsOthers = false;
    pass(guard, 0);
    expectsOthers = true;
    pass(guard, 0);
    expect(closed).toBe(2);
    peerClocks = [{ name: 'bergen', ms: wall - monotonic, heardAt: monotonic }];
    pass(guard, 0);
    expect(await isReady(guard)).toBe(true);
  });

  it('waits no longer once the others are taken away again', async () => {
    const guard = make(false);
    expectsOthers = true;
    pass(guard, 0);
    expect(await isReady(guard)).toBe(false);
    expectsOthers = false;
    pass(guard, 0);
    expect(await isReady(guard)).toBe(true);
  });
});

describe('one key living twice', () => {
  const head = (incarnation: number, sequence: number) => ({
    network: 'n',
    author: '' as Author,
    incarnation: new Uint8Array(8).fill(incarnation),
    sequence,
    hlc: hlc(0),
    root: new Uint8Array(32),
    entries: 0,
    trustHash: new Uint8Array(32),
    wallMs: wall,
  });

  it('stops writing when another incarnation goes on counting its heads [N7]', () => {
    const guard = make(false);
    for (let i = 0; i < 5; i++) {
      pass(guard, 1_000);
      guard.sawOwnHead(head(2, 10 + i));
    }
    expect(guard.reasons()).toEqual([
      { code: 'clone', text: expect.stringContaining("Another node runs with this node's key") as string },
    ]);
  });

  it('takes late relays of its own former life for what they are', () => {
    const guard = make(false);
    pass(guard, 3_000);
    guard.sawOwnHead(head(2, 10));
    guard.sawOwnHead(head(2, 12));
    pass(guard, 5_000);
    guard.sawOwnHead(head(1, 99));
    expect(guard.reasons()).toEqual([]);
  });

  it('stops writing when a commit of our key comes in that we never made [N7]', () => {
    const guard = make(false);
    guard.sawOwnCommit();
    expect(guard.reasons()).toEqual([{ code: 'clone', text: expect.stringContaining('never made') as string }]);
    expect(guard.reasons()).toEqual([
      { code: 'clone', text: expect.stringMatching(/restored from an old backup/) as string },
    ]);
  });

  it('stops writing when a URL proves our key in another life [N7]', () => {
    const guard = make();
    guard.sawTwin('http://127.0.0.1:1');
    expect(guard.reasons()).toEqual([
      { code: 'clone', text: expect.stringMatching(/key, at http:\/\/127\.0\.0\.1:1\./) as string },
    ]);
  });

  /** The peer goes on telling of its clock, as it does with every head. */
  function passHeard(guard: Guard, ms: number): void {
    for (let left = ms; left > 0; left -= 1_000) {
      peerClocks = [{ name: 'bergen', ms: wall - monotonic, heardAt: monotonic }];
      pass(guard, Math.min(1_000, left));
    }
  }

  it('ends its alarm 30 s after the last sign once it has what peers say it made; what came is its own then [N7]', () => {
    const guard = make();
    guard.toldOwnHlc(friend, hlc(9));
    guard.sawOwnCommit();
    passHeard(guard, 20_000);
    guard.sawOwnCommit();
    passHeard(guard, 29_000);
    expect(guard.has('clone')).toBe(true);
    // Nothing is heard of a twin, but a peer still has commits that are missing here.
    passHeard(guard, 5_000);
    expect(guard.has('clone')).toBe(true);
    seen = hlc(9);
    passHeard(guard, 1_000);
    expect([guard.has('clone'), adopted]).toEqual([false, [hlc(9)]]);
  });

  it('a claim that nobody fulfils holds the end of its alarm up for 5 minutes, and then is a warning [N7]', () => {
    const guard = make(false);
    guard.sawOwnCommit();
    guard.toldOwnHlc(liar, hlc(99));
    passHeard(guard, 329_000);
    expect(guard.has('clone')).toBe(true);
    passHeard(guard, 1_000);
    expect([guard.has('clone'), adopted]).toEqual([false, [hlc(0)]]);
    expect(guard.warnings()).toEqual([
      { code: 'own-history-claim', text: expect.stringContaining('nobody delivers') as string },
    ]);
  });

  it('sees a running twin however many others with its key have come and gone [N7]', () => {
    const guard = make(false);
    for (let incarnation = 2; incarnation < 60; incarnation++) {
      pass(guard, 1_000);
      guard.sawOwnHead(head(incarnation, 1));
    }
    expect(guard.has('clone')).toBe(false);
    for (let sequence = 1; sequence < 5; sequence++) {
      pass(guard, 1_000);
      guard.sawOwnHead(head(60, sequence));
    }
    expect(guard.has('clone')).toBe(true);
  });

  it('keeps its alarm while nobody is heard, because a twin may be where the others are [N7]', () => {
    const guard = make();
    guard.sawTwin('http://127.0.0.1:1');
    for (let i = 0; i < 60; i++) pass(guard, 1_000);
    expect(guard.has('clone')).toBe(false);
    peerClocks = [];
    guard.sawTwin('http://127.0.0.1:1');
    for (let i = 0; i < 600; i++) pass(guard, 1_000);
    expect(guard.has('clone')).toBe(true);
    passHeard(guard, 1_000);
    expect(guard.has('clone')).toBe(false);
  });

  it('waits twice as long after each alarm that comes again [N7]', () => {
    const guard = make();
    for (const quiet of [30_000, 60_000, 120_000]) {
      guard.sawTwin('http://127.0.0.1:1');
      passHeard(guard, quiet - 1_000);
      expect(guard.has('clone')).toBe(true);
      passHeard(guard, 1_000);
      expect(guard.has('clone')).toBe(false);
    }
  });

  it('does not stop writing on the mere claim of a peer', () => {
    const guard = make(false);
    guard.toldOwnHlc(friend, hlc(1));
    expect(guard.reasons()).toEqual([]);
  });
});

describe('clocks', () => {
  it('are compared before writes open: a peer that confirms our history says also whose clock is wrong [N8]', async () => {
    const guard = make();
    peerClocks = [{ name: 'bergen', ms: wall - 600_000, heardAt: monotonic }];
    guard.toldOwnHlc(friend, hlc(0));
    // One of the two others has spoken: which of two clocks is wrong, the third one may tell.
    expect(await isReady(guard)).toBe(false);
    peerClocks.push({ name: 'oslo', ms: wall - 600_000, heardAt: monotonic });
    pass(guard, 250);
    expect(await isReady(guard)).toBe(true);
    expect(guard.reasons()).toEqual([
      { code: 'clock-skew', text: expect.stringContaining('10 min ahead of its peers') as string },
    ]);
    expect(guard.clocks.isGood()).toBe(false);
  });

  it('of which nobody tells in time do not keep writes back, and the status says so [N8]', async () => {
    peerClocks = [];
    const guard = make();
    pass(guard, 3_000);
    expect(await isReady(guard)).toBe(true);
    expect(guard.warnings()).toEqual([
      { code: 'clock-unchecked', text: expect.stringContaining('could not be compared') as string },
    ]);
    peerClocks = [{ name: 'bergen', ms: wall - monotonic, heardAt: monotonic }];
    pass(guard, 250);
    expect(guard.warnings()).toEqual([]);
  });
});

it('a waiting write is let go when a reason to refuse it appears', async () => {
  const guard = make();
  const waiting = isReady(guard);
  guard.set('disk', 'only 1 MiB free');
  expect(await waiting).toBe(true);
  expect(guard.has('disk')).toBe(true);
  guard.set('disk', undefined);
  guard.set('disk', undefined);
  expect([guard.reasons(), cleared]).toEqual([[], ['disk']]);
});
