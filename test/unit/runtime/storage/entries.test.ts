import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { FoundEntry } from '../../../../src/core/replica/index.ts';
import { entryKey, entryRange, keyToEntryKey } from '../../../../src/core/rows/index.ts';
import { type Bytes, bytesToHex, compareBytes, type Entry } from '../../../../src/core/types/index.ts';
import { decodeEntry, encodeEntry, keyHash } from '../../../../src/core/wire/index.ts';
import type { Store } from '../../../../src/ports/index.ts';
import { createWriter, type Writer } from '../../../../src/runtime/commit/writer.ts';
import { type Between, createEntries, type Entries, HERE } from '../../../../src/runtime/storage/entries.ts';
import { createEntryRows, type HashRange } from '../../../../src/runtime/storage/entry-rows.ts';
import {
  deferred,
  type GatedStore,
  hasher,
  log,
  openTestState,
  outcomeOf,
  put,
  readsOf,
  type TestState,
  turns,
  until,
} from '../support.ts';

let state: TestState;
/** The row of `changed` as it was at first. */
let early: Bytes;

const hashOf = (key: string): Bytes => keyHash(key, hasher);
const rowOf = async (key: string): Promise<Bytes> => (await state.store.get(keyToEntryKey(key, hasher))) as Bytes;
const change = (key: string, row: Bytes | undefined): Promise<void> => {
  const rowKey = keyToEntryKey(key, hasher);
  return state.store.batch([
    row === undefined ? { type: 'del', key: rowKey } : { type: 'put', key: rowKey, value: row },
  ]);
};
const wanted = (key: string) => ({ key, keyHash: hashOf(key) });
const valueOf = (entry: Entry | undefined): unknown =>
  entry?.siblings[0]?.operation.kind === 'put' && entry.siblings[0].operation.value;
const entriesOver = (store: Store): Entries =>
  createEntries({ rows: createEntryRows(store, hasher), hasher, replica: state.replica });

const writerOver = (store: Store, entries: Entries): Writer =>
  createWriter({
    ...state,
    store,
    entries,
    hasher,
    signer: state.self,
    log,
    onStep: () => undefined,
    onDurable: () => undefined,
    onFatal: (error) => state.fatal.push(error),
  });

async function drained<T>(chunks: AsyncIterable<readonly T[]>): Promise<T[]> {
  const all: T[] = [];
  for await (const chunk of chunks) all.push(...chunk);
  return all;
}

const between: Between = (read) => state.writer.read(read);
const unchanged = (): undefined => undefined;

/** Every way to the entry of a key. */
const WAYS: readonly [string, (entries: Entries, key: string) => Promise<unknown>][] = [
  ['get', (entries, key) => entries.get(wanted(key), between)],
  ['many', (entries, key) => entries.many([wanted('other'), wanted(key)], between)],
  ['many by hash', (entries, key) => entries.many([{ keyHash: hashOf(key) }], between)],
  ['page', (entries) => entries.page(undefined, 10, between)],
  ['asOf', (entries) => drained(entries.asOf(unchanged))],
  ['newest', (entries, key) => entries.newest(wanted(key))],
];
const BY_KEY = WAYS.filter(([name]) => ['get', 'many', 'many by hash', 'newest'].includes(name));

beforeEach(async () => {
  state = await openTestState();
  await state.writer.write(put('changed', 'before'));
  await state.writer.write(put('other', 1));
  early = await rowOf('changed');
  await state.writer.write(put('changed', 'after'));
});

