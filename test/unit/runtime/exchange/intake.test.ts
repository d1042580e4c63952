import { beforeEach, describe, expect, it } from 'vitest';
import { keyToEntryKey } from '../../../../src/core/rows/index.ts';
import { bytesToHex, type Fragment, type Hlc, MAX_AHEAD_MS } from '../../../../src/core/types/index.ts';
import { encodeFragment, encodeGossip, type SignedHead, type SyncMessage } from '../../../../src/core/wire/index.ts';
import type { Verifier } from '../../../../src/ports/index.ts';
import { createDoor } from '../../../../src/runtime/commit/door.ts';
import { createGuard, type Guard } from '../../../../src/runtime/commit/guard.ts';
import { createIntake, type Intake } from '../../../../src/runtime/exchange/intake.ts';
import { createLiveCommits } from '../../../../src/runtime/exchange/live-commits.ts';
import type { SyncMode } from '../../../../src/runtime/facade/index.ts';
import { clocksOf } from '../../../../src/runtime/peers/clocks.ts';
import { createPeerTable, type PeerTable } from '../../../../src/runtime/peers/peers.ts';
import {
  badHead,
  createAuthor,
  EPOCH_MS,
  FOUND,
  hasher,
  log,
  metrics,
  NETWORK,
  openTestState,
  outcomeOf,
  type TestState,
  turns,
  until,
  verifier,
  withBadSignature,
} from '../support.ts';

const friend = createAuthor(2);
const relay = createAuthor(3);
const stranger = createAuthor(4);
const OWN_LIFE = new Uint8Array(8).fill(99);

let state: TestState;
let peers: PeerTable;
let guard: Guard;
let intake: Intake;
let mode: SyncMode;
let full: boolean;
let verify: Verifier['verify'];
/** Steps that left the state as it was. */
let unchanged: number;
/** The commits of messages that were not relayed which this node gossips itself, message by message. */
let passedOn: (readonly string[])[];
/** Heads that were passed on to those of two nodes with one key that have a push stream. */
let toTwins: SignedHead[];

beforeEach(async () => {
  unchanged = 0;
  toTwins = [];
  state = await openTestState({ onUnchanged: () => unchanged++ });
  const { self, clock, writer, replica } = state;
  const members = [self, friend, relay].map((a) => a.author);
  mode = 'auto';
  full = false;
  verify = verifier.verify;
  peers = createPeerTable(clock);
  guard = createGuard({
    nameOf: (author) => author,
    clock,
    log,
    incarnation: OWN_LIFE,
    ownSeen: () => replica.seen(self.author),
    dials: () => true,
    expectsOthers: () => true,
    onTwinGone: () => undefined,
    onCleared: () => undefined,
    peerClocks: () => clocksOf(peers.all(), (author) => author),
    members: () => 3,
    agreesWith: () => false,
    onOpen: () => undefined,
    onClosed: () => undefined,
    clockAheadMs: () => 0,
  });
  const isTrusted = (author: string): boolean => members.includes(author as never);
  const replaceable: Verifier = { verify: (...signed) => verify(...signed) };
  const door = createDoor({
    hasher,
    network: NETWORK,
    isTrusted,
    isFull: () => full,
    verifier: replaceable,
    writer,
    clock,
    metrics,
  });
  passedOn = [];
  const commits = createLiveCommits({
    hasher,
    clock,
    door,
    seen: (author) => replica.seen(author),
    passOn: (fragments) => void passedOn.push(fragments.map(({ id }) => id)),
  });
  intake = createIntake({
    onName: () => undefined,
    onReads: () => undefined,
    network: NETWORK,
    self: self.author,
    incarnation: OWN_LIFE,
    verifier: replaceable,
    clock,
    heartbeatMs: 1000,
    commits,
    guard,
    peers,
    mode: () => mode,
    isTrusted,
    isMember: isTrusted,
    onAttestation: async () => 'ignore',
    onNotice: async () => 'known',
    onAnnouncement: async () => 'known',
    tellTwins: (head) => void toTwins.push(head),
    compare: () => undefined,
  });
});

