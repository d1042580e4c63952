import { beforeEach, describe, expect, it } from 'vitest';
import { entryKey, entryRange, keyToEntryKey } from '../../../../src/core/rows/index.ts';
import type { Bytes, Entry } from '../../../../src/core/types/index.ts';
import { decodeEntry, encodeEntry, keyHash } from '../../../../src/core/wire/index.ts';
import type { Store } from '../../../../src/ports/index.ts';
import { createWriter, type Writer } from '../../../../src/runtime/commit/writer.ts';
import { createReads, type Reads } from '../../../../src/runtime/read/reads.ts';
import { createEntryReads, type EntryReads, HERE } from '../../../../src/runtime/storage/entry-reads.ts';
import {
  type GatedStore,
  hasher,
  log,
  NETWORK,
  noCuts,
  openTestState,
  put,
  type TestState,
  until,
} from '../support.ts';

let state: TestState;
/** The row of `changed` as it was at first. */
let early: Bytes;

const rowOf = async (key: string): Promise<Bytes> => (await state.store.get(keyToEntryKey(key, hasher))) as Bytes;
const change = (key: string, row: Bytes | undefined): Promise<void> => {
  const rowKey = keyToEntryKey(key, hasher);
  return state.store.batch([
    row === undefined ? { type: 'del', key: rowKey } : { type: 'put', key: rowKey, value: row },
  ]);
};
const wanted = (key: string) => ({ key, keyHash: keyHash(key, hasher) });
const valueOf = (entry: Entry | undefined): unknown =>
  entry?.siblings[0]?.operation.kind === 'put' && entry.siblings[0].operation.value;
const readsOver = (store: Store, entries: EntryReads): Reads =>
  createReads({ ...state, store, entries, hasher, network: NETWORK, ownHead: () => state.self.head(), ...noCuts });

const writerOver = (store: Store, entries: EntryReads): Writer =>
  createWriter({
    ...state,
    store,
    entries,
    hasher,
    signer: state.self,
    log,
    onStep: () => undefined,
    onApplied: () => undefined,
    onFatal: (error) => state.fatal.push(error),
  });

async function drained(chunks: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of chunks);
}

beforeEach(async () => {
  state = await openTestState();
  await state.writer.write(put('changed', 'before'));
  await state.writer.write(put('other', 1));
  early = await rowOf('changed');
  await state.writer.write(put('changed', 'after'));
});

describe('entries are held against the tree [N12]', () => {
  it('what is in the store and in the tree is read, in the order asked, and so is what is in neither', async () => {
    const found = await state.entries.many(
      [wanted('other'), wanted('absent'), { keyHash: keyHash('changed', hasher) }],
      HERE,
    );
    expect(found.map(valueOf)).toEqual([1, false, 'after']);
  });

  it.each([
    ['an older entry', async () => change('changed', early)],
    ['a lost entry', async () => change('changed', undefined)],
    ['an entry too many', async () => change('absent', encodeEntry({ ...decodeEntry(early), key: 'absent' }))],
  ])('%s is neither shown nor built on', async (name, damage) => {
    await damage();
    const key = name === 'an entry too many' ? 'absent' : 'changed';
    const reads = readsOver(state.store, state.entries);
    await expect(reads.get(key)).rejects.toMatchObject({
      code: expect.stringMatching(/^(store-damaged|damaged-row)$/),
    });
    await expect(reads.entriesByHash([keyHash(key, hasher)])).rejects.toThrow();
    await expect(reads.prove(key)).rejects.toThrow();
    expect(await reads.get('other')).toMatchObject({ value: 1 });
    if (key === 'absent') return;
    await expect(reads.list({})).rejects.toMatchObject({ code: 'store-damaged' });
    await expect(drained((await reads.snapshot()).chunks)).rejects.toMatchObject({ code: 'store-damaged' });
    expect(await reads.integrity()).toMatchObject({ valid: false });
    // The writer of the damage's time has the entry in its cache.
    await expect(writerOver(state.store, state.entries).write(put('changed', 'again'))).rejects.toMatchObject({
      code: 'store-write-failed',
    });
    expect(state.fatal).toHaveLength(1);
  });

  it('a batch on its way to the disk is waited for, and not taken for damage', async () => {
    const reads = readsOver(state.store, state.entries);
    state.store.hold();
    const written = state.writer.write(put('changed', 'on its way'));
    await until('the batch is on its way', () => state.store.held.length > 0);
    const read = reads.get('changed');
    state.store.open();
    await written;
    expect(await read).toMatchObject({ value: 'on its way' });
  });
});

describe('a store that answers reads by key with an older row, as LevelDB 1.20 may, but iterates over the newest', () => {
  let stale: GatedStore;
  let writer: Writer;
  let entries: EntryReads;

  beforeEach(() => {
    const older = (key: Bytes, row: Bytes | undefined): Bytes | undefined =>
      Buffer.compare(key, entryKey(keyHash('changed', hasher))) === 0 ? early : row;
    stale = {
      ...state.store,
      get: async (key) => older(key, await state.store.get(key)),
      getMany: async (keys) => (await state.store.getMany(keys)).map((row, i) => older(keys[i] as Bytes, row)),
    };
    entries = createEntryReads({ ...state, store: stale, hasher });
    writer = writerOver(stale, entries);
  });

  it('shows the newest, and builds on it', async () => {
    expect(await stale.get(keyToEntryKey('changed', hasher))).toEqual(early);
    const reads = readsOver(stale, entries);
    expect(await reads.get('changed')).toMatchObject({ value: 'after' });
    expect((await reads.list({})).items).toMatchObject([{ value: 'after' }, { value: 1 }]);
    expect((await reads.entriesByHash([keyHash('changed', hasher)])).map(valueOf)).toEqual(['after']);
    expect(await reads.prove('changed')).toMatchObject({ value: 'after' });
    const outcome = await writer.write(
      put('changed', 'again', { ifMatch: (await reads.get('changed'))?.version as string }),
    );
    expect(outcome).toMatchObject({ ok: true });
    expect(state.fatal).toEqual([]);
    const rows: Bytes[] = [];
    for await (const chunk of state.store.iterate(entryRange())) rows.push(...chunk.map(([, row]) => row));
    expect(new Set(rows.map((row) => valueOf(decodeEntry(row))))).toEqual(new Set([1, 'again']));
  });
});
