import { beforeEach, describe, expect, it } from 'vitest';
import { journalKey } from '../../../../src/core/rows/index.ts';
import {
  type Author,
  type Bytes,
  bytesToHex,
  type Fragment,
  MAX_VALUE_BYTES,
} from '../../../../src/core/types/index.ts';
import { decodeFragment, decodeGossip } from '../../../../src/core/wire/index.ts';
import type { LatticeEvent } from '../../../../src/runtime/facade/facade.ts';
import { createFeed, type Feed, packFragments } from '../../../../src/runtime/streams/feed.ts';
import {
  createAuthor,
  deferred,
  FOUND,
  gateStore,
  hasher,
  openTestState,
  outcomeOf,
  put,
  type TestState,
  turns,
  until,
} from '../support.ts';

const reader = createAuthor(2);
const other = createAuthor(3);

let state: TestState;
let feed: Feed;
/** The cursor's first half. */
let life: string;
/** Ends the store's next iteration's wait. */
let pause: Promise<void> | undefined;
let iterations: number;

beforeEach(async () => {
  pause = undefined;
  iterations = 0;
  const gated = gateStore();
  // By whom a fragment came is what the door remembers; here its author brings it.
  state = await openTestState({
    store: gated,
    onApplied: ({ step }) => {
      const pushed = step.applied.map(({ fragment }) => ({
        fragment,
        from: fragment.header.author as Author | undefined,
      }));
      feed.publish({
        sequence: step.sequence,
        step,
        pushed: [...step.commits.map((fragment) => ({ fragment, from: undefined })), ...pushed],
      });
    },
  });
  life = bytesToHex(state.incarnation);
  feed = createFeed({
    store: {
      ...gated,
      async *iterate(range) {
        iterations++;
        await pause;
        yield* gated.iterate(range);
      },
    },
    hasher,
    writer: state.writer,
    incarnation: life,
    sequence: () => state.applied.at(-1)?.step.sequence ?? 0,
  });
});

/** What a push stream brought, in words: `key=value` for each operation, the rest by name. */
function wordsOf(frame: Bytes): string[] {
  const message = decodeGossip(frame, { stream: true });
  if (message.type === 'cursor') return [`cursor ${message.cursor.split('.')[1]}`];
  if (message.type === 'reset') return [`reset: ${message.reason}`];
  if (message.type === 'head') return ['head'];
  if (message.type === 'attestation') return [`attestation ${message.attestation.attestation.at}`];
  return message.fragments.flatMap((bytes) =>
    decodeFragment(bytes, hasher).operations.map(
      ({ operation }) => `${operation.key}=${JSON.stringify(operation.value)}`,
    ),
  );
}

interface Stream {
  readonly seen: string[];
  /** Frames after which it takes no more. */
  room: number;
  closed: number;
  close(): void;
}

async function openPush(peer: Author, cursor = '', room = Number.POSITIVE_INFINITY): Promise<Stream> {
  const stream: Stream = { seen: [], room, closed: 0, close: () => undefined };
  const send = (frame: Bytes): boolean => {
    if (stream.room-- <= 0) return false;
    stream.seen.push(...wordsOf(frame));
    return true;
  };
  const { close } = await feed.openPush(peer, cursor, send, () => void stream.closed++);
  stream.close = close;
  return stream;
}

const write = async (key: string, value: string | number): Promise<unknown> => state.writer.write(put(key, value));
const at = (sequence: number): string => `${life}.${sequence}`;

