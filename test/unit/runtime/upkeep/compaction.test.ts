import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openLevelStore } from '../../../../src/adapters/store/index.ts';
import { BUCKETS, entryKey } from '../../../../src/core/rows/index.ts';
import type { KeyRange, Store } from '../../../../src/ports/index.ts';
import { createCompaction } from '../../../../src/runtime/upkeep/compaction.ts';
import { log } from '../support.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const closings: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closings.splice(0)) await close();
});

async function openStore(): Promise<{ readonly store: Store; readonly directory: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'lattice-compaction-'));
  const store = await openLevelStore(directory);
  closings.push(async () => {
    await store.close();
    await rm(directory, { recursive: true, force: true });
  });
  return { store, directory };
}

async function sizeOf(directory: string): Promise<number> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.ldb'));
  // A file may be taken away between the list and the look.
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(directory, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** The store with a list of the ranges that it was told to compact. */
function watched(store: Pick<Store, 'compact'>) {
  const ranges: KeyRange[] = [];
  let done = 0;
  return {
    ranges,
    done: () => done,
    store: {
      async compact(range) {
        ranges.push(range);
        await store.compact?.(range);
        done++;
      },
    } satisfies Pick<Store, 'compact'>,
  };
}

describe('compaction', () => {
  it('gives back the space of two thirds of the rows, and leaves the others as they were [FL10]', async () => {
    const { store, directory } = await openStore();
    const rows = Array.from({ length: 60_000 }, () => ({ key: entryKey(randomBytes(32)), value: randomBytes(500) }));
    for (let at = 0; at < rows.length; at += 1000)
      await store.batch(rows.slice(at, at + 1000).map((row) => ({ type: 'put', ...row })));
    const gone = rows.filter((_, i) => i % 3 !== 0);
    for (let at = 0; at < gone.length; at += 1000)
      await store.batch(gone.slice(at, at + 1000).map(({ key }) => ({ type: 'del', key })));
    const before = await sizeOf(directory);
    const left = rows.length - gone.length;

    const compaction = createCompaction({ store, log });
    compaction.collected(gone.length, left);
    await vi.waitFor(async () => expect(await sizeOf(directory)).toBeLessThan(before / 2), 30_000);

    let found = 0;
    const values = new Map(rows.map(({ key, value }) => [Buffer.from(key).toString('hex'), value]));
    for await (const chunk of store.iterate({ gte: Uint8Array.of(0), lt: Uint8Array.of(255) }))
      for (const [key, value] of chunk) {
        found++;
        expect(Buffer.compare(value, values.get(Buffer.from(key).toString('hex')) as Buffer)).toBe(0);
      }
    expect(found).toBe(left);
    compaction.stop();
  });

  it('waits for 10,000 keys and a sixteenth of the state, and passes every kind of row once', async () => {
    const { store } = await openStore();
    const few = watched(store);
    const small = createCompaction({ store: few.store, log });
    small.collected(9_999, 0);
    expect(few.ranges).toEqual([]);
    small.collected(1, 0);
    expect(few.ranges).toHaveLength(1);

    const many = watched(store);
    const large = createCompaction({ store: many.store, log });
    large.collected(62_499, 1_000_000);
    expect(many.ranges).toEqual([]);
    large.collected(1, 1_000_000);
    // The next one waits for as many again.
    large.collected(62_499, 1_000_000);
    const kinds = Object.values(BUCKETS).sort((a, b) => a - b);
    await vi.waitFor(() => expect(many.done()).toBe(kinds.length - 1 + 64), 30_000);
    for (const kind of kinds) {
      const own = many.ranges.filter(({ gte }) => gte[0] === kind);
      expect(own.at(0)?.gte).toSatisfy((gte: Uint8Array) => gte.length === 1 || gte[1] === 0);
      expect(own.at(-1)?.lt).toEqual(Uint8Array.of(kind + 1));
      for (const [i, { lt }] of own.slice(0, -1).entries()) expect(own[i + 1]?.gte).toEqual(lt);
    }
    await turn();
    large.collected(0, 1_000_000);
    expect(many.ranges).toHaveLength(kinds.length - 1 + 64);
    large.collected(1, 1_000_000);
    expect(many.ranges).toHaveLength(kinds.length + 64);
  });

  it('ends after the part that is under way, and does not begin again', async () => {
    const { store } = await openStore();
    const { ranges, store: observed } = watched(store);
    const compaction = createCompaction({ store: observed, log });
    compaction.collected(10_000, 0);
    compaction.stop();
    compaction.collected(10_000, 0);
    await store.compact?.({ gte: Uint8Array.of(0), lt: Uint8Array.of(255) });
    await turn();
    expect(ranges).toHaveLength(1);
  });
});
