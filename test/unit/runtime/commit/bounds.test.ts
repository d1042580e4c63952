import { describe, expect, it } from 'vitest';
import type { Bytes, Entry, Fragment } from '../../../../src/core/types/index.ts';
import { keyHash } from '../../../../src/core/wire/index.ts';
import { intentBytes } from '../../../../src/runtime/commit/sizes.ts';
import { createEntryCache, type EntryCache } from '../../../../src/runtime/storage/entry-cache.ts';
import { createAuthor, hasher, openTestState, put, turns, until } from '../support.ts';

const MIB = 1024 * 1024;
const author = createAuthor(9);
const text = (bytes: number): string => 'x'.repeat(bytes);

describe('queues are bounded in bytes [L2]', () => {
  it('local writers of large values are told to come back, and all that was taken becomes durable', async () => {
    const state = await openTestState();
    state.store.hold();
    const taken = new Set<Promise<unknown>>();
    const refusals: unknown[] = [];
    for (let i = 0; i < 8192 && refusals.length === 0; i++) {
      const written = state.writer.write(put(`large/${i}`, text(16_000)));
      taken.add(written);
      written.catch((error: unknown) => {
        refusals.push(error);
        taken.delete(written);
      });
      await turns(1);
    }
    expect(refusals[0]).toMatchObject({ code: 'overloaded' });
    // 32 MiB wait, and up to two batches are under way.
    expect(taken.size * 16_000).toBeGreaterThan(28 * MIB);
    expect(taken.size * 16_000).toBeLessThan(40 * MIB);
    state.store.open();
    await Promise.all(taken);
    expect(state.replica.tree.size).toBe(taken.size);
    await expect(state.writer.write(put('small', 1))).resolves.toMatchObject({ ok: true });
  });

  it('a batch holds fewer operations when they are large', async () => {
    const state = await openTestState();
    state.store.hold();
    const all = [state.writer.write(put('first', 1))];
    await until('the first batch is on its way', () => state.store.held.length === 1);
    for (let i = 0; i < 1000; i++) all.push(state.writer.write(put(`large/${i}`, text(16_000))));
    state.store.open();
    await Promise.all(all);
    const most = Math.max(
      ...state.applied.map(({ step }) =>
        step.rows.reduce((sum, row) => sum + (row.type === 'put' ? row.value.length : 0), 0),
      ),
    );
    expect(most).toBeLessThan(3 * MIB);
  });
});

describe('the sizes of what waits', () => {
  it('count texts, names and items, however deep', () => {
    expect(intentBytes(put('key', text(1000)))).toBe(1003);
    expect(intentBytes(put('key', { name: [text(500), { inner: text(500) }] }))).toBeGreaterThanOrEqual(1000);
    let deep: unknown = 1;
    for (let i = 0; i < 100_000; i++) deep = [deep];
    expect(intentBytes({ operations: [{ kind: 'put', key: 'k', value: deep }] })).toBeGreaterThan(0);
    expect(intentBytes({ operations: [{ kind: 'delete', key: 'key' }] })).toBeLessThan(100);
  });
});

describe('the cache of entries', () => {
  const entryOf = (fragment: Fragment, at: number): Entry => {
    const { bytes, operation, index } = fragment.operations[at] as Fragment['operations'][number];
    const { idBytes: commit, headerBytes, signature } = fragment;
    return {
      key: operation.key,
      siblings: [
        {
          commit,
          index,
          author: author.author,
          hlc: fragment.header.hlc,
          operation,
          operationBytes: bytes,
          headerBytes,
          signature,
          proof: new Uint8Array(),
        },
      ],
    };
  };
  /** An operation that is a view of a buffer of this size. */
  const viewOf = (size: number, key: string): Entry => {
    const entry = entryOf(author.commit({ [key]: 1 }), 0);
    const [sibling] = entry.siblings as [Entry['siblings'][number]];
    const buffer = new Uint8Array(size);
    buffer.set(sibling.operationBytes);
    return { key, siblings: [{ ...sibling, operationBytes: buffer.subarray(0, sibling.operationBytes.length) }] };
  };

  const hashOf = (key: string): Bytes => keyHash(key, hasher);
  /** Writes an entry twice: what is written once is not kept. */
  const write = (cache: EntryCache, key: string, entry: Entry): void => {
    for (let i = 0; i < 2; i++) cache.wrote(key, hashOf(key), entry);
  };

  it('counts whole buffers, and lets go of the oldest entries beyond 8 MiB [L2]', () => {
    const cache = createEntryCache();
    for (let i = 0; i < 1000; i++) write(cache, `k${i}`, viewOf(64 * 1024, `k${i}`));
    expect(cache.bytes).toBeLessThanOrEqual(8 * MIB);
    // Once it is full an eighth is let go of at once.
    expect(cache.size).toBeGreaterThanOrEqual(112);
    expect(cache.size).toBeLessThanOrEqual(128);
    expect(cache.get('k0')).toBeUndefined();
    expect(cache.get('k999')).toBeDefined();
  });

  it('keeps what is written once more, and of keys that are written once only a mark', () => {
    const cache = createEntryCache();
    const entry = viewOf(100, 'a');
    cache.wrote('a', hashOf('a'), entry);
    expect([cache.get('a'), cache.bytes, cache.size]).toEqual([undefined, 0, 0]);
    for (let i = 0; i < 1000; i++) cache.wrote(`k${i}`, hashOf(`k${i}`), viewOf(100, `k${i}`));
    expect(cache.size).toBe(0);
    cache.wrote('a', hashOf('a'), entry);
    expect(cache.get('a')).toBe(entry);
    // The mark is gone once many others were written, and what is kept is still replaced.
    for (let i = 0; i < 200_000; i++) cache.wrote(`m${i}`, hashOf(`m${i}`), entry);
    const newer = viewOf(100, 'a');
    cache.wrote('a', hashOf('a'), newer);
    expect(cache.get('a')).toBe(newer);
  });

  it('counts a buffer that several entries share once, and until the last is gone', () => {
    const cache = createEntryCache();
    const shared = viewOf(1000, 'a');
    write(cache, 'a', shared);
    write(cache, 'b', { ...shared, key: 'b' });
    expect(cache.bytes).toBe(1000);
    write(cache, 'a', viewOf(50, 'a'));
    expect(cache.bytes).toBeGreaterThan(1000);
    cache.delete('b');
    expect(cache.bytes).toBeLessThan(1000);
    cache.delete('a');
    cache.delete('a');
    expect([cache.bytes, cache.size]).toEqual([0, 0]);
  });
});