describe('a push stream', () => {
  it('begins now, and carries live commits but those that its reader brought itself [X7]', async () => {
    await write('before', 0);
    const mine = await openPush(reader.author);
    const others = await openPush(other.author);
    await write('own', 1);
    await state.writer.apply(reader.commit({ theirs: 2 }), FOUND);
    expect(mine.seen).toEqual(['cursor 1', 'own=1']);
    expect(others.seen).toEqual(['cursor 1', 'own=1', 'theirs=2']);
  });

  it('carries each head with a cursor at what was sent before it [X7, X8]', async () => {
    const stream = await openPush(reader.author);
    await write('a', 1);
    feed.publishHead(state.self.head());
    await state.writer.apply(reader.commit({ b: 2 }), FOUND);
    feed.publishHead(state.self.head());
    expect(stream.seen).toEqual(['cursor 0', 'a=1', 'head', 'cursor 1', 'head', 'cursor 2']);
  });

  it('resumed at a cursor begins with what changed since, then goes on live [X8]', async () => {
    for (const [i, key] of ['a', 'b', 'a', 'c'].entries()) await write(key, i);
    const stream = await openPush(reader.author, at(2));
    await write('d', 9);
    // The value that stands: what was written over since is not sent again.
    expect(stream.seen).toEqual(['a=2', 'c=3', 'cursor 4', 'd=9']);
  });

  it('resumed at the present begins with nothing [X8]', async () => {
    await write('a', 1);
    expect((await openPush(reader.author, at(1))).seen).toEqual(['cursor 1']);
  });

  it('sends what was written during the replay after it, once and in order [X8]', async () => {
    for (let i = 1; i <= 600; i++) await write(`k${i}`, i);
    const held = deferred<void>();
    pause = held.promise;
    const opening = openPush(reader.author, at(0));
    await until('the replay has begun', () => iterations === 1);
    await write('live1', 'x');
    await write('live2', 'y');
    held.resolve();
    const { seen } = await opening;
    await write('live3', 'z');
    const values = seen.filter((word) => !word.startsWith('cursor'));
    expect(values).toEqual([
      ...Array.from({ length: 600 }, (_, i) => `k${i + 1}=${i + 1}`),
      'live1="x"',
      'live2="y"',
      'live3="z"',
    ]);
  });

  it('begins with a reset when it cannot be resumed, and is live all the same [X8]', async () => {
    for (let i = 1; i <= 5; i++) await write('a', i);
    const reset = async (cursor: string): Promise<string[]> => (await openPush(reader.author, cursor)).seen;
    expect(await reset('00.3')).toEqual(['reset: the cursor belongs to another store', 'cursor 5']);
    const unknown = ['reset: the cursor is not one of this store', 'cursor 5'];
    for (const cursor of [at(6), life, `${life}.`, `${life}.x`, `${life}.-1`, `${life}.1e0`])
      expect(await reset(cursor), cursor).toEqual(unknown);
    await state.store.batch([{ type: 'del', key: journalKey(3) }]);
    expect((await reset(at(2)))[0]).toBe('reset: the journal no longer goes back to the cursor');
    await state.store.batch([4, 5].map((n) => ({ type: 'del' as const, key: journalKey(n) })));
    expect((await reset(at(3)))[0]).toBe('reset: the journal no longer goes back to the cursor');
    const stream = await openPush(reader.author, at(1));
    await write('b', 1);
    expect(stream.seen.slice(-2)).toEqual(['cursor 5', 'b=1']);
  });

  it('begins with a reset when more than 10,000 batches have come since [X8]', async () => {
    // A store that has no records at all says so when it is asked for them.
    const firstWord = async (sequence: number): Promise<string | undefined> => {
      const far = createFeed({
        store: state.store,
        hasher,
        writer: state.writer,
        incarnation: life,
        sequence: () => sequence,
      });
      const seen: string[] = [];
      const send = (frame: Bytes): boolean => seen.push(...wordsOf(frame)) > 0;
      await far.openPush(reader.author, at(0), send, () => undefined);
      return seen[0];
    };
    expect(await firstWord(10_001)).toBe('reset: the cursor is too far behind');
    expect(await firstWord(10_000)).toBe('reset: the journal no longer goes back to the cursor');
  });

  it('tells how far a long replay has come, so that a reader that is cut off goes on from there [X8]', async () => {
    for (let i = 1; i <= 16; i++) await write(`k${i}`, 'x'.repeat(MAX_VALUE_BYTES - 100));
    const keys = (seen: readonly string[]): string[] => seen.map((word) => word.replace(/=.*/, ''));
    const cut = await openPush(reader.author, at(0), 8);
    const cursor = cut.seen.findLast((word) => word.startsWith('cursor'));
    expect(cursor).toBeDefined();
    const reached = Number(cursor?.split(' ')[1]);
    expect(keys(cut.seen)).toContain(`k${reached}`);
    const resumed = await openPush(reader.author, at(reached));
    expect(keys(resumed.seen)[0]).toBe(`k${reached + 1}`);
    expect(resumed.seen.at(-1)).toBe('cursor 16');
  });

  it('is dropped when its reader takes no more: live, during the replay, and after it', async () => {
    await write('a', 1);
    await write('b', 2);
    const live = await openPush(reader.author);
    const untouched = await openPush(reader.author);
    live.room = 0;
    await write('c', 3);
    await write('d', 4);
    expect([live.closed, untouched.seen]).toEqual([1, ['cursor 2', 'c=3', 'd=4']]);

    const replayed = await openPush(other.author, at(0), 1);
    expect(replayed.closed).toBe(1);
    expect(feed.streamsTo(other.author)).toBe(false);
    replayed.room = 100;
    await write('e', 5);
    feed.publishHead(state.self.head());
    expect(replayed.seen).toEqual(['a=1']);

    const held = deferred<void>();
    pause = held.promise;
    const before = iterations;
    const opening = openPush(other.author, at(4), 1);
    await until('the replay has begun', () => iterations > before);
    await write('f', 6);
    await write('g', 7);
    held.resolve();
    const late = await opening;
    expect([late.seen, late.closed, feed.streamsTo(other.author)]).toEqual([['e=5'], 1, false]);
  });

  it('is dropped when 10,000 batches wait behind its replay', async () => {
    await write('a', 1);
    const held = deferred<void>();
    pause = held.promise;
    const stream: Stream = { seen: [], room: 0, closed: 0, close: () => undefined };
    const opening = feed.openPush(
      reader.author,
      at(0),
      (frame) => stream.seen.push(...wordsOf(frame)) > 0,
      () => void stream.closed++,
    );
    await until('the replay has begun', () => iterations === 1);
    const step = state.applied[0]?.step;
    if (step === undefined) throw new Error('no step');
    for (let i = 0; i < 10_000; i++) feed.publish({ sequence: 2 + i, step, pushed: [] });
    expect(stream.closed).toBe(0);
    feed.publish({ sequence: 10_002, step, pushed: [] });
    expect(stream.closed).toBe(1);
    held.resolve();
    await opening;
    expect([stream.seen, stream.closed]).toEqual([[], 1]);
  });

  it('shows to whom streams are open, and none once they are closed', async () => {
    const stream = await openPush(reader.author);
    expect([feed.streamsTo(reader.author), feed.streamsTo(other.author)]).toEqual([true, false]);
    stream.close();
    expect(feed.streamsTo(reader.author)).toBe(false);
    const open = await openPush(reader.author);
    feed.closeAll();
    expect([feed.streamsTo(reader.author), open.closed]).toEqual([false, 1]);
  });

  it('is one of 512 at most', async () => {
    for (let i = 0; i < 512; i++) await openPush(reader.author);
    await expect(openPush(other.author)).rejects.toMatchObject({ code: 'overloaded' });
  });

  it('lets what cannot be read from the store end it, and leaves no reader behind', async () => {
    await write('a', 1);
    pause = Promise.reject(new Error('read failed'));
    pause.catch(() => undefined);
    await expect(openPush(reader.author, at(0))).rejects.toThrow('read failed');
    expect(feed.streamsTo(reader.author)).toBe(false);
  });
});

