import { beforeEach, describe, expect, it } from 'vitest';
import { leafHash } from '../../../../src/core/merkle/index.ts';
import { type Author, type Bytes, bytesToHex, equalBytes, type Fragment } from '../../../../src/core/types/index.ts';
import {
  decodeFragment,
  decodeSync,
  encodeFragment,
  encodeSync,
  keyHash,
  type LeafDigest,
} from '../../../../src/core/wire/index.ts';
import { createDoor } from '../../../../src/runtime/commit/door.ts';
import { setConnected } from '../../../../src/runtime/peers/link.ts';
import { createPeerTable, type Peer, type PeerTable } from '../../../../src/runtime/peers/peers.ts';
import { RecentRoots } from '../../../../src/runtime/peers/recent-roots.ts';
import { createRepairs, type Repairs } from '../../../../src/runtime/repair/repairs.ts';
import {
  createAuthor,
  createHandClock,
  createRandom,
  type HandClock,
  hasher,
  log,
  metrics,
  NETWORK,
  openTestState,
  put,
  type TestAuthor,
  type TestState,
  turns,
  verifier,
} from '../support.ts';

const TICK_MS = 250;
const [liar, accomplice, honest] = [createAuthor(11), createAuthor(12), createAuthor(13)];

let clock: HandClock;
let ours: TestState;
let peers: PeerTable;
let repairs: Repairs;
/** How each peer answers, by its author. */
let answers: Map<Author, (message: Bytes) => Promise<Bytes>>;
/** When each peer was asked, and for what. */
let asked: { readonly peer: Author; readonly type: string; readonly at: number }[];
let heads: number;
/** The incarnation that peers tell, where it is not the usual one. */
let incarnation: Bytes | undefined;

beforeEach(async () => {
  clock = createHandClock();
  ours = await openTestState({ clock });
  peers = createPeerTable(clock);
  answers = new Map();
  asked = [];
  heads = 0;
  incarnation = undefined;
  const { replica, writer, entries } = ours;
  repairs = createRepairs({
    nameOf: (author) => author,
    replica,
    hasher,
    writer,
    door: createDoor({
      hasher,
      network: NETWORK,
      isTrusted: () => true,
      isFull: () => false,
      verifier,
      writer,
      clock,
      metrics,
    }),
    clock,
    random: createRandom(1),
    log,
    metrics,
    self: ours.self.author,
    entries,
    linkTo: ({ author }) => ({
      lung: 'p2p',
      link: (message) => {
        asked.push({ peer: author, type: decodeSync(message).type, at: clock.monotonic() });
        return (answers.get(author) as (message: Bytes) => Promise<Bytes>)(message);
      },
    }),
    peerIdOf: (author) => author,
    onEvent: () => undefined,
    root: () => bytesToHex(replica.tree.root()),
    isBlocked: () => false,
    peers,
  });
});

/** A connected peer that says it has another root each time it is heard. */
function hear(author: TestAuthor): Peer {
  const peer = peers.ensure(author.author);
  if (peer === undefined) throw new Error('no room');
  setConnected(peer.link, true);
  const root = hasher.hash(Uint8Array.of(++heads >> 16, heads >> 8, heads));
  const more = incarnation === undefined ? {} : { incarnation };
  peers.hear(peer, author.head({ sequence: heads, root, entries: 5_000, ...more }), 'p2p', true);
  return peer;
}

/** Time passes: the peers are heard and looked at every quarter of a second. */
async function pass(ms: number, authors: readonly TestAuthor[]): Promise<void> {
  for (let t = 0; t < ms; t += TICK_MS) {
    await clock.advance(TICK_MS);
    const root = bytesToHex(ours.replica.tree.root());
    for (const author of authors) {
      const peer = hear(author);
      peers.compare(peer, { root, recent: new RecentRoots(), seenHlc: 0n, trustHash: new Uint8Array(32) });
      // A stream that has lost its place asks for a repair at once; a liar may say so as often as it likes.
      if (author !== honest && t % 2_000 === 0) peers.repairSoon(author.author);
      repairs.consider(peer);
    }
    await turns(20);
  }
}