const commits = (...fragments: readonly (Fragment | Uint8Array)[]): Uint8Array =>
  encodeGossip({ type: 'commits', fragments: fragments.map((f) => (f instanceof Uint8Array ? f : encodeFragment(f))) });

const gossip = (data: Uint8Array): Promise<string> => intake.onGossip(data, relay.author);

/**
 * Has one signature checked after the other. The threads that check them may end in any order, and where the newer of two
 * commits has passed first, the verdict on the older one waits for the disk, which a test may hold.
 */
function checkInOrder(): void {
  let last: Promise<unknown> = Promise.resolve();
  verify = (...signed) => {
    const check = last.then(() => verifier.verify(...signed));
    last = check;
    return check;
  };
}

describe('the verdict on gossiped commits', () => {
  it('is accept for good ones, and does not wait for the disk [G3]', async () => {
    checkInOrder();
    state.store.hold();
    expect(await gossip(commits(friend.commit({ a: 1 }), friend.commit({ b: 1 })))).toBe('accept');
    expect(state.applied).toEqual([]);
    state.store.open();
    await until('both are applied', () => state.replica.tree.size === 2);
  });

  it('is ignore for what is held already, by whatever way it came and however long ago [G3]', async () => {
    const old = friend.commit({ a: 1 });
    const [recent, overHttp, superseded] = [relay.commit({ b: 1 }), relay.commit({ c: 1 }), friend.commit({ d: 1 })];
    await state.writer.apply(old, FOUND);
    await state.writer.apply(friend.commit({ d: 2 }), FOUND);
    await intake.onStreamFrame(friend.author, { type: 'commits', fragments: [encodeFragment(overHttp)] });
    await gossip(commits(recent));
    for (const commit of [old, recent, overHttp, superseded]) expect(await gossip(commits(commit))).toBe('ignore');
    expect(passedOn).toEqual([]);
  });

  it('comes at once for bytes that were taken in a moment ago, which are not applied again [G6]', async () => {
    const commit = friend.commit({ a: 1 });
    const other = friend.commit({ b: 1 });
    checkInOrder();
    state.store.hold();
    expect(await Promise.all([gossip(commits(commit)), gossip(commits(commit, other))])).toEqual(['accept', 'ignore']);
    expect(await gossip(commits(other))).toBe('ignore');
    state.store.open();
    await until('both are applied', () => state.replica.tree.size === 2);
    expect(await gossip(commits(commit))).toBe('ignore');
    expect(passedOn).toEqual([[other.id]]);
    await turns();
    const applied = state.applied.flatMap(({ step }) => step.applied.map(({ fragment }) => fragment.id));
    expect(applied).toEqual([commit.id, other.id]);
    expect(unchanged).toBe(0);
  });

  it('is made anew for bytes that could not be taken in [G6]', async () => {
    const commit = friend.commit({ a: 1 });
    full = true;
    expect(await gossip(commits(commit))).toBe('ignore');
    full = false;
    expect(await gossip(commits(commit))).toBe('accept');
    await until('it is applied', () => state.replica.tree.size === 1);
    const later = friend.commit({ later: 1 }, { ms: EPOCH_MS + MAX_AHEAD_MS + 1 });
    expect(await gossip(commits(later))).toBe('ignore');
    await turns();
    await state.clock.advance(1_000);
    expect(await gossip(commits(later))).toBe('accept');
    await until('it is applied', () => state.replica.tree.size === 2);
  });

  it('is reject for what is malformed or forged [G3]', async () => {
    const good = encodeFragment(friend.commit({ a: 1 }));
    expect(await gossip(Uint8Array.of(1, 2, 3))).toBe('reject');
    expect(await gossip(commits(good.slice(0, -1)))).toBe('reject');
    expect(await gossip(commits(withBadSignature(friend.commit({ a: 1 }))))).toBe('reject');
    expect(await gossip(encodeGossip({ type: 'cursor', cursor: 'x.1' }))).toBe('reject');
    expect(await gossip(encodeGossip({ type: 'reset', reason: 'x' }))).toBe('reject');
  });

  it('is ignore for an unknown version: a rolling upgrade punishes nobody [G3, B8]', async () => {
    const message = commits(friend.commit({ a: 1 })).slice();
    message[1] = 9;
    expect(await gossip(message)).toBe('ignore');
    const fragment = encodeFragment(friend.commit({ a: 1 }));
    fragment[4] = 3;
    expect(await gossip(commits(fragment))).toBe('ignore');
  });

  it('is ignore for what only this node refuses [G3]', async () => {
    expect(await gossip(commits(stranger.commit({ a: 1 })))).toBe('ignore');
    expect(await gossip(commits(friend.commit({ a: 1 }, { network: 'elsewhere' })))).toBe('ignore');
    full = true;
    expect(await gossip(commits(friend.commit({ a: 1 })))).toBe('ignore');
    await turns();
    expect(state.replica.tree.size).toBe(0);
  });

  it('is ignore for a commit of the future, whatever stands beside it [G3, C4]', async () => {
    const future = friend.commit({ later: 1 }, { ms: EPOCH_MS + MAX_AHEAD_MS + 1 });
    expect(await gossip(commits(friend.commit({ a: 1 }), future))).toBe('ignore');
    expect(await gossip(commits(friend.commit({ a: 1 }, { ms: EPOCH_MS + MAX_AHEAD_MS - 1 })))).toBe('accept');
  });

  it('is the worst of its fragments, in whatever order, and takes the good ones [G3, D2]', async () => {
    const good = friend.commit({ good: 1 });
    const unknown = stranger.commit({ a: 1 });
    const forged = withBadSignature(friend.commit({ a: 1 }));
    expect(await gossip(commits(good, unknown))).toBe('ignore');
    expect(await gossip(commits(unknown, friend.commit({ b: 1 })))).toBe('ignore');
    expect(await gossip(commits(unknown, forged))).toBe('reject');
    expect(await gossip(commits(forged, unknown))).toBe('reject');
    expect(await gossip(commits(forged, good))).toBe('reject');
    await until('the good ones are applied', () => state.replica.tree.size === 2);
    expect(await state.store.get(keyToEntryKey('good', hasher))).toBeDefined();
  });

  it('is ignore while P2P is switched off by hand', async () => {
    mode = 'http';
    expect(await gossip(commits(friend.commit({ a: 1 })))).toBe('ignore');
    await turns();
    expect(state.replica.tree.size).toBe(0);
  });
});