describe('entries are held against the tree [N12]', () => {
  it('what is in the store and in the tree is read, in the order asked, and so is what is in neither', async () => {
    const found = await state.entries.many([wanted('other'), wanted('absent'), { keyHash: hashOf('changed') }], HERE);
    expect(found.map(valueOf)).toEqual([1, false, 'after']);
    expect(valueOf(await state.entries.get(wanted('changed'), HERE))).toBe('after');
    expect(await state.entries.get(wanted('absent'), HERE)).toBeUndefined();
    expect(await state.entries.newest(wanted('absent'))).toBeUndefined();
  });

  it.each(WAYS)('%s refuses an entry that is not the one in the tree', async (_, read) => {
    await read(state.entries, 'changed');
    await change('changed', early);
    await expect(read(state.entries, 'changed')).rejects.toMatchObject({
      code: 'store-damaged',
      message: expect.stringContaining('"changed"') as string,
    });
  });

  it.each(WAYS.filter(([name]) => name !== 'get'))(
    '%s refuses an entry that the tree does not have',
    async (_, read) => {
      const { siblings } = decodeEntry(early);
      await change('absent', encodeEntry({ key: 'absent', siblings }));
      await expect(read(state.entries, 'absent')).rejects.toMatchObject({
        code: expect.stringMatching(/^(store-damaged|damaged-row)$/) as string,
      });
    },
  );

  it.each(BY_KEY)('%s refuses to take a lost entry for one that is not there', async (_, read) => {
    await change('changed', undefined);
    await expect(read(state.entries, 'changed')).rejects.toMatchObject({
      code: 'store-damaged',
      message: expect.stringContaining('lost') as string,
    });
  });

  it.each(WAYS)('%s refuses the entry of another key', async (_, read) => {
    await change('changed', await rowOf('other'));
    await expect(read(state.entries, 'changed')).rejects.toMatchObject({ code: 'damaged-row' });
  });

  it.each([
    ['an older entry', async () => change('changed', early)],
    ['a lost entry', async () => change('changed', undefined)],
    ['an entry too many', async () => change('absent', encodeEntry({ ...decodeEntry(early), key: 'absent' }))],
  ])('%s is neither shown nor built on', async (name, damage) => {
    await damage();
    const key = name === 'an entry too many' ? 'absent' : 'changed';
    const reads = readsOf(state);
    await expect(reads.get(key)).rejects.toMatchObject({
      code: expect.stringMatching(/^(store-damaged|damaged-row)$/) as string,
    });
    await expect(state.entries.many([{ keyHash: hashOf(key) }], between)).rejects.toThrow();
    await expect(reads.prove(key)).rejects.toThrow();
    expect(await reads.get('other')).toMatchObject({ value: 1 });
    if (key === 'absent') return;
    await expect(reads.list({})).rejects.toMatchObject({ code: 'store-damaged' });
    await expect(drained((await reads.wholeState()).chunks)).rejects.toMatchObject({ code: 'store-damaged' });
    expect(await reads.verifyIntegrity()).toMatchObject({ valid: false });
    // The writer of the damage's time has the entry in its cache.
    await expect(writerOver(state.store, state.entries).write(put('changed', 'again'))).rejects.toMatchObject({
      code: 'store-write-failed',
    });
    expect(state.fatal).toHaveLength(1);
  });

  it('a batch on its way to the disk is waited for, and not taken for damage', async () => {
    const reads = readsOf(state);
    state.store.hold();
    const written = state.writer.write(put('changed', 'on its way'));
    await until('the batch is on its way', () => state.store.held.length > 0);
    const found = [reads.get('changed'), state.entries.page(undefined, 10, between)] as const;
    const standing = found.map(outcomeOf);
    await turns(20);
    expect(standing.map((one) => one.state)).toEqual(['pending', 'pending']);
    state.store.open();
    await written;
    expect(await found[0]).toMatchObject({ value: 'on its way' });
    expect(new Set((await found[1]).entries.map(({ entry }) => valueOf(entry)))).toEqual(new Set([1, 'on its way']));
  });
});

describe('a store that answers reads by key with an older row, as LevelDB 1.20 may, but iterates over the newest', () => {
  let stale: GatedStore;
  let writer: Writer;
  let entries: Entries;

  beforeEach(() => {
    const older = (key: Bytes, row: Bytes | undefined): Bytes | undefined =>
      compareBytes(key, entryKey(hashOf('changed'))) === 0 ? early : row;
    stale = {
      ...state.store,
      get: async (key) => older(key, await state.store.get(key)),
      getMany: async (keys) => (await state.store.getMany(keys)).map((row, i) => older(keys[i] as Bytes, row)),
    };
    entries = entriesOver(stale);
    writer = writerOver(stale, entries);
  });

  it('shows the newest, and builds on it', async () => {
    expect(await stale.get(keyToEntryKey('changed', hasher))).toEqual(early);
    const reads = readsOf(state, { store: stale, entries });
    expect(await reads.get('changed')).toMatchObject({ value: 'after' });
    expect((await reads.list({})).items).toMatchObject([{ value: 'after' }, { value: 1 }]);
    expect((await entries.many([{ keyHash: hashOf('changed') }], between)).map(valueOf)).toEqual(['after']);
    expect(await reads.prove('changed')).toMatchObject({ value: 'after' });
    const outcome = await writer.write(
      put('changed', 'again', { ifMatch: (await reads.get('changed'))?.version as string }),
    );
    expect(outcome).toMatchObject({ ok: true });
    expect(state.fatal).toEqual([]);
    const rows = await drained(state.store.iterate(entryRange()));
    expect(new Set(rows.map(([, row]) => valueOf(decodeEntry(row))))).toEqual(new Set([1, 'again']));
  });
});