const timesOf = (author: TestAuthor, type: string): number[] =>
  asked.filter((one) => one.peer === author.author && one.type === type).map(({ at }) => at);

let invented = 0;
/** As many leaves under each nibble as make a list, of keys that nobody has. */
function inventedLeaves(nibble: number): LeafDigest[] {
  const leaves = Array.from({ length: 16 }, () => {
    const keyHash = hasher.hash(Uint8Array.of(1, ++invented >> 16, invented >> 8, invented)).slice();
    keyHash[0] = (nibble << 4) | ((keyHash[0] as number) & 15);
    return { keyHash, digest: keyHash.slice(0, 16) };
  });
  return leaves.sort((a, b) => (bytesToHex(a.keyHash) < bytesToHex(b.keyHash) ? -1 : 1));
}

/** Lists other keys at each question and delivers none of them. */
async function listsAndWithholds(bytes: Bytes): Promise<Bytes> {
  const message = decodeSync(bytes);
  if (message.type === 'digests') {
    const differences = Array.from({ length: 16 }, (_, nibble) => ({
      kind: 'leaves' as const,
      prefix: Uint8Array.of(nibble << 4),
      bits: 4,
      leaves: inventedLeaves(nibble),
    }));
    return encodeSync({ type: 'differences', differences });
  }
  if (message.type === 'want')
    return encodeSync({ type: 'entries', answered: message.keyHashes.length, fragments: [] });
  return encodeSync({ type: 'error', code: 'unknown-version', message: 'no' });
}

describe('a peer that lists leaves and does not deliver them', () => {
  it('is asked less and less often, whatever it says of roots and streams [S15]', async () => {
    answers.set(liar.author, listsAndWithholds);
    await pass(15 * 60_000, [liar]);
    const sessions = timesOf(liar, 'digests');
    // Without a rest there would be one every two seconds. The rests double from a second to ten minutes, and once a
    // minute of them a probe of a few requests finds out that nothing has changed.
    expect(sessions.length).toBeLessThan(24);
    const gaps = sessions.slice(1).map((at, i) => at - (sessions[i] as number));
    expect(gaps.every((gap, i) => gap >= Math.min(60_000, 1_000 * 2 ** i))).toBe(true);
    for (const from of sessions.slice(8)) {
      const until = from + 60_000;
      expect(asked.filter(({ peer, at }) => peer === liar.author && at >= from && at < until).length).toBeLessThan(17);
    }
    expect(peers.get(liar.author)?.repair.last).toMatchObject({ outcome: 'failed', errorCode: 'not-delivered' });
    expect(peers.get(liar.author)?.repair.refused.reasons()).toMatchObject({ 'not-delivered': expect.any(Number) });
  });
});

describe('a peer that takes what we push and forgets it', () => {
  it('is asked less and less often [S15]', async () => {
    for (let i = 0; i < 20; i++) await ours.writer.write(put(`k${i}`, i));
    answers.set(liar.author, async (bytes) => {
      const message = decodeSync(bytes);
      // It says that it has nothing, holds all that it is sent, and then says that it has nothing.
      if (message.type === 'digests') {
        const differences = message.queries.flatMap(({ bitmap }) =>
          Array.from({ length: 16 }, (_, n) => n)
            .filter((n) => (bitmap & (1 << n)) !== 0)
            .map((n) => ({ kind: 'leaves' as const, prefix: Uint8Array.of(n << 4), bits: 4, leaves: [] })),
        );
        return encodeSync({ type: 'differences', differences });
      }
      if (message.type === 'push')
        return encodeSync({ type: 'pushed', verdicts: message.fragments.map(() => 'held' as const) });
      return encodeSync({ type: 'error', code: 'unknown-version', message: 'no' });
    });
    await pass(60_000, [liar]);
    expect(peers.get(liar.author)?.repair.last).toMatchObject({ pushed: 20 });
    expect(timesOf(liar, 'push').length).toBeLessThan(8);
  });
});

