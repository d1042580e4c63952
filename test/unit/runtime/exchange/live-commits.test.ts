import { beforeEach, describe, expect, it } from 'vitest';
import { type Author, type Bytes, type Fragment, MAX_AHEAD_MS } from '../../../../src/core/types/index.ts';
import { encodeFragment, pickOperations } from '../../../../src/core/wire/index.ts';
import { createDoor, type Door } from '../../../../src/runtime/commit/door.ts';
import { createLiveCommits, type LiveCommits } from '../../../../src/runtime/exchange/live-commits.ts';
import {
  createAuthor,
  EPOCH_MS,
  FOUND,
  hasher,
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
const relay = createAuthor(3).author;
const stranger = createAuthor(4);

let state: TestState;
let door: Door;
let commits: LiveCommits;
/** The commits that this node gossips itself, message by message. */
let passedOn: (readonly Fragment[])[];

beforeEach(async () => {
  state = await openTestState();
  const { clock, writer, replica } = state;
  passedOn = [];
  door = createDoor({
    hasher,
    network: NETWORK,
    isTrusted: (author: Author) => author !== stranger.author,
    isFull: () => false,
    verifier,
    writer,
    clock,
    metrics,
  });
  commits = createLiveCommits({
    hasher,
    clock,
    door,
    seen: (author) => replica.seen(author),
    passOn: (fragments) => void passedOn.push(fragments),
  });
});

const bytesOf = (one: Fragment | Bytes): Bytes => (one instanceof Uint8Array ? one : encodeFragment(one));
const take = (...fragments: readonly (Fragment | Bytes)[]): Promise<string> =>
  commits.take(fragments.map(bytesOf), 'p2p', relay);

/** A message of `count` of the commits, which no other message has in this order. */
const shuffled = (all: readonly Fragment[], count: number, round: number): readonly Fragment[] =>
  Array.from({ length: count }, (_, i) => all[(round * 7 + i * (1 + 2 * (round % 5))) % all.length] as Fragment);

describe('what is passed on', () => {
  it('is nothing of old commits, in whatever new order they come [G3]', async () => {
    const old = Array.from({ length: 64 }, (_, i) => friend.commit({ [`k${i}`]: i }));
    for (const commit of old) await state.writer.apply(commit, FOUND);
    for (let round = 0; round < 40; round++) expect(await take(...shuffled(old, 32, round))).toBe('ignore');
    expect(passedOn).toEqual([]);
  });

  it('is each fresh commit once, in whatever messages it comes [G7]', async () => {
    const fresh = Array.from({ length: 64 }, (_, i) => friend.commit({ [`k${i}`]: i }));
    const sent: Fragment[] = [];
    for (let round = 0; round < 40; round++) {
      const message = shuffled(fresh, 32, round);
      if ((await take(...message)) === 'accept') sent.push(...message);
    }
    const ids = [...sent, ...passedOn.flat()].map(({ id }) => id);
    expect(ids.length).toBeGreaterThanOrEqual(32);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('is what is new of a message that brings old commits too, in a message of this node [G7]', async () => {
    const [old, fresh] = [friend.commit({ a: 1 }), friend.commit({ b: 1 })];
    expect(await take(old)).toBe('accept');
    expect(await take(old, fresh)).toBe('ignore');
    expect(await take(fresh)).toBe('ignore');
    expect(passedOn).toEqual([[expect.objectContaining({ id: fresh.id })]]);
  });

  it('is what is good of a message that is refused: nobody can keep a commit from being passed on [G3]', async () => {
    const [one, two] = [friend.commit({ a: 1 }), friend.commit({ b: 1 })];
    expect(await take(one, withBadSignature(friend.commit({ c: 1 })))).toBe('reject');
    expect(await take(two, stranger.commit({ d: 1 }))).toBe('ignore');
    expect(passedOn.flat().map(({ id }) => id)).toEqual([one.id, two.id]);
    expect(await take(one, two)).toBe('ignore');
  });

  it('is a commit once, and once more as a whole, however many parts of it come [G7, F5]', async () => {
    const commit = friend.commit(Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`k${i}`, i])));
    const part = (...indices: number[]): Fragment => pickOperations(commit, indices, hasher);
    const verdicts: string[] = [];
    for (let end = 1; end < 8; end++) verdicts.push(await take(part(...Array.from({ length: end }, (_, i) => i))));
    for (let i = 0; i < 8; i++) verdicts.push(await take(part(i)));
    expect(verdicts.filter((verdict) => verdict === 'accept')).toHaveLength(1);
    await until('all of it is applied', () => state.replica.tree.size === 8);
    expect(passedOn).toEqual([]);
    const other = friend.commit({ x: 1, y: 1 });
    expect(await take(pickOperations(other, [1], hasher))).toBe('accept');
    expect(await take(other)).toBe('accept');
    expect(await take(other)).toBe('ignore');
  });

  it('is a commit that is older than others of its author once it has changed something [G3]', async () => {
    const [older, newer] = [friend.commit({ a: 1 }), friend.commit({ b: 1 })];
    expect(await take(newer)).toBe('accept');
    await until('the newer one is applied', () => state.replica.tree.size === 1);
    state.store.hold();
    const verdict = take(older);
    const outcome = outcomeOf(verdict);
    await turns(50);
    expect(outcome.state).toBe('pending');
    state.store.open();
    expect(await verdict).toBe('accept');
    expect(await take(older)).toBe('ignore');
  });

  it('is a commit at the very bound of the future when it is applied, and not when it is deferred [C4, G3]', async () => {
    const { clock, replica } = state;
    // A millisecond passes between a look at a commit and the step that takes it.
    commits = createLiveCommits({
      hasher,
      clock: { ...clock, now: () => clock.now() - 1 },
      door,
      seen: replica.seen,
      passOn: (fragments) => void passedOn.push(fragments),
    });
    const within = friend.commit({ a: 1 }, { ms: EPOCH_MS + MAX_AHEAD_MS - 1 });
    const beyond = friend.commit({ b: 1 }, { ms: EPOCH_MS + MAX_AHEAD_MS });
    expect([await take(within), await take(beyond)]).toEqual(['accept', 'ignore']);
    expect([state.replica.tree.size, door.deferred()]).toEqual([1, 1]);
    await clock.advance(1_000);
    expect(await take(within)).toBe('ignore');
  });

  it('is gossiped by others where it came by HTTP first: the stream does not wait for the disk [G3, G5]', async () => {
    const [older, newer] = [friend.commit({ a: 1 }), friend.commit({ b: 1 })];
    await commits.take([bytesOf(newer)], 'http', relay);
    await until('the newer one is applied', () => state.replica.tree.size === 1);
    state.store.hold();
    expect(await commits.take([bytesOf(older)], 'http', relay)).not.toBe('reject');
    expect(await take(older)).toBe('ignore');
    state.store.open();
    expect(passedOn).toEqual([]);
  });
});
