import { beforeEach, describe, expect, it } from 'vitest';
import { keyToEntryKey } from '../../../../src/core/rows/index.ts';
import type { Bytes } from '../../../../src/core/types/index.ts';
import { type ChunkPart, decodeEntry } from '../../../../src/core/wire/index.ts';
import { hasher, type TestAuthor } from '../support.ts';
import { authors, commits, createSource, type Source } from './support.ts';

const [a, b] = authors as [TestAuthor, TestAuthor];
const NONE = new Uint8Array(0);

let source: Source;
let root: Bytes;
/** The row of `k/1` before it was written anew. */
let early: Bytes;

const rowOf = async (key: string): Promise<Bytes> =>
  (await source.state.store.get(keyToEntryKey(key, hasher))) as Bytes;
const change = (key: string, value: Bytes): Promise<void> =>
  source.state.store.batch([{ type: 'put', key: keyToEntryKey(key, hasher), value }]);
const read = (): Promise<ChunkPart> => source.snapshots.chunk({ root, index: 0, after: NONE });
const keysOf = ({ entries }: ChunkPart): string[] => entries.map((row) => decodeEntry(row).key);

/** A pinned cut of twenty keys: one chunk. */
beforeEach(async () => {
  source = await createSource(1);
  await source.apply(commits(a, 'k', 1, 20));
  early = await rowOf('k/1');
  await source.apply([b.commit({ 'k/1': 'newer' })]);
  source.cut();
  root = source.state.replica.tree.root();
  await source.snapshots.manifest(NONE);
});

describe('a chunk of a snapshot', () => {
  it('has the rows of its entries as they lie in the store', async () => {
    const part = await read();
    expect([part.entries.length, part.leaves.length, part.next.length]).toEqual([20, 0, 0]);
    expect(part.entries).toContainEqual(await rowOf('k/1'));
  });

  it('is not served from a row that is not the one in the tree [N12]', async () => {
    await change('k/1', early);
    await expect(read()).rejects.toMatchObject({ code: 'store-damaged' });
    await change('k/1', await rowOf('k/2'));
    await expect(read()).rejects.toMatchObject({ code: 'damaged-row' });
  });

  it('has the leaf of then in place of an entry that has changed since, whatever its row is now [W6]', async () => {
    await source.apply([a.commit({ 'k/1': 'after the cut' })]);
    const part = await read();
    expect(keysOf(part)).toHaveLength(19);
    expect(keysOf(part)).not.toContain('k/1');
    await change('k/1', early);
    expect(await read()).toEqual(part);
  });
});