describe('gossip messages', () => {
  it('hold commits of one author, and aim at 32 KiB [G4]', () => {
    const value = 'x'.repeat(10_000);
    const mine = Array.from({ length: 7 }, (_, i) => reader.commit({ [`k${i}`]: value }));
    const theirs = Array.from({ length: 2 }, (_, i) => other.commit({ [`k${i}`]: value }));
    const [first, second, third, ...rest] = [
      ...mine.slice(0, 3),
      theirs[0] as Fragment,
      ...mine.slice(3),
      theirs[1] as Fragment,
    ];
    const messages = packFragments([first, second, third, ...rest] as Fragment[]);
    const contents = messages.map((bytes) => {
      const message = decodeGossip(bytes, { stream: false });
      return message.type === 'commits' ? message.fragments.map((f) => decodeFragment(f, hasher).header.author) : [];
    });
    expect(contents.map((authors) => [new Set(authors).size, authors.length])).toEqual([
      [1, 3],
      [1, 1],
      [1, 3],
      [1, 1],
      [1, 1],
    ]);
    expect(Math.max(...messages.map((m) => m.length))).toBeLessThan(33 * 1024);
  });

  it('hold one commit alone when it is larger than that, and 256 at most [G2, G4]', () => {
    const large = reader.commit(Object.fromEntries(Array.from({ length: 4 }, (_, i) => [`k${i}`, 'x'.repeat(16_000)])));
    expect(packFragments([large, reader.commit({ a: 1 })])).toHaveLength(2);
    const small = Array.from({ length: 300 }, (_, i) => reader.commit({ [`${i}`]: i }));
    for (const bytes of packFragments(small)) decodeGossip(bytes, { stream: false });
    expect(packFragments(small).reduce((n, bytes) => n + wordsOf(bytes).length, 0)).toBe(300);
  });
});