describe('two peers that keep a session busy', () => {
  it('hold up no other: a session of which nothing comes ends, and only one such peer has a slot [N10, S15]', async () => {
    /** Answers after nine seconds, with nothing to go on with. */
    const trickles = async (bytes: Bytes): Promise<Bytes> => {
      await new Promise<void>((resolve) => clock.after(9_000, resolve));
      const message = decodeSync(bytes);
      return message.type === 'want'
        ? encodeSync({ type: 'entries', answered: 1, fragments: [] })
        : listsAndWithholds(bytes);
    };
    answers.set(liar.author, trickles);
    answers.set(accomplice.author, trickles);
    answers.set(honest.author, async () => encodeSync({ type: 'differences', differences: [] }));
    await pass(5 * 60_000, [liar, accomplice, honest]);
    const served = timesOf(honest, 'digests');
    // Nothing is known of the two at first, so each has a slot once. From then on one slot is free for others.
    const later = served.filter((at) => at > 45_000);
    expect(later[0]).toBeLessThan(48_000);
    const gaps = later.slice(1).map((at, i) => at - (later[i] as number));
    expect(Math.max(...gaps)).toBeLessThan(3_000);
  });

  it('have their turns one after another: who was due first has the next free slot [N10]', async () => {
    const turnsOf: TestAuthor[] = [liar, accomplice, honest, createAuthor(14)];
    // Each session lasts four seconds and finds nothing, so each peer is due again when it ends.
    for (const { author } of turnsOf)
      answers.set(author, async () => {
        await new Promise<void>((resolve) => clock.after(4_000, resolve));
        return encodeSync({ type: 'differences', differences: [] });
      });
    await pass(60_000, turnsOf);
    const counts = turnsOf.map((author) => timesOf(author, 'digests').length);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    expect(Math.min(...counts)).toBeGreaterThan(5);
  });
});

/** Answers digests with these leaves, as one that has nothing else. */
function listing(leaves: readonly LeafDigest[]): Bytes {
  const differences = Array.from({ length: 16 }, (_, nibble) => ({
    kind: 'leaves' as const,
    prefix: Uint8Array.of(nibble << 4),
    bits: 4,
    leaves: leaves
      .filter(({ keyHash: hash }) => (hash[0] as number) >> 4 === nibble)
      .sort((a, b) => (bytesToHex(a.keyHash) < bytesToHex(b.keyHash) ? -1 : 1)),
  }));
  return encodeSync({ type: 'differences', differences });
}
const leafOfCommit = (commit: Fragment): LeafDigest => {
  const hash = keyHash((commit.operations[0] as Fragment['operations'][number]).operation.key, hasher);
  return { keyHash: hash, digest: leafHash(hash, [{ commit: commit.idBytes, index: 0 }], hasher).slice(0, 16) };
};
const ourLeaves = (): LeafDigest[] => ours.replica.tree.leavesUnder(new Uint8Array(0), 0, 1_000);
const NO = encodeSync({ type: 'error', code: 'unknown-version', message: 'no' });
const afterMs = (ms: number): Promise<void> => new Promise<void>((resolve) => clock.after(ms, resolve));

/** Has the commits; of each want it answers the first key, after so many ms. */
const serving =
  (commits: readonly Fragment[], waitMs = 0) =>
  async (bytes: Bytes): Promise<Bytes> => {
    const message = decodeSync(bytes);
    if (message.type === 'digests') return listing(commits.map(leafOfCommit));
    if (message.type !== 'want') return NO;
    if (waitMs > 0) await afterMs(waitMs);
    const fragments = commits
      .filter((commit) => equalBytes(leafOfCommit(commit).keyHash, message.keyHashes[0] as Bytes))
      .map(encodeFragment);
    return encodeSync({ type: 'entries', answered: 1, fragments });
  };

