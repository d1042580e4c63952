import { beforeEach, describe, expect, it } from 'vitest';
import { leafHash } from '../../../../src/core/merkle/index.ts';
import { type Author, type Bytes, bytesToHex, equalBytes, type Fragment } from '../../../../src/core/types/index.ts';
import { decodeSync, encodeFragment, encodeSync, keyHash, type LeafDigest } from '../../../../src/core/wire/index.ts';
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

beforeEach(async () => {
  clock = createHandClock();
  ours = await openTestState({ clock });
  peers = createPeerTable(clock);
  answers = new Map();
  asked = [];
  heads = 0;
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
  peers.hear(peer, author.head({ sequence: heads, root, entries: 5_000 }), 'p2p', true);
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
    // Without a rest there would be one every two seconds. The rests double from a second to ten minutes.
    expect(sessions.length).toBeLessThan(15);
    const gaps = sessions.slice(1).map((at, i) => at - (sessions[i] as number));
    expect(gaps.every((gap, i) => gap >= Math.min(600_000, 1_000 * 2 ** i))).toBe(true);
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
