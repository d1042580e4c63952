import { beforeEach, describe, expect, it } from 'vitest';
import { entryKey, keyToEntryKey } from '../../../../src/core/rows/index.ts';
import { type Bytes, compareBytes, MAX_SYNC_BYTES } from '../../../../src/core/types/index.ts';
import {
  decodeFragment,
  decodeSync,
  encodeSync,
  KEY_PREFIX_BYTES,
  type SyncMessage,
} from '../../../../src/core/wire/index.ts';
import {
  createAuthor,
  createHandClock,
  FOUND,
  type GatedStore,
  gateStore,
  type HandClock,
  hasher,
  outcomeOf,
  put,
  until,
} from '../support.ts';
import { broughtBy, hashOf, openSide, type Side, want } from './support.ts';

const friend = createAuthor(2);

let clock: HandClock;
let ours: Side;

beforeEach(async () => {
  clock = createHandClock();
  ours = await openSide({ id: 1, clock, trusted: [friend.author] });
});

/** What the friend is answered. */
const ask = async (message: SyncMessage): Promise<SyncMessage> =>
  decodeSync(await ours.responder.answer(friend.author, encodeSync(message), 'http'));

describe('a want', () => {
  const value = (i: number): string => `${i}`.padStart(10_000, '.');

  it('is answered in its order, and what is not there by nothing [S5]', async () => {
    await ours.writer.write(put('a', 1));
    await ours.writer.write(put('b', 2));
    const answer = await ask(want(hashOf('a'), hashOf('absent'), hashOf('b')));
    expect(answer).toMatchObject({ answered: 3 });
    expect(broughtBy(answer)).toEqual({ a: 1, b: 2 });
  });

  it('of a prefix is answered with every key under it [S5]', async () => {
    await ours.writer.write(put('a', 1));
    await ours.writer.write(put('b', 2));
    const prefixes = ['a', 'b', 'absent'].map((key) => hashOf(key).slice(0, KEY_PREFIX_BYTES));
    const answer = await ask(want(...prefixes));
    expect(answer).toMatchObject({ answered: 3 });
    expect(broughtBy(answer)).toEqual({ a: 1, b: 2 });
  });

  it('is answered as far as one message goes, and from there on when it is asked again [S5]', async () => {
    const keys = Array.from({ length: 300 }, (_, i) => `large/${i}`);
    await Promise.all(keys.map((key, i) => ours.writer.write(put(key, value(i)))));
    let left = keys.map(hashOf).sort(compareBytes);
    const found: Record<string, unknown> = {};
    let asked = 0;
    for (; left.length > 0; asked++) {
      const bytes = await ours.responder.answer(friend.author, encodeSync(want(...left)), 'http');
      expect(bytes.length).toBeLessThanOrEqual(MAX_SYNC_BYTES);
      const answer = decodeSync(bytes);
      Object.assign(found, broughtBy(answer));
      left = left.slice(answer.type === 'entries' ? answer.answered : left.length);
    }
    expect(found).toEqual(Object.fromEntries(keys.map((key, i) => [key, value(i)])));
    expect(asked).toBe(3);
  });

  it('of a key whose siblings are too large for a message is answered with other ones each time, until all were sent [S5]', async () => {
    const writers = Array.from({ length: 150 }, (_, i) => createAuthor(i + 3));
    const commits = writers.map((author, i) => author.commit({ fought: value(i) }));
    await Promise.all(commits.map((commit) => ours.writer.apply(commit, FOUND)));
    const seen = new Set<string>();
    for (let asked = 0; asked < 2; asked++) {
      const bytes = await ours.responder.answer(friend.author, encodeSync(want(hashOf('fought'))), 'http');
      expect(bytes.length).toBeLessThanOrEqual(MAX_SYNC_BYTES);
      const answer = decodeSync(bytes);
      if (answer.type !== 'entries') throw new Error(answer.type);
      expect(answer.answered).toBe(1);
      for (const fragment of answer.fragments) seen.add(decodeFragment(fragment, hasher).id);
    }
    expect(seen.size).toBe(writers.length);
  });

  it('waits for a batch on its way: only what is durable leaves the node [D3]', async () => {
    ours.store.hold();
    const written = ours.writer.write(put('a', 1));
    await until('the batch is on its way', () => ours.store.held.length === 1);
    const answer = ask(want(hashOf('a')));
    const outcome = outcomeOf(answer);
    await clock.advance(0);
    expect(outcome.state).toBe('pending');
    ours.store.open();
    await written;
    expect(broughtBy(await answer)).toEqual({ a: 1 });
  });
});

describe('where the store answers reads by key with an older row, as LevelDB 1.20 may', () => {
  let store: GatedStore;
  let early: Bytes | undefined;
  const key = `changed/${'🌊'.repeat(60)}`;

  beforeEach(async () => {
    early = undefined;
    const gate = gateStore();
    store = {
      ...gate,
      getMany: async (keys) =>
        (await gate.getMany(keys)).map((row, i) =>
          early !== undefined && compareBytes(keys[i] as Bytes, entryKey(hashOf(key))) === 0 ? early : row,
        ),
    };
    ours = await openSide({ id: 1, clock, trusted: [friend.author], store });
    await ours.writer.write(put(key, 'before'));
    await ours.writer.write(put('other', 1));
    const row = await store.get(keyToEntryKey(key, hasher));
    await ours.writer.write(put(key, 'after'));
    early = row;
  });

  it('a want is answered with the newest, and does not wait for itself [N12]', async () => {
    const answer = ask(want(hashOf(key), hashOf('other')));
    const outcome = outcomeOf(answer);
    await until('it is answered', () => outcome.state !== 'pending');
    expect(broughtBy(await answer)).toEqual({ [key]: 'after', other: 1 });
    // Nor does anybody who comes after.
    expect((await ours.writer.write(put('later', 1))).ok).toBe(true);
  });

  it('one that finds no better row is refused, in at most 200 characters [N12]', async () => {
    await store.batch([{ type: 'put', key: keyToEntryKey(key, hasher), value: early as Bytes }]);
    const answer = await ask(want(hashOf(key)));
    expect(answer).toMatchObject({ type: 'error', code: 'store-damaged' });
    if (answer.type !== 'error') throw new Error('unreachable');
    expect(answer.message).toMatch(/^the entry of "changed\/(?:🌊)+/u);
    expect(answer.message.length).toBeLessThanOrEqual(200);
  });
});

it('errors are told in at most 200 characters', async () => {
  const key = 'k'.repeat(1_000);
  await ours.writer.write(put(key, 'before'));
  const row = (await ours.store.get(keyToEntryKey(key, hasher))) as Bytes;
  await ours.writer.write(put(key, 'after'));
  await ours.store.batch([{ type: 'put', key: keyToEntryKey(key, hasher), value: row }]);
  const answer = await ask(want(hashOf(key)));
  expect(answer).toMatchObject({ type: 'error', code: 'store-damaged' });
  if (answer.type !== 'error') throw new Error('unreachable');
  expect(answer.message).toHaveLength(200);
});