describe('the verdict on a gossiped head', () => {
  const head = (signed: Parameters<typeof encodeGossip>[0] & { type: 'head' }): Promise<string> =>
    gossip(encodeGossip(signed));

  it('is accept when it is new, ignore when it is not [G3, E5]', async () => {
    expect(await head({ type: 'head', head: friend.head({ sequence: 5 }) })).toBe('accept');
    expect(await head({ type: 'head', head: friend.head({ sequence: 5 }) })).toBe('ignore');
    expect(await head({ type: 'head', head: friend.head({ sequence: 4 }) })).toBe('ignore');
    expect(peers.get(friend.author)?.view.head?.sequence).toBe(5);
  });

  it('costs no signature check when it is a replay, and counts four times a heartbeat of ours at most [E5, L2]', async () => {
    let checks = 0;
    verify = (author, message, signature) => {
      checks++;
      return verifier.verify(author, message, signature);
    };
    await head({ type: 'head', head: friend.head({ sequence: 1000, wallMs: EPOCH_MS + 1000 }) });
    expect(checks).toBe(1);
    const earlier = new Uint8Array(8).fill(7);
    for (let i = 1; i < 200; i++) {
      expect(await head({ type: 'head', head: friend.head({ sequence: i }) })).toBe('ignore');
      expect(await head({ type: 'head', head: friend.head({ sequence: i, incarnation: earlier }) })).toBe('ignore');
    }
    expect(checks).toBe(1);
    // Once nothing was heard for a while, heads of an earlier incarnation count: not all of a recording at once.
    await state.clock.advance(20_000);
    const verdicts: string[] = [];
    for (let i = 1; i <= 200; i++)
      verdicts.push(await head({ type: 'head', head: friend.head({ sequence: i, incarnation: earlier }) }));
    expect(verdicts.filter((verdict) => verdict === 'accept')).toHaveLength(16);
    await state.clock.advance(1000);
    for (let i = 201; i <= 400; i++)
      verdicts.push(await head({ type: 'head', head: friend.head({ sequence: i, incarnation: earlier }) }));
    expect(verdicts.filter((verdict) => verdict === 'accept')).toHaveLength(20);
  });

  it('of our own key is passed on once, not each time that it is replayed [E5]', async () => {
    const twin = state.self.head({ sequence: 10, wallMs: state.clock.now() });
    expect(await head({ type: 'head', head: twin })).toBe('accept');
    expect(await head({ type: 'head', head: twin })).toBe('ignore');
    expect(await head({ type: 'head', head: state.self.head({ sequence: 9 }) })).toBe('ignore');
  });

  it('of a twin that goes on telling takes nobody out of what is remembered of the others [E5]', async () => {
    const twin = (incarnation: number, sequence: number): Promise<string> =>
      head({
        type: 'head',
        head: state.self.head({
          incarnation: new Uint8Array(8).fill(incarnation),
          sequence,
          wallMs: state.clock.now(),
        }),
      });
    for (let i = 1; i <= 16; i++) expect(await twin(i, 5)).toBe('accept');
    await state.clock.advance(10_000);
    for (let i = 6; i <= 12; i++) expect(await twin(16, i)).toBe('accept');
    await state.clock.advance(10_000);
    for (let i = 1; i <= 16; i++) expect(await twin(i, 5)).toBe('ignore');
  });

  it('is reject when it is forged: nothing of it counts [G3, E5]', async () => {
    expect(await head({ type: 'head', head: badHead(friend.head()) })).toBe('reject');
    expect(peers.get(friend.author)).toBeUndefined();
  });

  it('is ignore for another network and for a node that is no member, whatever its signature [E5]', async () => {
    expect(await head({ type: 'head', head: friend.head({ network: 'elsewhere' }) })).toBe('ignore');
    expect(await head({ type: 'head', head: stranger.head() })).toBe('ignore');
    expect(await head({ type: 'head', head: badHead(stranger.head()) })).toBe('ignore');
    expect([...peers.all()]).toEqual([]);
  });

  it('takes a head of another life from its own node at once, from a relay only with a later clock [E5]', async () => {
    const now = { incarnation: new Uint8Array(8).fill(7), wallMs: EPOCH_MS };
    await head({ type: 'head', head: friend.head({ sequence: 5 }) });
    expect(await head({ type: 'head', head: friend.head(now) })).toBe('ignore');
    expect(await intake.onGossip(encodeGossip({ type: 'head', head: friend.head(now) }), friend.author)).toBe('accept');
  });

  it('is ignore for our own, and accept for a twin of ours, so that all hear of it', async () => {
    expect(await head({ type: 'head', head: state.self.head({ incarnation: OWN_LIFE }) })).toBe('ignore');
    for (let i = 0; i < 4; i++) {
      await state.clock.advance(1_000);
      const twin = state.self.head({ sequence: 10 + 2 * i, wallMs: state.clock.now() });
      expect(await head({ type: 'head', head: twin })).toBe('accept');
    }
    expect(guard.reasons()).toEqual([
      { code: 'clone', text: expect.stringContaining("Another node runs with this node's key") as string },
    ]);
    expect(peers.get(state.self.author)).toBeUndefined();
  });
});

