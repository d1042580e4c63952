import { beforeEach, describe, expect, it } from 'vitest';
import { hlcToHex } from '../../../../src/core/clock/index.ts';
import { versionOf } from '../../../../src/core/state/index.ts';
import { type Context, type Fragment, type JsonValue, LatticeError } from '../../../../src/core/types/index.ts';
import { keyHash } from '../../../../src/core/wire/index.ts';
import type { CleanedKey, CleanWish, Lattice } from '../../../../src/runtime/facade/index.ts';
import { createByAuthor } from '../../../../src/runtime/read/by-author.ts';
import { createCleaning } from '../../../../src/runtime/upkeep/cleaning.ts';
import {
  createAuthor,
  createHandClock,
  EPOCH_MS,
  FOUND,
  type HandClock,
  hasher,
  type LogLine,
  openTestState,
  recordingLog,
  type TestState,
} from '../support.ts';

const [THIEF, B, C] = [createAuthor(9), createAuthor(2), createAuthor(3)];
const SINCE = EPOCH_MS + 1000;

let clock: HandClock;
let state: TestState;
let face: Pick<Lattice, 'clean' | 'writtenBy'>;
let lines: LogLine[];
/** How many operations each commit of the cleaning was to have, and what is called before it is made. */
let commits: number[];
let before: () => unknown;
/** The keys that were read by their names. */
let read: string[];

beforeEach(async () => {
  clock = createHandClock(EPOCH_MS + 60_000);
  state = await openTestState({ clock });
  commits = [];
  lines = [];
  before = () => undefined;
  const { writer, entries } = state;
  const now = (): number => clock.now();
  read = [];
  const cleaning = createCleaning({
    entries: {
      ...entries,
      many(wanted, between) {
        read.push(...wanted.map(({ key = '' }) => key));
        return entries.many(wanted, between);
      },
    },
    writer,
    async writeIntent(intent) {
      commits.push(intent.operations.length);
      await before();
      const outcome = await writer.write(intent);
      if (!outcome.ok) throw outcome.error;
      return { commit: outcome.commit.id, hlc: hlcToHex(outcome.commit.header.hlc), results: outcome.results };
    },
    hasher,
    now,
    log: recordingLog(lines),
  });
  face = { ...cleaning, ...createByAuthor({ writer, entries, now }) };
});

const take = (...fragments: Fragment[]) => Promise.all(fragments.map((one) => state.writer.apply(one, FOUND)));
const bad = (values: Readonly<Record<string, JsonValue | undefined>>, ms = SINCE) => THIEF.commit(values, { ms });
async function entryOf(key: string) {
  const [entry] = await state.entries.many([{ key, keyHash: keyHash(key, hasher) }], (read) => read());
  return entry;
}
/** Author and value of each sibling; a deletion has the value undefined. */
async function siblingsOf(key: string): Promise<(readonly [string, unknown])[]> {
  const names = new Map([
    [THIEF.author, 'thief'],
    [B.author, 'b'],
    [C.author, 'c'],
    [state.self.author, 'self'],
  ]);
  return ((await entryOf(key))?.siblings ?? []).map(
    ({ author, operation }) => [names.get(author) ?? author, operation.value] as const,
  );
}
const clean = (wish: CleanWish = {}) => face.clean(THIEF.author, { since: SINCE, ...wish });
const one = async (key: string, kept: { value?: JsonValue; expires?: number } = {}) =>
  (await clean({ keys: [{ key, ...kept }] })).items;

/** Puts `count` keys of the thief into the state, of several commits. */
async function steal(count: number): Promise<string[]> {
  const keys = Array.from({ length: count }, (_, i) => `stolen/${i}`);
  for (let at = 0; at < count; at += 100)
    await take(bad(Object.fromEntries(keys.slice(at, at + 100).map((key) => [key, 1]))));
  return keys;
}