describe('the stream of events', () => {
  const short = (event: LatticeEvent): string => {
    if (event.type === 'transition') return `transition ${event.transition.to}`;
    if (!('id' in event)) return event.type;
    const id = event.id.slice(life.length + 1);
    return event.type === 'change' ? `${id} ${event.key}${event.deleted ? ' deleted' : ''}` : `${id} ${event.type}`;
  };

  async function subscribe(after?: string): Promise<{ seen: string[]; events: LatticeEvent[]; close(): void }> {
    const events: LatticeEvent[] = [];
    const seen: string[] = [];
    const { close } = await feed.openEvents(after, (event) => {
      events.push(event);
      seen.push(short(event));
      return true;
    });
    return { seen, events, close };
  }

  const batch = (...keys: readonly string[]): Promise<unknown> =>
    state.writer.write({ operations: keys.map((key) => ({ kind: 'put' as const, key, value: key })) });

  it('tells each change of a batch, then its end with the root [A8]', async () => {
    const { seen, events } = await subscribe();
    await batch('a', 'b');
    await state.writer.write({ operations: [{ kind: 'delete', key: 'a' }] });
    feed.publishTransition({ at: 0, from: 'p2p', to: 'http', cause: 'silent over P2P', code: 'silent' });
    expect(seen).toEqual(['1.0 a', '1.1 b', '1 batch', '2.0 a deleted', '2 batch', 'transition http']);
    expect(events.at(-2)).toMatchObject({ changes: 1, root: bytesToHex(state.replica.tree.root()) });
    expect(events[0]).toMatchObject({ author: state.self.author, hlc: expect.stringMatching(/^[0-9a-f]{16}$/) });
  });

  it('resumes in the middle of a batch, with the events that would have come [A8]', async () => {
    await batch('a', 'b', 'c');
    await batch('d');
    const live = await subscribe(at(0));
    expect(live.seen).toEqual(['1.0 a', '1.1 b', '1.2 c', '1 batch', '2.0 d', '2 batch']);
    for (const [i, event] of live.events.entries()) {
      if (event.type !== 'change' && event.type !== 'batch') continue;
      const resumed = await subscribe(event.id);
      expect(resumed.events, event.id).toEqual(live.events.slice(i + 1));
    }
  });

  it('goes on live after a resumption without a gap [A8]', async () => {
    await batch('a', 'b');
    const held = deferred<void>();
    pause = held.promise;
    const opening = subscribe(`${at(1)}.0`);
    await until('the replay has begun', () => iterations === 1);
    await batch('c');
    held.resolve();
    const { seen } = await opening;
    await batch('d');
    expect(seen).toEqual(['1.1 b', '1 batch', '2.0 c', '2 batch', '3.0 d', '3 batch']);
  });

  it('begins with a reset when the events no longer exist [A8, X8]', async () => {
    await batch('a');
    for (const after of ['00.1', '00.1.0', at(2), `${at(3)}.0`, 'nonsense', '']) {
      expect((await subscribe(after)).seen, after).toEqual(['1 reset']);
    }
  });

  it('ends for a consumer that takes no more, also in a replay', async () => {
    await batch('a', 'b');
    let room = 1;
    const events: string[] = [];
    const send = (event: LatticeEvent): boolean => room-- > 0 && events.push(short(event)) > 0;
    await feed.openEvents(at(0), send);
    room = 100;
    await batch('c');
    expect(events).toEqual(['1.0 a']);
  });

  it('waits for what is on its way to the disk: nothing is told before it is durable [D3]', async () => {
    state.store.hold();
    const { seen } = await subscribe();
    const written = batch('a');
    await until('the batch is on its way', () => state.store.held.length === 1);
    const late = subscribe();
    const opening = outcomeOf(late);
    await turns();
    expect([seen, opening.state]).toEqual([[], 'pending']);
    state.store.open();
    await written;
    expect(seen).toEqual(['1.0 a', '1 batch']);
    expect((await late).seen).toEqual([]);
  });
});