it('heads of two running nodes with one key are told to both, so that the first of them hears of the second too [N7]', async () => {
  const life = (n: number, sequence: number) =>
    friend.head({ incarnation: new Uint8Array(8).fill(n), sequence, wallMs: state.clock.now() });
  const hear = async (signed: SignedHead) =>
    intake.onGossip(encodeGossip({ type: 'head', head: signed }), friend.author);
  await hear(life(1, 1));
  await hear(life(2, 1));
  expect(toTwins).toEqual([]);
  for (let n = 2; n < 5; n++) {
    await state.clock.advance(1_000);
    await hear(life(1, n));
    await hear(life(2, n));
  }
  expect(toTwins.map(({ head: told }) => told.incarnation[0])).toEqual([1, 2, 1, 2, 1, 2]);
  await state.clock.advance(60_000);
  const before = toTwins.length;
  await hear(life(2, 9));
  expect(toTwins.length).toBe(before);
});

describe('a push stream', () => {
  it('is broken off for a forged or malformed commit, not for one that only we refuse [G3]', async () => {
    const frame = (...fragments: readonly Uint8Array[]): Promise<void> =>
      intake.onStreamFrame(friend.author, { type: 'commits', fragments });
    await expect(frame(withBadSignature(friend.commit({ a: 1 })))).rejects.toMatchObject({ code: 'malformed' });
    await expect(frame(Uint8Array.of(1))).rejects.toMatchObject({ code: 'malformed' });
    await frame(encodeFragment(stranger.commit({ a: 1 })));
    await frame(encodeFragment(friend.commit({ a: 1 })));
    await until('it is applied', () => state.replica.tree.size === 1);
  });

  it('brings heads of its own node and of others, by HTTP [E5]', async () => {
    await intake.onStreamFrame(friend.author, { type: 'head', head: friend.head({ sequence: 3 }) });
    await intake.onStreamFrame(friend.author, { type: 'head', head: relay.head({ sequence: 4 }) });
    expect(peers.get(friend.author)).toMatchObject({
      view: { heardAt: { http: 0, p2p: undefined } },
    });
    expect(peers.get(relay.author)).toMatchObject({
      view: { heardAt: { http: 0, p2p: undefined } },
    });
  });
});