describe('what replaces what an author wrote', () => {
  it('is a deletion where nothing else is known of the key [RO14]', async () => {
    await take(bad({ door: 1 }));
    expect(await one('door')).toEqual([{ key: 'door', does: 'deleted' }]);
    expect(await siblingsOf('door')).toEqual([['self', undefined]]);
  });

  it('is the value and end that are given for the key, unless that value has ended [RO14]', async () => {
    await take(bad({ door: 1, gate: 1 }));
    const expires = clock.now() + 5;
    expect(await one('door', { value: 7, expires })).toEqual([{ key: 'door', does: 'from-backup' }]);
    expect((await entryOf('door'))?.siblings.map(({ operation }) => [operation.value, operation.expires])).toEqual([
      [7, expires],
    ]);
    expect(await one('gate', { value: 7, expires: clock.now() })).toEqual([{ key: 'gate', does: 'deleted' }]);
  });

  it('is what stands beside it: the value of somebody else, whichever of the two is shown [RO14]', async () => {
    await take(bad({ early: 1, late: 1, gone: undefined }, SINCE + 10));
    await take(B.commit({ early: 2 }, { ms: SINCE }), B.commit({ late: 2, gone: 2 }, { ms: SINCE + 20 }));
    for (const key of ['early', 'late', 'gone']) {
      expect(await one(key, { value: 7 }), key).toEqual([{ key, does: 'settled' }]);
      expect(await siblingsOf(key), key).toEqual([['self', 2]]);
    }
  });

  it('is nothing where people have to decide, the vault has to, or nothing is shown [RO14]', async () => {
    const vault = `vault/${'ab'.repeat(32)}`;
    await take(bad({ torn: 1, [vault]: 1, dead: undefined, back: undefined }));
    await take(B.commit({ torn: 2 }), C.commit({ torn: 3 }));
    expect(await one('torn', { value: 7 })).toEqual([{ key: 'torn', does: 'in-conflict' }]);
    expect(await one(vault, { value: 7 })).toEqual([{ key: vault, does: 'vault' }]);
    expect(await one('dead')).toEqual([{ key: 'dead', does: 'shows-nothing' }]);
    expect(commits).toEqual([]);
    expect(await one('back', { value: 7 })).toEqual([{ key: 'back', does: 'from-backup' }]);
  });

  it('is nothing for what it wrote earlier, what others wrote, and what is not there [RO14]', async () => {
    await take(bad({ old: 1 }, SINCE - 1), B.commit({ theirs: 1 }));
    const keys = ['old', 'theirs', 'nowhere'];
    expect((await clean({ keys: keys.map((key) => ({ key })) })).items).toEqual(
      keys.map((key) => ({ key, does: 'changed' })),
    );
    expect((await clean()).items).toEqual([]);
    expect(commits).toEqual([]);
  });
});

