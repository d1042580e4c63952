import { beforeEach, describe, expect, it } from 'vitest';
import { entryKey, journalKey, keyToEntryKey } from '../../../../src/core/rows/index.ts';
import { type Bytes, bytesToHex, MAX_VALUE_BYTES } from '../../../../src/core/types/index.ts';
import { encodeGossip, keyHash } from '../../../../src/core/wire/index.ts';
import type { Store } from '../../../../src/ports/index.ts';
import { createEntries } from '../../../../src/runtime/storage/entries.ts';
import { createEntryRows } from '../../../../src/runtime/storage/entry-rows.ts';
import { createStreams, type Streams } from '../../../../src/runtime/streams/streams.ts';
import { FOUND, hasher } from '../support.ts';
import { openStreamsRig, other, reader, type StreamsRig, wordsOf } from './support.ts';

let rig: StreamsRig;

beforeEach(async () => {
  rig = await openStreamsRig();
});

describe('a push stream', () => {
  it('begins now, and carries live commits but those that its reader brought itself [X7]', async () => {
    await rig.write('before', 0);
    const mine = await rig.openPush(reader.author);
    const others = await rig.openPush(other.author);
    await rig.write('own', 1);
    await rig.state.writer.apply(reader.commit({ theirs: 2 }), FOUND);
    expect(mine.seen).toEqual(['cursor 1', 'own=1']);
    expect(others.seen).toEqual(['cursor 1', 'own=1', 'theirs=2']);
  });

  it('carries no commit to its maker nor to its bringer, whoever the other is [X7]', async () => {
    const mine = await rig.openPush(reader.author);
    const others = await rig.openPush(other.author);
    await rig.write('a', 1);
    const step = rig.state.applied[0]?.step;
    if (step === undefined) throw new Error('no step');
    const pushed = [
      { fragment: reader.commit({ relayed: 1 }), from: other.author },
      { fragment: other.commit({ unnamed: 2 }), from: undefined },
    ];
    rig.streams.publish({ sequence: 2, step, pushed });
    expect(mine.seen).toEqual(['cursor 0', 'a=1', 'unnamed=2']);
    expect(others.seen).toEqual(['cursor 0', 'a=1']);
  });

  it('carries each head with a cursor at what was sent before it [X7, X8]', async () => {
    const stream = await rig.openPush(reader.author);
    await rig.write('a', 1);
    rig.streams.publishHead(rig.state.self.head());
    await rig.state.writer.apply(reader.commit({ b: 2 }), FOUND);
    rig.streams.publishHead(rig.state.self.head());
    expect(stream.seen).toEqual(['cursor 0', 'a=1', 'head', 'cursor 1', 'head', 'cursor 2']);
  });

  it('carries messages that belong to no batch, but not to whom they came from [Z6]', async () => {
    const mine = await rig.openPush(reader.author);
    const others = await rig.openPush(other.author);
    rig.streams.publishFrame(encodeGossip({ type: 'reset', reason: 'a word' }), other.author);
    expect([mine.seen, others.seen]).toEqual([['cursor 0', 'reset: a word'], ['cursor 0']]);
  });

  it('resumed at a cursor begins with what changed since, then goes on live [X8]', async () => {
    for (const [i, key] of ['a', 'b', 'a', 'c'].entries()) await rig.write(key, i);
    const stream = await rig.openPush(reader.author, rig.at(2));
    await rig.write('d', 9);
    // The value that stands: what was written over since is not sent again.
    expect(stream.seen).toEqual(['a=2', 'c=3', 'cursor 4', 'd=9']);
  });

  it('resumed at the present begins with nothing [X8]', async () => {
    await rig.write('a', 1);
    expect((await rig.openPush(reader.author, rig.at(1))).seen).toEqual(['cursor 1']);
  });

  it('begins with a reset when it cannot be resumed, and is live all the same [X8]', async () => {
    const { store } = rig.state;
    for (let i = 1; i <= 5; i++) await rig.write('a', i);
    const reset = async (cursor: string): Promise<string[]> => (await rig.openPush(reader.author, cursor)).seen;
    expect(await reset('00.3')).toEqual(['reset: the cursor belongs to another store', 'cursor 5']);
    expect(await reset(rig.at(6))).toEqual(['reset: the cursor is not one of this store', 'cursor 5']);
    await store.batch([{ type: 'del', key: journalKey(3) }]);
    expect((await reset(rig.at(2)))[0]).toBe('reset: the journal no longer goes back to the cursor');
    await store.batch([4, 5].map((n) => ({ type: 'del' as const, key: journalKey(n) })));
    expect((await reset(rig.at(3)))[0]).toBe('reset: the journal no longer goes back to the cursor');
    const stream = await rig.openPush(reader.author, rig.at(1));
    await rig.write('b', 1);
    expect(stream.seen.slice(-2)).toEqual(['cursor 5', 'b=1']);
  });

  it('begins with a reset when more than 10,000 batches have come since [X8]', async () => {
    // A store that has no records at all says so when it is asked for them.
    const firstWord = async (sequence: number): Promise<string | undefined> => {
      const far = streamsAt(sequence);
      const seen: string[] = [];
      const send = (frame: Bytes): boolean => seen.push(...wordsOf(frame)) > 0;
      await far.openPush(reader.author, rig.at(0), send, () => undefined);
      return seen[0];
    };
    expect(await firstWord(10_001)).toBe('reset: the cursor is too far behind');
    expect(await firstWord(10_000)).toBe('reset: the journal no longer goes back to the cursor');
  });

  it('tells how far a long replay has come, so that a reader that is cut off goes on from there [X8]', async () => {
    for (let i = 1; i <= 16; i++) await rig.write(`k${i}`, 'x'.repeat(MAX_VALUE_BYTES - 100));
    const keys = (seen: readonly string[]): string[] => seen.map((word) => word.replace(/=.*/, ''));
    const cut = await rig.openPush(reader.author, rig.at(0), 8);
    const cursor = cut.seen.findLast((word) => word.startsWith('cursor'));
    expect(cursor).toBeDefined();
    const reached = Number(cursor?.split(' ')[1]);
    expect(keys(cut.seen)).toContain(`k${reached}`);
    const resumed = await rig.openPush(reader.author, rig.at(reached));
    expect(keys(resumed.seen)[0]).toBe(`k${reached + 1}`);
    expect(resumed.seen.at(-1)).toBe('cursor 16');
  });
});