/** A store whose reads wait for the test once they have their answer. */
function lagging(store: Store): { readonly store: Store; readonly answered: () => number; release(): void } {
  const gate = deferred<void>();
  let open = false;
  let answered = 0;
  const late = async <T>(answer: T): Promise<T> => {
    answered++;
    if (!open) await gate.promise;
    return answer;
  };
  return {
    answered: () => answered,
    release() {
      open = true;
      gate.resolve();
    },
    store: {
      ...store,
      getMany: async (keys) => late(await store.getMany(keys)),
      async *iterate(range) {
        for await (const rows of store.iterate(range)) yield await late(rows);
      },
    },
  };
}

describe('an entry that changes while it is read', () => {
  const READS = WAYS.filter(([name]) => ['get', 'many', 'many by hash', 'page'].includes(name));

  it.each(READS)('is read again by %s, between batches', async (_, read) => {
    const slow = lagging(state.store);
    const found = read(entriesOver(slow.store), 'changed');
    await until('the older row has been read', () => slow.answered() > 0);
    await state.writer.write(put('changed', 'newest'));
    slow.release();
    const seen = JSON.stringify(await found, (_key, value: unknown) =>
      typeof value === 'bigint' || value instanceof Uint8Array ? '' : value,
    );
    expect(seen).toContain('"newest"');
    expect(seen).not.toContain('"after"');
  });

  it('is left out of a page when it has left the state, and the page goes on behind it', async () => {
    for (let i = 0; i < 8; i++) await state.writer.write(put(`k${i}`, i));
    const whole = await state.entries.page(undefined, 100, HERE);
    const [first, second, third] = whole.entries.map(({ entry }) => entry.key) as [string, string, string];
    const slow = lagging(state.store);
    const page = entriesOver(slow.store).page(undefined, 2, between);
    await until('the rows have been read', () => slow.answered() > 0);
    await remove(second);
    slow.release();
    const { entries, last } = await page;
    expect(entries.map(({ entry }) => entry.key)).toEqual([first]);
    expect(last).toEqual(hashOf(second));
    const next = await state.entries.page(last, 1, HERE);
    expect(next.entries.map(({ entry }) => entry.key)).toEqual([third]);
    expect((await state.entries.page(whole.last, 2, HERE)).last).toBeUndefined();
  });

  it('that has left the state and stands alone on its page does not end the pages', async () => {
    const [{ entry }] = (await state.entries.page(undefined, 1, HERE)).entries as [FoundEntry];
    const slow = lagging(state.store);
    const page = entriesOver(slow.store).page(undefined, 1, between);
    await until('the row has been read', () => slow.answered() > 0);
    await remove(entry.key);
    slow.release();
    expect(await page).toEqual({ entries: [], last: hashOf(entry.key) });
  });

  /** Takes the only operation of a key out of the state. */
  async function remove(key: string): Promise<void> {
    const [sibling] = (await state.entries.newest(wanted(key)))?.siblings ?? [];
    if (sibling === undefined) throw new Error(`${key} is not there`);
    const correction = { key, commit: sibling.commit, index: sibling.index };
    await state.writer.amend({
      keys: () => [wanted(key)],
      prepare: (view, now) => ({ step: state.replica.correct([correction], view, now), rows: [] }),
    });
  }
});