/** Time passes until it is so. Signatures are checked by threads, in real time, so that time is not counted. */
async function passUntil(isSo: () => boolean, author: TestAuthor): Promise<number> {
  const from = clock.monotonic();
  for (let i = 0; i < 2_000 && !isSo(); i++) {
    await pass(TICK_MS, [author]);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  expect(isSo()).toBe(true);
  return clock.monotonic() - from;
}

describe('a peer that rests', () => {
  it('is repaired with after a minute once it delivers again [S15]', async () => {
    answers.set(honest.author, listsAndWithholds);
    const { repair } = hear(honest);
    await passUntil(() => repair.restUntil - clock.monotonic() > 250_000, honest);
    answers.set(honest.author, serving([1, 2, 3].map((n) => honest.commit({ [`k${n}`]: n }))));
    const tookMs = await passUntil(() => ours.replica.tree.size === 3, honest);
    expect(tookMs).toBeLessThan(65_000);
    expect(repair.fruitless).toBe(0);
  });

  it('is not probed while it says nothing new of its state [S15]', async () => {
    answers.set(honest.author, listsAndWithholds);
    const { repair } = hear(honest);
    await passUntil(() => repair.restUntil - clock.monotonic() > 250_000, honest);
    const before = asked.length;
    const peer = peers.ensure(honest.author) as Peer;
    for (let t = 0; t < 200_000; t += 10_000) {
      await clock.advance(10_000);
      const root = bytesToHex(ours.replica.tree.root());
      peers.compare(peer, { root, recent: new RecentRoots(), seenHlc: 0n, trustHash: new Uint8Array(32) });
      repairs.consider(peer);
      await turns(20);
    }
    expect(asked.length).toBe(before);
  });
});

describe('a slow peer', () => {
  it('does not rest while each of its answers brings something new [S15]', async () => {
    answers.set(
      honest.author,
      serving(
        [1, 2, 3, 4, 5, 6].map((n) => honest.commit({ [`k${n}`]: n })),
        9_000,
      ),
    );
    const { repair } = hear(honest);
    await passUntil(() => ours.replica.tree.size === 6, honest);
    await pass(2_000, [honest]);
    expect(repair.fruitless).toBe(0);
    expect(timesOf(honest, 'digests').length).toBeLessThan(4);
  });

  it('does not rest while it takes what we push, message by message [S15]', async () => {
    const value = 'x'.repeat(16_380);
    await Promise.all(Array.from({ length: 255 }, (_, i) => ours.writer.write(put(`k${i}`, value))));
    expect(ours.replica.tree.size).toBe(255);
    let taken = 0;
    answers.set(honest.author, async (bytes) => {
      const message = decodeSync(bytes);
      if (message.type === 'digests') return listing(taken < 255 ? [] : ourLeaves());
      if (message.type !== 'push') return NO;
      await afterMs(9_000);
      const operations = message.fragments.flatMap((one) => decodeFragment(one, hasher).operations);
      taken += operations.length;
      return encodeSync({ type: 'pushed', verdicts: operations.map(() => 'held' as const) });
    });
    const { repair } = hear(honest);
    const pushed = (): number => timesOf(honest, 'push').length;
    await passUntil(() => pushed() >= 5 && !repair.running, honest);
    expect([repair.fruitless, repair.last?.pushed]).toEqual([0, 255]);
  });
});

describe('a peer that lost its disk', () => {
  it('does not rest while it takes again what was settled with it before [S15]', async () => {
    for (let i = 0; i < 20; i++) await ours.writer.write(put(`k${i}`, i));
    /** What the peer says that it has: the leaves that it was pushed. */
    let has: LeafDigest[] = [];
    answers.set(honest.author, async (bytes) => {
      const message = decodeSync(bytes);
      if (message.type === 'digests') return listing(has);
      if (message.type !== 'push') return NO;
      const operations = message.fragments.flatMap((one) => decodeFragment(one, hasher).operations);
      has = ourLeaves();
      return encodeSync({ type: 'pushed', verdicts: operations.map(() => 'held' as const) });
    });
    const { repair } = hear(honest);
    await pass(5_000, [honest]);
    expect([has.length, repair.fruitless]).toEqual([20, 0]);
    has = [];
    const peer = peers.ensure(honest.author) as Peer;
    const reborn = honest.head({ sequence: 1, incarnation: new Uint8Array(8).fill(99), entries: 0, wallMs: 2 ** 45 });
    peers.hear(peer, reborn, 'p2p', true);
    heads = 0;
    incarnation = new Uint8Array(8).fill(99);
    await pass(5_000, [honest]);
    expect([has.length, repair.fruitless]).toEqual([20, 0]);
  });
});

describe('an honest peer', () => {
  it('that was too busy for a moment is repaired with soon afterwards [S12]', async () => {
    for (let i = 0; i < 20; i++) await ours.writer.write(put(`k${i}`, i));
    let isBusy = true;
    answers.set(honest.author, async (bytes) => {
      const message = decodeSync(bytes);
      if (message.type === 'digests') {
        const differences = Array.from({ length: 16 }, (_, n) => ({
          kind: 'leaves' as const,
          prefix: Uint8Array.of(n << 4),
          bits: 4,
          leaves: [],
        }));
        return encodeSync({ type: 'differences', differences });
      }
      if (message.type !== 'push') return encodeSync({ type: 'error', code: 'unknown-version', message: 'no' });
      const verdict = isBusy ? 'overloaded' : 'held';
      isBusy = false;
      return encodeSync({ type: 'pushed', verdicts: message.fragments.map(() => verdict) });
    });
    await pass(30_000, [honest]);
    const [first, second] = timesOf(honest, 'push');
    expect((second as number) - (first as number)).toBeLessThan(6_000);
  });

  it('of which one entry is damaged is repaired with as ever in all other keys [S12, S15]', async () => {
    const written = Array.from({ length: 6 }, (_, i) => honest.commit({ [`k${i}`]: i }));
    const leafOf = (i: number): LeafDigest => {
      const hash = keyHash(`k${i}`, hasher);
      const refs = [{ commit: (written[i] as Fragment).idBytes, index: 0 }];
      return { keyHash: hash, digest: leafHash(hash, refs, hasher).slice(0, 16) };
    };
    let damaged = 0;
    let known = 3;
    answers.set(honest.author, async (bytes) => {
      const message = decodeSync(bytes);
      if (message.type === 'digests') {
        const differences = Array.from({ length: 16 }, (_, nibble) => ({
          kind: 'leaves' as const,
          prefix: Uint8Array.of(nibble << 4),
          bits: 4,
          leaves: Array.from({ length: known }, (__, i) => leafOf(i))
            .filter((leaf) => (leaf.keyHash[0] as number) >> 4 === nibble)
            .sort((a, b) => (bytesToHex(a.keyHash) < bytesToHex(b.keyHash) ? -1 : 1)),
        }));
        return encodeSync({ type: 'differences', differences });
      }
      if (message.type !== 'want') return encodeSync({ type: 'error', code: 'unknown-version', message: 'no' });
      const fragments = message.keyHashes.flatMap((hash) => {
        const i = written.findIndex((_, at) => equalBytes(leafOf(at).keyHash, hash));
        return i === damaged ? [] : [encodeFragment(written[i] as Fragment)];
      });
      return encodeSync({ type: 'entries', answered: message.keyHashes.length, fragments });
    });
    /** Looks again and again until so many keys are here. The signatures are checked by threads, in real time. */
    const here = async (keys: number): Promise<void> => {
      for (let i = 0; i < 1_000 && ours.replica.tree.size < keys; i++) await pass(1_000, [honest]);
      expect(ours.replica.tree.size).toBe(keys);
      await pass(3_000, [honest]);
    };
    await here(2);
    const { repair } = hear(honest);
    expect(repair.fruitless).toBe(0);
    known = 6;
    await here(5);
    expect(repair.refused.reasons()).toEqual({ 'not-delivered': 1 });
    damaged = -1;
    await here(6);
  });
});