function streamsAt(sequence: number, store: Pick<Store, 'getMany' | 'iterate'> = rig.state.store): Streams {
  const { replica, incarnation, writer } = rig.state;
  return createStreams({
    store,
    entries: createEntries({ rows: createEntryRows(store, hasher), hasher, replica }),
    hasher,
    writer,
    incarnation: bytesToHex(incarnation),
    sequence: () => sequence,
  });
}

describe('what a push stream replays is held against the tree [N12]', () => {
  /** The row of `changed` as it was at first. */
  let early: Bytes;
  let seen: string[];

  beforeEach(async () => {
    await rig.write('changed', 'before');
    early = (await rig.state.store.get(keyToEntryKey('changed', hasher))) as Bytes;
    await rig.write('changed', 'after');
    await rig.write('other', 1);
    seen = [];
  });

  const openOver = (streams: Streams): Promise<unknown> =>
    streams.openPush(
      reader.author,
      rig.at(1),
      (frame) => seen.push(...wordsOf(frame)) > 0,
      () => undefined,
    );

  it('sends the newest entry where the store answers a read by key with an older row', async () => {
    const { store } = rig.state;
    const isChanged = (key: Bytes): boolean => Buffer.compare(key, entryKey(keyHash('changed', hasher))) === 0;
    const stale = {
      ...store,
      getMany: async (keys: readonly Bytes[]) =>
        (await store.getMany(keys)).map((row, i) => (isChanged(keys[i] as Bytes) ? early : row)),
    };
    expect(await stale.getMany([keyToEntryKey('changed', hasher)])).toEqual([early]);
    await openOver(streamsAt(3, stale));
    expect(seen).toEqual(['changed="after"', 'other=1', 'cursor 3']);
  });

  it.each([
    ['an older row', () => early],
    ['no row', () => undefined],
    ['a row of another key', async () => rig.state.store.get(keyToEntryKey('other', hasher))],
    ['a row that is cut off', () => early.slice(0, -9)],
  ])('sends nothing of a key of which the store has %s, and fails to open', async (_, damage) => {
    const key = keyToEntryKey('changed', hasher);
    const value = await damage();
    await rig.state.store.batch([value === undefined ? { type: 'del', key } : { type: 'put', key, value }]);
    await expect(openOver(rig.streams)).rejects.toMatchObject({
      code: expect.stringMatching(/^(store-damaged|damaged-row)$/),
    });
    expect(seen).toEqual([]);
    expect(rig.streams.streamsTo(reader.author)).toBe(false);
    // What comes now is whole: who follows from the present on is served.
    const live = await rig.openPush(other.author);
    await rig.write('fresh', 1);
    expect(live.seen).toEqual(['cursor 3', 'fresh=1']);
  });
});