describe('a hello', () => {
  const hello = (head = friend.head(), more: Partial<Extract<SyncMessage, { type: 'hello' }>> = {}) => ({
    type: 'hello' as const,
    software: '1.0.0',
    head,
    yourHlc: 0n as Hlc,
    ...more,
  });

  it("must carry the sender's own head with a good signature [S2]", async () => {
    await expect(intake.onHello(friend.author, hello(relay.head()), 'p2p')).rejects.toMatchObject({
      code: 'malformed',
    });
    await expect(intake.onHello(friend.author, hello(badHead(friend.head())), 'p2p')).rejects.toMatchObject({
      code: 'bad-signature',
    });
    expect(peers.get(friend.author)).toBeUndefined();
  });

  it('lets writes begin when it names no own commit that we lack [N8]', async () => {
    const ready = outcomeOf(guard.ready());
    await turns();
    expect(ready.state).toBe('pending');
    await intake.onHello(friend.author, hello(), 'http');
    await turns();
    // A node that knows of no commit of its own asks every member: one of them may be as new as itself.
    expect(ready.state).toBe('pending');
    await intake.onHello(relay.author, hello(relay.head()), 'http');
    await turns();
    expect(ready.state).toBe('fulfilled');
  });

  it('of other software opens every refusal again [S12]', async () => {
    await intake.onHello(friend.author, hello(), 'p2p');
    const peer = peers.get(friend.author);
    peer?.repair.refused.add(new Uint8Array(32), new Uint8Array(32), undefined, { reason: 'unknown-version' }, 0);
    await intake.onHello(friend.author, hello(friend.head({ sequence: 2 })), 'p2p');
    expect([
      peer?.repair.refused.size,
      peer?.view.software,
      bytesToHex(peer?.view.head?.root ?? new Uint8Array(0)),
    ]).toEqual([1, '1.0.0', '02'.repeat(32)]);
    await intake.onHello(friend.author, hello(friend.head({ sequence: 3 }), { software: '1.1.0' }), 'p2p');
    expect(peer?.repair.refused.size).toBe(0);
  });
});
