import { randomBytes } from 'node:crypto';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freeBytes, openLevelStore } from '../../../src/adapters/store/index.ts';
import { LatticeError } from '../../../src/core/types/index.ts';
import { startChild } from './process.ts';
import { ROWS, rowKey, rowOperations, rowValue } from './rows.ts';
import { bytes, EVERYTHING, put, rowsOf, storeContract } from './suite.ts';

let root = '';
let directories = 0;
const freshDirectory = (): string => join(root, `store-${directories++}`);

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'lattice-store-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

storeContract('level', () => openLevelStore(freshDirectory()));

async function openFailure(directory: string): Promise<LatticeError> {
  const error: unknown = await openLevelStore(directory).then(
    (store) => store.close(),
    (cause: unknown) => cause,
  );
  if (!(error instanceof LatticeError)) throw new Error(`expected a LatticeError, got ${String(error)}`);
  return error;
}

/** Names and contents, without LevelDB's own diary (LOG) and lock. */
async function contentsOf(directory: string): Promise<Record<string, string>> {
  const names = (await readdir(directory)).filter((name) => !/^(LOG(\.old)?|LOCK)$/.test(name));
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(directory, name), 'hex')] as const)),
  );
}

describe('level store', () => {
  test.skipIf(process.platform !== 'linux')(
    'a witness that is no file is refused with the next step, and one that cannot be written leaves nothing open',
    async () => {
      const directory = freshDirectory();
      await (await openLevelStore(directory)).close();
      await rm(join(directory, 'witness'));
      await mkdir(join(directory, 'witness'));
      const unreadable = await openFailure(directory);
      expect([unreadable.code, unreadable.next]).toEqual(['store-open-failed', expect.stringContaining('directory')]);

      await rm(join(directory, 'witness'), { recursive: true });
      await symlink('/dev/full', join(directory, 'witness'));
      expect((await openFailure(directory)).code).toBe('store-full');
      const open = await readdir('/proc/self/fd');
      const files = await Promise.all(open.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
      expect(files).not.toContain('/dev/full');
    },
  );

  test('a compaction goes on beside writes, and a close waits for it [FL10]', async () => {
    const directory = freshDirectory();
    const store = await openLevelStore(directory);
    for (let batch = 0; batch < 40; batch++) await store.batch(rowOperations(batch));
    const all = { gte: bytes(), lt: new Uint8Array(40).fill(0xff) };
    const compacted = store.compact?.(all);
    const written = store.batch([put(bytes(1, 2, 3), bytes(9))]);
    const before = await rowsOf(store);
    await written;
    const closed = store.close();
    await compacted;
    await closed;
    await expect(store.compact?.(all)).rejects.toMatchObject({ code: 'store-closed' });
    const again = await openLevelStore(directory);
    expect(await rowsOf(again)).toEqual(expect.arrayContaining(before));
    expect(await again.get(bytes(1, 2, 3))).toEqual(bytes(9));
    await again.close();
  });

  test('the check of the files of a store goes in steps of about a megabyte, also within a large file [N12]', async () => {
    const directory = freshDirectory();
    const first = await openLevelStore(directory);
    for (let i = 0; i < 12; i++)
      await first.batch(Array.from({ length: 64 }, (_, j) => put(bytes(i, j), new Uint8Array(randomBytes(16 * 1024)))));
    await first.close();
    // What stood in the log of LevelDB becomes one file when it is opened.
    const store = await openLevelStore(directory);
    const steps: { readonly bytes: number; readonly total: number }[] = [];
    for await (const step of store.checkFiles?.() ?? []) steps.push(step);
    await store.close();
    const sizes = steps.map(({ bytes: checked }, i) => checked - (steps[i - 1]?.bytes ?? 0));
    expect(steps.at(-1)?.total).toBeGreaterThan(8 * 1024 * 1024);
    expect(steps.at(-1)?.bytes).toBe(steps.at(-1)?.total);
    expect(Math.max(...sizes)).toBeLessThan(4 * 1024 * 1024);
    expect(Math.min(...sizes)).toBeGreaterThan(0);
  });

  test('rows are there after closing and opening again', async () => {
    const directory = freshDirectory();
    const first = await openLevelStore(directory);
    await first.batch(rowOperations(1));
    await first.batch([{ type: 'del', key: rowKey(1, 0) }]);
    await first.close();
    const second = await openLevelStore(directory);
    expect((await rowsOf(second)).map(([, value]) => value)).toEqual(
      Array.from({ length: ROWS - 1 }, (_, n) => rowValue(1, n + 1)),
    );
    await second.close();
  });

  test('the directory is created for its owner only', async () => {
    const directory = join(freshDirectory(), 'nested');
    await (await openLevelStore(directory)).close();
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
  });

  test('chunks end early where values are large', async () => {
    const store = await openLevelStore(freshDirectory());
    await store.batch(
      Array.from({ length: 300 }, (_, n) => put(bytes(n >> 8, n & 0xff), new Uint8Array(16 * 1024).fill(n))),
    );
    const sizes: number[] = [];
    for await (const chunk of store.iterate(EVERYTHING)) sizes.push(chunk.length);
    expect(sizes.reduce((sum, size) => sum + size)).toBe(300);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(65);
    await store.close();
  });

  test('a second process is refused with store-locked, also after a second open in this one [N1]', async () => {
    const directory = freshDirectory();
    const link = freshDirectory();
    const store = await openLevelStore(directory);
    await symlink(directory, link);
    const inside = await openFailure(link);
    expect(inside).toMatchObject({ code: 'store-locked', details: { directory: link } });
    expect(inside.next).toMatch(/state directory/);

    const [event, ...more] = await startChild('open', directory).events;
    expect(event).toMatchObject({ event: 'failed', code: 'store-locked' });
    expect(event?.message).toContain(directory);
    expect(event?.next).toMatch(/Stop the node/);
    expect(more).toEqual([]);

    await store.batch(rowOperations(0));
    await store.close();
    expect(await startChild('open', directory).events).toEqual([{ event: 'opened' }]);
  });

  describe('damage', () => {
    let intact = '';
    beforeAll(async () => {
      intact = freshDirectory();
      // Two openings: the first one's log has become a table file.
      for (const batch of [0, 1]) {
        const store = await openLevelStore(intact);
        await store.batch(rowOperations(batch));
        await store.close();
      }
    });

    const removeAll = (pattern: RegExp) => async (directory: string) => {
      for (const name of await readdir(directory)) if (pattern.test(name)) await rm(join(directory, name));
    };
    const overwrite = (pattern: RegExp, content: string) => async (directory: string) => {
      for (const name of await readdir(directory))
        if (pattern.test(name)) await writeFile(join(directory, name), content);
    };

    test.each([
      ['CURRENT missing', removeAll(/^CURRENT$/), /CURRENT/],
      ['CURRENT empty', overwrite(/^CURRENT$/, ''), /CURRENT/],
      ['CURRENT naming no file', overwrite(/^CURRENT$/, 'MANIFEST-999999\n'), /MANIFEST-999999/],
      ['manifest missing', removeAll(/^MANIFEST/), /MANIFEST/],
      ['manifest overwritten', overwrite(/^MANIFEST/, 'x'.repeat(200)), /Corruption/],
      ['manifest empty', overwrite(/^MANIFEST/, ''), /Corruption/],
      ['a table file missing', removeAll(/\.ldb$/), /missing files/],
      ['the write-ahead log missing', removeAll(/\.log$/), /write-ahead log/],
    ])('%s: store-damaged says what, and leaves the directory as it is', async (_, damage, what) => {
      const directory = freshDirectory();
      await cp(intact, directory, { recursive: true });
      await damage(directory);
      const before = await contentsOf(directory);
      const error = await openFailure(directory);
      expect(error.code).toBe('store-damaged');
      expect(error.message).toMatch(what);
      expect(error.message).toContain(directory);
      expect(error.next).toMatch(/Move the directory aside/);
      expect(await contentsOf(directory)).toEqual(before);
      // A refused directory is not left locked: the same answer again, not store-locked.
      expect((await openFailure(directory)).code).toBe('store-damaged');
    });

    test('the intact copy opens, with all of its rows', async () => {
      const directory = freshDirectory();
      await cp(intact, directory, { recursive: true });
      const store = await openLevelStore(directory);
      expect(await rowsOf(store)).toHaveLength(2 * ROWS);
      await store.close();
    });

    test('a creation cut short before its first file was complete is done again', async () => {
      const directory = freshDirectory();
      await mkdir(directory);
      await writeFile(join(directory, 'MANIFEST-000001'), '');
      await writeFile(join(directory, '000001.dbtmp'), 'MANIFEST-000001\n');
      const store = await openLevelStore(directory);
      await store.batch(rowOperations(0));
      await store.close();
    });

    test('a table file damaged in the middle: reading fails with store-damaged', async () => {
      const directory = freshDirectory();
      await cp(intact, directory, { recursive: true });
      const table = (await readdir(directory)).find((name) => name.endsWith('.ldb')) ?? '';
      const content = await readFile(join(directory, table));
      // The footer's magic number: the table cannot be opened at all.
      content.fill(0, content.length - 8);
      await writeFile(join(directory, table), content);
      const store = await openLevelStore(directory);
      await expect(rowsOf(store)).rejects.toMatchObject({ name: 'LatticeError', code: 'store-damaged' });
      await store.close();
    });
  });

  test('a path that is no directory is store-open-failed', async () => {
    const path = freshDirectory();
    await writeFile(path, '');
    expect(await openFailure(path)).toMatchObject({ code: 'store-open-failed', details: { directory: path } });
    expect((await openFailure(join(path, 'below'))).code).toBe('store-open-failed');
  });

  test.skipIf(process.getuid?.() === 0)('a directory without write permission is store-open-failed', async () => {
    const directory = freshDirectory();
    await mkdir(directory);
    await chmod(directory, 0o500);
    expect((await openFailure(directory)).code).toBe('store-open-failed');
  });

  test('a write that the file system refuses is store-write-failed with the cause; everything acknowledged is kept', async () => {
    const directory = freshDirectory();
    const events = await startChild('write', directory, { fileBlocks: 256 }).events;
    const last = events.at(-1);
    expect(last).toMatchObject({ event: 'failed', code: 'store-write-failed' });
    expect(last?.cause).toMatch(/IO error.*File too large/);
    const durable = events.filter(({ event }) => event === 'durable').length;
    expect(durable).toBeGreaterThan(50);
    const store = await openLevelStore(directory);
    expect((await rowsOf(store)).length / ROWS).toBeGreaterThanOrEqual(durable);
    await store.close();
  });

  test('freeBytes tells the room on the file system of a directory', async () => {
    const { free, total } = await freeBytes(root);
    expect(total).toBeGreaterThan(0);
    expect(free).toBeGreaterThan(0);
    expect(free).toBeLessThanOrEqual(total);
    await expect(freeBytes(join(root, 'absent'))).rejects.toThrow('ENOENT');
  });
});
