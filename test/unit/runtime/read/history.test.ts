import { beforeEach, describe, expect, it } from 'vitest';
import { entryKey, keyToEntryKey } from '../../../../src/core/rows/index.ts';
import { type Bytes, compareBytes } from '../../../../src/core/types/index.ts';
import { keyHash } from '../../../../src/core/wire/index.ts';
import type { Store } from '../../../../src/ports/index.ts';
import type { HistoryPage, Lattice } from '../../../../src/runtime/facade/index.ts';
import { createHistory } from '../../../../src/runtime/read/history.ts';
import { createEntries } from '../../../../src/runtime/storage/entries.ts';
import { createEntryRows } from '../../../../src/runtime/storage/entry-rows.ts';
import { createAuthor, EPOCH_MS, FOUND, hasher, openTestState, put, type TestState } from '../support.ts';

let state: TestState;
/** The row of `key` as it was at first. */
let early: Bytes;

const ROW_KEY = keyToEntryKey('key', hasher);

function historyOver(store: Store): Lattice['history'] {
  const entries = createEntries({ rows: createEntryRows(store, hasher), hasher, replica: state.replica });
  return createHistory({ ...state, store, entries, hasher });
}

const shown = ({ items }: HistoryPage) => items.map(({ value, current, sequence }) => [value, current, sequence]);

beforeEach(async () => {
  state = await openTestState();
  await state.writer.write(put('key', 'first'));
  early = (await state.store.get(ROW_KEY)) as Bytes;
  await state.writer.write(put('other', 1));
  await state.writer.write(put('key', 'second'));
});

describe('the history of a key', () => {
  it('is its present value, and what was shown before by the journal, newest first', async () => {
    const history = historyOver(state.store);
    const page = await history('key');
    expect(shown(page)).toEqual([
      ['second', true, 3],
      [undefined, false, 1],
    ]);
    expect([page.complete, page.cursor]).toEqual([true, undefined]);
    expect(await history('nowhere')).toEqual({ key: 'nowhere', items: [], complete: true });
  });

  it('names the siblings of a conflict, the winner first, and a deletion as one [A23]', async () => {
    const history = historyOver(state.store);
    await state.writer.apply(createAuthor(2).commit({ key: 'theirs' }, { ms: EPOCH_MS + 10_000 }), FOUND);
    const page = await history('key');
    expect(shown(page).slice(0, 2)).toEqual([
      ['theirs', true, 4],
      ['second', false, 3],
    ]);
    // The first value was replaced by one that had seen it.
    expect(page.items.map(({ concurrent }) => concurrent)).toEqual([undefined, true, undefined]);
    await state.writer.write({ operations: [{ kind: 'delete', key: 'key' }] });
    const { items } = await history('key');
    expect(items.map(({ deleted, current, concurrent }) => [deleted, current, concurrent])).toEqual([
      [true, true, undefined],
      [false, false, undefined],
      [false, false, undefined],
      [false, false, undefined],
    ]);
  });

  it('comes in pages that make the whole when put together', async () => {
    const history = historyOver(state.store);
    for (let i = 0; i < 10; i++) await state.writer.write(put('key', i));
    const whole = await history('key');
    expect(whole.items).toHaveLength(12);
    for (const limit of [1, 2, 5]) {
      const items: unknown[] = [];
      let cursor: string | undefined;
      let pages = 0;
      do {
        const page = await history('key', { limit, ...(cursor === undefined ? {} : { cursor }) });
        items.push(...page.items);
        cursor = page.cursor;
        pages++;
      } while (cursor !== undefined && pages < 20);
      expect(items).toEqual(whole.items);
    }
    await expect(history('key', { cursor: 'elsewhere' })).rejects.toMatchObject({ code: 'invalid-cursor' });
  });
});

describe('the history of a key is built on no entry but the one in the tree [N12]', () => {
  it('shows the newest where the store answers a read by key with an older row', async () => {
    const older = (key: Bytes, row: Bytes | undefined): Bytes | undefined =>
      compareBytes(key, entryKey(keyHash('key', hasher))) === 0 ? early : row;
    const stale: Store = {
      ...state.store,
      get: async (key) => older(key, await state.store.get(key)),
      getMany: async (keys) => (await state.store.getMany(keys)).map((row, i) => older(keys[i] as Bytes, row)),
    };
    expect(await stale.getMany([ROW_KEY])).toEqual([early]);
    expect(shown(await historyOver(stale)('key'))).toEqual(shown(await historyOver(state.store)('key')));
    expect(shown(await historyOver(stale)('key'))[0]).toEqual(['second', true, 3]);
  });

  it.each([
    ['older', () => early],
    ['lost', () => undefined],
  ])('fails where the row is %s', async (_, row) => {
    const value = row();
    await state.store.batch([
      value === undefined ? { type: 'del', key: ROW_KEY } : { type: 'put', key: ROW_KEY, value },
    ]);
    await expect(historyOver(state.store)('key')).rejects.toMatchObject({ code: 'store-damaged' });
  });
});