describe('the entries of a moment', () => {
  const KEYS = 700;
  const name = (i: number): string => `k${i}`;
  let hashes: Bytes[];

  beforeEach(async () => {
    for (let i = 0; i < KEYS; i += 175) {
      const operations = Array.from({ length: 175 }, (_, k) => ({
        kind: 'put' as const,
        key: name(i + k),
        value: `at first ${i + k}`,
      }));
      await state.writer.write({ operations });
    }
    hashes = (await state.entries.page(undefined, KEYS + 2, HERE)).entries.map(({ keyHash: hash }) => hash);
  });

  /** A plain copy of the state: what each key hash, in hex, holds. */
  async function copy(): Promise<Map<string, unknown>> {
    const { entries } = await state.entries.page(undefined, 100_000, between);
    return new Map(entries.map(({ keyHash: hash, entry }) => [bytesToHex(hash), valueOf(entry)]));
  }

  // Which keys are written anew, how many are new, and whether the batch is waited for before the reader goes on.
  const write = fc.record({
    keys: fc.array(fc.nat(KEYS - 1), { maxLength: 30 }),
    fresh: fc.nat(5),
    waits: fc.boolean(),
  });
  const place = fc.option(fc.nat(KEYS), { nil: undefined });
  const story = fc.record({
    before: fc.array(write, { maxLength: 2 }),
    between: fc.array(write, { minLength: 4, maxLength: 6 }),
    from: place,
    after: place,
    end: place,
  });

  it('are those of then, in order and each once, whatever is written before and behind the reader [N13]', async () => {
    let round = 0;
    await fc.assert(
      fc.asyncProperty(story, async ({ before, between: meanwhile, from, after, end }) => {
        round++;
        const writes: Promise<unknown>[] = [];
        const run = async ({ keys, fresh, waits }: (typeof meanwhile)[number], n: number): Promise<void> => {
          const texts = new Set([
            ...keys.map(name),
            ...Array.from({ length: fresh }, (_, i) => `new/${round}/${n}/${i}`),
          ]);
          if (texts.size === 0) return;
          const operations = Array.from(texts, (key) => ({ kind: 'put' as const, key, value: `${round}.${n}` }));
          const written = state.writer.write({ operations });
          writes.push(written);
          if (waits) await written;
        };
        for (const [n, one] of before.entries()) await run({ ...one, waits: true }, n);
        const hold = await state.writer.read(() => state.holds.hold('row'));
        const then = await copy();
        const { root, entries: count } = state.replica.meta;

        const range: HashRange = {
          ...(after === undefined ? {} : { after: hashes[after] }),
          ...(after === undefined && from !== undefined ? { from: hashes[from] } : {}),
          ...(end === undefined ? {} : { before: hashes[end] }),
        };
        const isInside = (hex: string): boolean =>
          (range.after === undefined || hex > bytesToHex(range.after)) &&
          (range.from === undefined || hex >= bytesToHex(range.from)) &&
          (range.before === undefined || hex < bytesToHex(range.before));
        const found: [string, unknown][] = [];
        let slice = 0;
        for await (const some of state.entries.asOf(hold.since, range)) {
          for (const { keyHash: hash, entry, was } of some) {
            const value = entry ?? (was === undefined ? undefined : decodeEntry(was));
            if (value !== undefined) found.push([bytesToHex(hash), valueOf(value)]);
          }
          await run(meanwhile[slice % meanwhile.length] as (typeof meanwhile)[number], 10 + slice++);
        }
        const expected = [...then].filter(([hex]) => isInside(hex));
        expect(found).toEqual(expected);

        // Made anew of the rows alone, while writes go on, the root is that of then.
        const made = state.entries.rootOf(hold);
        for (const [n, one] of meanwhile.entries()) await run(one, 100 + n);
        expect(await made).toEqual({ root, entries: count });
        hold.end();
        await Promise.all(writes);
      }),
      { numRuns: 25 },
    );
  });

  it('make another root where a row is damaged or lost', async () => {
    const read = async () => {
      const hold = state.holds.hold('row');
      const made = await state.entries.rootOf(hold);
      hold.end();
      return made;
    };
    const { root, entries } = state.replica.meta;
    expect(await read()).toEqual({ root, entries });
    const row = await rowOf('changed');
    await change('changed', early);
    const older = await read();
    expect(older.entries).toBe(entries);
    expect(older.root).not.toEqual(root);
    await change('changed', undefined);
    expect((await read()).entries).toBe(entries - 1);
    await change('changed', row);
    expect(await read()).toEqual({ root, entries });
  });

  it('that have changed since are not held against the tree of the present, the others are', async () => {
    const hold = await state.writer.read(() => state.holds.hold('row'));
    await state.writer.write(put('changed', 'later'));
    const row = await rowOf('changed');
    await change('changed', early);
    const all = await drained(state.entries.asOf(hold.since));
    const one = all.find(({ keyHash: hash }) => compareBytes(hash, hashOf('changed')) === 0);
    expect([one?.entry, one?.row, valueOf(decodeEntry(one?.was as Bytes))]).toEqual([undefined, early, 'after']);
    await change('changed', row);
    await change('k0', await rowOf('k1'));
    await expect(drained(state.entries.asOf(hold.since))).rejects.toMatchObject({ code: 'damaged-row' });
  });
});