describe('cleaning', () => {
  it('goes through all keys by pages, in the order of key hashes, and finds nothing afterwards [RO14]', async () => {
    const keys = await steal(700);
    await take(B.commit(Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`theirs/${i}`, i]))));
    const told: CleanedKey[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const page = await clean({ limit: 300, ...(cursor === undefined ? {} : { cursor }) });
      told.push(...page.items);
      cursor = page.cursor;
      pages++;
    } while (cursor !== undefined);
    const inOrder = keys.toSorted((a, b) => Buffer.compare(keyHash(a, hasher), keyHash(b, hasher)));
    expect(told).toEqual(inOrder.map((key) => ({ key, does: 'deleted' })));
    expect(pages).toBe(3);
    // The pages of 300 are two whole commits and the rest, each.
    expect(Math.max(...commits)).toBeLessThanOrEqual(128);
    expect((await face.writtenBy(THIEF.author, { since: 0 })).items).toEqual([]);
    const batches = state.applied.length;
    expect((await clean()).items).toEqual([]);
    expect(state.applied).toHaveLength(batches);
    expect(lines.map(({ fields }) => fields['keys'])).toEqual([300, 300, 100]);
  });

  it('takes 256 keys a call where nothing is said [RO14]', async () => {
    await steal(300);
    expect((await clean()).items).toHaveLength(256);
  });

  it('writes nothing in a dry run, and tells the same [RO14]', async () => {
    await steal(150);
    const dry = await clean({ dryRun: true });
    expect([commits, lines]).toEqual([[], []]);
    expect((await clean()).items).toEqual(dry.items);
    expect(commits.length).toBeGreaterThan(0);
  });

  it('leaves a key that somebody wrote meanwhile, seen or not, and does the others of its commit [RO14]', async () => {
    const keys = await steal(20);
    before = async () => {
      before = () => undefined;
      // The one is shown now; the other is not, and a deletion would have replaced it all the same.
      await take(B.commit({ 'stolen/7': 'b' }, { ms: SINCE + 10 }), C.commit({ 'stolen/8': 'c' }, { ms: SINCE - 10 }));
    };
    const { items } = await clean();
    expect(
      items
        .filter(({ does }) => does === 'changed')
        .map(({ key }) => key)
        .sort(),
    ).toEqual(['stolen/7', 'stolen/8']);
    expect(items.filter(({ does }) => does === 'deleted')).toHaveLength(keys.length - 2);
    expect([await siblingsOf('stolen/7'), await siblingsOf('stolen/8')]).toEqual([
      [
        ['b', 'b'],
        ['thief', 1],
      ],
      [
        ['thief', 1],
        ['c', 'c'],
      ],
    ]);
    // Another call settles them.
    expect((await clean()).items.map(({ does }) => does)).toEqual(['settled', 'settled']);
  });

  it('leaves a key whose value the node does not take, and does the others [RO14]', async () => {
    await take(bad({ a: 1, b: 1, c: 1 }));
    const keys = [{ key: 'a', value: 5 }, { key: 'b', value: 'x'.repeat(70_000) }, { key: 'c' }];
    expect((await clean({ keys })).items).toEqual([
      { key: 'a', does: 'from-backup' },
      { key: 'b', does: 'refused' },
      { key: 'c', does: 'deleted' },
    ]);
    expect(await siblingsOf('b')).toEqual([['thief', 1]]);
  });

  it('splits what is too much for one commit [RO14]', async () => {
    const value = 'x'.repeat(15_000);
    await take(bad({ a: 1, b: 1, c: 1, d: 1, e: 1 }));
    const keys = ['a', 'b', 'c', 'd', 'e'].map((key) => ({ key, value }));
    expect((await clean({ keys })).items).toEqual(keys.map(({ key }) => ({ key, does: 'from-backup' })));
  });

  it('answers with what it did before an error, and the next call rejects with that [RO14]', async () => {
    const all = await steal(600);
    const broken = (): void => {
      throw new LatticeError('read-only', 'the node takes no writes');
    };
    let made = 0;
    before = () => ++made > 2 && broken();
    const { items, cursor } = await clean({ limit: 1000 });
    expect(items).toHaveLength(256);
    before = broken;
    await expect(clean({ limit: 1000, cursor: cursor as string })).rejects.toMatchObject({ code: 'read-only' });
    before = () => undefined;
    const rest = await clean({ limit: 1000, cursor: cursor as string });
    expect(rest.cursor).toBeUndefined();
    expect(new Set([...items, ...rest.items].map(({ key }) => key))).toEqual(new Set(all));
    expect(items.length + rest.items.length).toBe(all.length);
  });

  it('does not read again what a dry run has read, unless it has changed since [RO14]', async () => {
    await steal(150);
    const { items } = await clean({ limit: 1000, dryRun: true });
    await take(bad({ 'stolen/7': 2 }, SINCE + 50), B.commit({ 'stolen/8': 'mine' }, { ms: SINCE + 60 }));
    const keys = items.map(({ key }) => ({ key, value: 'kept' }));
    const { items: done } = await clean({ keys: [...keys, { key: 'never/there' }] });
    expect(read.toSorted()).toEqual(['never/there', 'stolen/7', 'stolen/8']);
    const others = done.filter(({ does }) => does !== 'from-backup').toSorted((a, b) => (a.key < b.key ? -1 : 1));
    expect(others.map(({ key }) => key)).toEqual(['never/there', 'stolen/8']);
    expect(await siblingsOf('stolen/7')).toEqual([['self', 'kept']]);
    expect(await siblingsOf('stolen/9')).toEqual([['self', 'kept']]);
    expect((await clean()).items).toEqual([]);
  });

  it('tells what was written beside a commit that failed, and goes on before that one [RO14]', async () => {
    const all = await steal(600);
    let made = 0;
    before = () => {
      if (++made === 2) throw new LatticeError('overloaded', 'too many operations are waiting');
    };
    const { items, cursor } = await clean({ limit: 1000 });
    const inOrder = all.toSorted((a, b) => Buffer.compare(keyHash(a, hasher), keyHash(b, hasher)));
    expect(items.map(({ key }) => key)).toEqual([...inOrder.slice(0, 128), ...inOrder.slice(256)]);
    expect(cursor).toBe(Buffer.from(keyHash(inOrder[127] as string, hasher)).toString('hex'));
    const rest = await clean({ limit: 1000, cursor: cursor as string });
    expect(rest.items.map(({ key }) => key)).toEqual(inOrder.slice(128, 256));
    expect((await clean()).items).toEqual([]);
  });

  it('goes on at the beginning where the first commit failed and the one beside it did not [RO14]', async () => {
    const all = await steal(300);
    let made = 0;
    before = () => {
      if (++made === 1) throw new LatticeError('overloaded', 'too many operations are waiting');
    };
    const inOrder = all.toSorted((a, b) => Buffer.compare(keyHash(a, hasher), keyHash(b, hasher)));
    const named = await clean({ keys: inOrder.slice(0, 256).map((key) => ({ key })) });
    expect(named.items.map(({ key }) => key)).toEqual(inOrder.slice(128, 256));
    expect(named.cursor).toBeUndefined();
    await steal(300);
    made = 0;
    const { items, cursor } = await clean({ limit: 1000 });
    expect(items).toHaveLength(172);
    expect(cursor).toBe('0'.repeat(64));
    const rest = await clean({ limit: 1000, cursor: cursor as string });
    expect(new Set([...items, ...rest.items].map(({ key }) => key))).toEqual(new Set(all));
  });

  it('refuses what makes no sense [RO14]', async () => {
    const key = { key: 'a' };
    const cases: readonly (readonly [string, CleanWish, string])[] = [
      ['ab', {}, 'invalid-query'],
      [THIEF.author, { limit: 0 }, 'invalid-limit'],
      [THIEF.author, { limit: 1001 }, 'invalid-limit'],
      [THIEF.author, { cursor: 'ab' }, 'invalid-cursor'],
      [THIEF.author, { keys: [] }, 'invalid-body'],
      [THIEF.author, { keys: Array.from({ length: 257 }, (_, i) => ({ key: `${i}` })) }, 'invalid-body'],
      [THIEF.author, { keys: [key, key] }, 'invalid-body'],
      [THIEF.author, { keys: [key], limit: 1 }, 'invalid-body'],
      [THIEF.author, { keys: [key], cursor: '00'.repeat(32) }, 'invalid-body'],
      [THIEF.author, { keys: [{ key: '' }] }, 'invalid-key'],
    ];
    for (const [author, wish, code] of cases)
      await expect(face.clean(author, wish), JSON.stringify(wish).slice(0, 60)).rejects.toMatchObject({ code });
  });
});

it('a page of what an author wrote has whole siblings and the version of its own [RO14]', async () => {
  const context: Context = [];
  await take(bad({ door: 1 }), B.commit({ door: 2 }, { ms: SINCE + 5, context }));
  const { items, cursor } = await face.writtenBy(THIEF.author, { since: SINCE });
  const own = (await entryOf('door'))?.siblings.find(({ author }) => author === THIEF.author);
  expect(items.map(({ key, written, siblings }) => [key, written, siblings.length])).toEqual([
    ['door', own === undefined ? '' : versionOf(own), 2],
  ]);
  expect(cursor).toBeUndefined();
});
