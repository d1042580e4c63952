import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/adapters/system/clock.ts';
import { nodeHasher } from '../../../src/adapters/system/hasher.ts';
import { createDisks, type Disk } from '../../../src/adapters/vault/index.ts';
import {
  BLOCK_BYTES,
  blockCount,
  blockLeaf,
  type ContentDigest,
  createContentHash,
} from '../../../src/core/vault/index.ts';
import type { PartialObject, StoredObject, VaultStore } from '../../../src/ports/index.ts';

export const hasher = nodeHasher();
const disks = createDisks(systemClock(), 2);
export const openDisk = (): Disk => disks.open();

/** Content of `size` bytes that differs for each seed, always the same. */
export function contentOf(size: number, seed = 1): Uint8Array {
  const out = new Uint8Array(size);
  const words = new Uint32Array(out.buffer, 0, size >>> 2);
  let state = seed;
  for (let i = 0; i < words.length; i++) words[i] = state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  for (let i = words.length * 4; i < size; i++) out[i] = (state + i) & 0xff;
  return out;
}

export function digestOf(content: Uint8Array): ContentDigest {
  const running = createContentHash(hasher);
  running.update(content);
  return running.digest();
}

export const blockOf = (content: Uint8Array, index: number): Uint8Array =>
  content.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES);

/** Writes one block, with its own leaf hash. */
export const writeBlock = (partial: PartialObject, index: number, block: Uint8Array): Promise<void> =>
  partial.write(index, block, blockLeaf(block, hasher));

/** Puts a content in as it comes, in pieces. */
export async function put(store: VaultStore, content: Uint8Array, piece = 100_000): Promise<ContentDigest> {
  const upload = await store.begin();
  for (let at = 0; at < content.length; at += piece) await upload.write(content.subarray(at, at + piece));
  const digest = digestOf(content);
  await upload.commit(digest.hash, digest.leaves);
  return digest;
}

export async function readAll(
  store: VaultStore,
  hash: string,
  start = 0,
  end?: number,
): Promise<Uint8Array | undefined> {
  const stored = await store.stat(hash);
  const bytes = await store.read(hash, start, end ?? stored?.size ?? 0);
  if (bytes === undefined) return undefined;
  const pieces: Uint8Array[] = [];
  for await (const piece of bytes) {
    expect(piece.length).toBeGreaterThan(0);
    expect(piece.length).toBeLessThanOrEqual(1024 * 1024);
    pieces.push(piece);
  }
  return new Uint8Array(Buffer.concat(pieces));
}

export async function listed(store: VaultStore): Promise<StoredObject[]> {
  const all: StoredObject[] = [];
  for await (const chunk of store.list()) {
    expect(chunk.length).toBeGreaterThan(0);
    expect(chunk.length).toBeLessThanOrEqual(1000);
    all.push(...chunk);
  }
  return all.sort((a, b) => (a.hash < b.hash ? -1 : 1));
}

/** What two contents are compared by: comparing megabytes one by one takes seconds. */
export const imageOf = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : `${bytes.length} bytes ${Buffer.from(hasher.hash(bytes)).toString('hex')}`;

const code = (value: string): object => ({ name: 'LatticeError', code: value });

/**
 * What every adapter of the vault's port promises. `open` is given an empty store; `reopen` opens what it left once
 * more after `close`, where the adapter has anything that outlives it. `aroundNow` is how exact `storedAt` is, ms.
 */
export function vaultContract(
  name: string,
  open: () => Promise<VaultStore>,
  options: { readonly reopen?: () => Promise<VaultStore>; readonly aroundNow?: number } = {},
): void {
  describe(`vault contract: ${name}`, () => {
    let store: VaultStore;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(() => store.close());

    test.each([0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 1024 * 1024, 3 * 1024 * 1024 + 77])(
      'content of %i bytes is read back, with its leaves',
      async (size) => {
        const content = contentOf(size);
        const before = Date.now();
        const { hash, leaves } = await put(store, content);
        const slack = options.aroundNow ?? 0;
        const stored = await store.stat(hash);
        expect(stored).toMatchObject({ hash, size });
        expect(stored?.storedAt).toBeGreaterThanOrEqual(before - slack);
        expect(stored?.storedAt).toBeLessThanOrEqual(Date.now() + slack);
        expect(imageOf(await readAll(store, hash))).toBe(imageOf(content));
        expect(imageOf(await store.leaves(hash))).toBe(imageOf(leaves));
        expect(await listed(store)).toEqual([stored]);
      },
    );

    test('nothing of an upload is there before its commit, nor after it is given up', async () => {
      const content = contentOf(300_000);
      const { hash, leaves } = digestOf(content);
      const upload = await store.begin();
      await upload.write(content);
      expect(await store.stat(hash)).toBeUndefined();
      expect(await listed(store)).toEqual([]);
      await upload.abort();
      await upload.abort();
      await expect(upload.write(content)).rejects.toMatchObject({ code: 'store-closed' });
      await expect(upload.commit(hash, leaves)).rejects.toMatchObject({ code: 'store-closed' });
      expect(await store.stat(hash)).toBeUndefined();
      expect(await listed(store)).toEqual([]);
      const { hash: other } = await put(store, contentOf(5));
      const committed = await store.begin();
      await committed.commit(digestOf(new Uint8Array(0)).hash, new Uint8Array(0));
      await committed.abort();
      expect((await listed(store)).map((one) => one.hash).sort()).toEqual(
        [other, digestOf(new Uint8Array(0)).hash].sort(),
      );
    });

    test('what is not there is undefined, and removing it is nothing', async () => {
      const hash = 'ab'.repeat(32);
      expect(await store.stat(hash)).toBeUndefined();
      expect(await store.leaves(hash)).toBeUndefined();
      expect(await store.read(hash, 0, 1)).toBeUndefined();
      expect(await store.remove(hash)).toBe(false);
      expect(await store.partials()).toEqual([]);
    });

    test('a hash of another form is a programmer error, and reaches nothing', async () => {
      for (const hash of ['', '../../../etc/passwd', 'AB'.repeat(32), `${'ab'.repeat(32)}/`, `${'ab'.repeat(31)}a`]) {
        for (const use of [
          () => store.stat(hash),
          () => store.leaves(hash),
          () => store.read(hash, 0, 0),
          () => store.remove(hash),
          () => store.resume(hash, 1),
        ])
          await expect(use()).rejects.toThrow(RangeError);
      }
    });

    test('an object that has not the size which is presumed of it is damaged, whatever is read of it', async () => {
      const content = contentOf(3 * BLOCK_BYTES);
      const { hash } = await put(store, content);
      for (const [start, end, size] of [
        [0, 1, content.length - 1],
        [0, content.length + 1, content.length + 1],
      ] as const)
        await expect(store.read(hash, start, end, size)).rejects.toMatchObject({ code: 'object-damaged' });
      expect(await store.read(hash, 0, 1, content.length)).toBeDefined();
      expect(await store.read('0'.repeat(64), 0, 1, 1)).toBeUndefined();
    });

    test('ranges hold start ≤ byte < end, and others are a programmer error', async () => {
      const content = contentOf(5 * BLOCK_BYTES + 9);
      const { hash } = await put(store, content);
      for (const [start, end] of [
        [0, 0],
        [0, 1],
        [7, 7 + BLOCK_BYTES],
        [BLOCK_BYTES, 3 * BLOCK_BYTES],
        [content.length - 1, content.length],
        [content.length, content.length],
      ] as const)
        expect(imageOf(await readAll(store, hash, start, end))).toBe(imageOf(content.slice(start, end)));
      for (const [start, end] of [
        [-1, 2],
        [3, 2],
        [0, content.length + 1],
        [0.5, 2],
      ] as const)
        await expect(store.read(hash, start, end)).rejects.toThrow(RangeError);
    });

    test('what comes out is a plain Uint8Array', async () => {
      const { hash } = await put(store, contentOf(10));
      const bytes = await store.read(hash, 0, 10);
      for await (const piece of bytes ?? []) expect(piece.constructor).toBe(Uint8Array);
      expect((await store.leaves(hash))?.constructor).toBe(Uint8Array);
    });

    test('the same content twice is one object, and several at once too', async () => {
      const content = contentOf(2 * 1024 * 1024);
      const { hash } = await put(store, content);
      await Promise.all([put(store, content), put(store, content, 7777), put(store, contentOf(10))]);
      expect((await listed(store)).length).toBe(2);
      expect(imageOf(await readAll(store, hash))).toBe(imageOf(content));
    });

    test('a read that is left early, or never begun, keeps nothing from being removed or closed', async () => {
      const { hash } = await put(store, contentOf(2 * 1024 * 1024));
      const bytes = await store.read(hash, 0, 2 * 1024 * 1024);
      for await (const _ of bytes ?? []) break;
      await store.read(hash, 0, 10);
      expect(await store.remove(hash)).toBe(true);
    });

    test('an object that is removed under a read ends it with an error, and is gone', async () => {
      const content = contentOf(4 * 1024 * 1024);
      const { hash } = await put(store, content);
      const { hash: other } = await put(store, contentOf(5));
      const reading = (async () => {
        for await (const _ of (await store.read(hash, 0, content.length)) ?? [])
          expect(await store.remove(hash)).toBeTypeOf('boolean');
      })();
      await expect(reading).rejects.toMatchObject(code('object-not-found'));
      const late = (await store.read(other, 0, 5)) ?? [];
      expect(await store.remove(other)).toBe(true);
      await expect(
        (async () => {
          for await (const _ of late);
        })(),
      ).rejects.toMatchObject(code('object-not-found'));
      expect(await store.remove(hash)).toBe(false);
      expect(await store.stat(hash)).toBeUndefined();
      expect(await store.leaves(hash)).toBeUndefined();
      expect(await listed(store)).toEqual([]);
    });

    test('content that comes block by block, in any order and each block twice, becomes an object', async () => {
      const content = contentOf(20 * BLOCK_BYTES + 100);
      const { hash, leaves } = digestOf(content);
      const partial = await store.resume(hash, content.length);
      expect(partial).toMatchObject({ hash, size: content.length });
      const order = Array.from({ length: blockCount(content.length) }, (_, i) => (i * 8) % 21);
      expect(partial.has(0)).toBe(false);
      await Promise.all([...order, ...order].map((index) => writeBlock(partial, index, blockOf(content, index))));
      expect(order.every((index) => partial.has(index))).toBe(true);
      expect(partial.has(21)).toBe(false);
      expect(await store.stat(hash)).toBeUndefined();
      expect(await listed(store)).toEqual([]);
      expect(await store.partials()).toMatchObject([{ hash, size: content.length }]);
      await partial.finish(leaves);
      expect(imageOf(await readAll(store, hash))).toBe(imageOf(content));
      expect(imageOf(await store.leaves(hash))).toBe(imageOf(leaves));
      expect(await store.partials()).toEqual([]);
      await expect(writeBlock(partial, 0, blockOf(content, 0))).rejects.toMatchObject({ code: 'store-closed' });
    });

    test('empty content comes in no block', async () => {
      const { hash, leaves } = digestOf(new Uint8Array(0));
      const partial = await store.resume(hash, 0);
      await partial.finish(leaves);
      expect(imageOf(await readAll(store, hash))).toBe(imageOf(new Uint8Array(0)));
    });

    test('content that was begun goes on after it was let go of; one takes it at a time', async () => {
      const content = contentOf(3 * BLOCK_BYTES);
      const { hash, leaves } = digestOf(content);
      const first = await store.resume(hash, content.length);
      await writeBlock(first, 1, blockOf(content, 1));
      await expect(store.resume(hash, content.length)).rejects.toThrow(hash);
      await first.close();
      await first.close();
      expect(await store.partials()).toMatchObject([{ hash, size: BLOCK_BYTES }]);
      const second = await store.resume(hash, content.length);
      expect([0, 1, 2].map((index) => second.has(index))).toEqual([false, true, false]);
      await expect(second.finish(leaves)).rejects.toThrow(RangeError);
      await writeBlock(second, 0, blockOf(content, 0));
      await writeBlock(second, 2, blockOf(content, 2));
      await second.finish(leaves);
      expect(imageOf(await readAll(store, hash))).toBe(imageOf(content));
    });

    test('content that was begun with another size begins anew', async () => {
      const content = contentOf(2 * BLOCK_BYTES);
      const { hash, leaves } = digestOf(content);
      const first = await store.resume(hash, content.length + 1);
      await writeBlock(first, 0, blockOf(content, 0));
      await first.close();
      const second = await store.resume(hash, content.length);
      expect([0, 1].map((index) => second.has(index))).toEqual([false, false]);
      await writeBlock(second, 0, blockOf(content, 0));
      await writeBlock(second, 1, blockOf(content, 1));
      await second.finish(leaves);
      expect(imageOf(await readAll(store, hash))).toBe(imageOf(content));
    });

    test('a block has its length, and a place', async () => {
      const content = contentOf(BLOCK_BYTES + 5);
      const partial = await store.resume(digestOf(content).hash, content.length);
      await expect(writeBlock(partial, 0, content.subarray(0, 5))).rejects.toThrow(RangeError);
      await expect(writeBlock(partial, 1, content.subarray(0, 4))).rejects.toThrow(RangeError);
      await expect(writeBlock(partial, 2, content.subarray(0, 5))).rejects.toThrow(RangeError);
      await expect(store.resume('ab'.repeat(32), -1)).rejects.toThrow(RangeError);
    });

    test('blocks that make other content are told as damage and forgotten, and right ones then do', async () => {
      const content = contentOf(3 * BLOCK_BYTES);
      const { hash, leaves } = digestOf(content);
      const partial = await store.resume(hash, content.length);
      const wrong = blockOf(contentOf(3 * BLOCK_BYTES, 2), 1);
      for (const index of [0, 1, 2]) await writeBlock(partial, index, index === 1 ? wrong : blockOf(content, index));
      await expect(partial.finish(leaves)).rejects.toMatchObject(code('object-damaged'));
      expect([0, 1, 2].some((index) => partial.has(index))).toBe(false);
      expect(await store.stat(hash)).toBeUndefined();
      for (const index of [0, 1, 2]) await writeBlock(partial, index, blockOf(content, index));
      await expect(partial.finish(leaves.slice(32))).rejects.toMatchObject(code('object-damaged'));
      for (const index of [0, 1, 2]) await writeBlock(partial, index, blockOf(content, index));
      await partial.finish(leaves);
      expect(imageOf(await readAll(store, hash))).toBe(imageOf(content));
    });

    test('removing takes what was begun too, and ends whoever is at it', async () => {
      const content = contentOf(2 * BLOCK_BYTES);
      const { hash, leaves } = digestOf(content);
      const partial = await store.resume(hash, content.length);
      await writeBlock(partial, 0, blockOf(content, 0));
      expect(await store.remove(hash)).toBe(true);
      expect(await store.partials()).toEqual([]);
      await expect(writeBlock(partial, 1, blockOf(content, 1))).rejects.toMatchObject(code('object-not-found'));
      await partial.close();
      const anew = await store.resume(hash, content.length);
      expect(anew.has(0)).toBe(false);
      for (const index of [0, 1]) await writeBlock(anew, index, blockOf(content, index));
      await anew.finish(leaves);
      expect(imageOf(await readAll(store, hash))).toBe(imageOf(content));
    });

    test('content that is put whole takes what was begun of it, and ends whoever is at it', async () => {
      const content = contentOf(3 * BLOCK_BYTES, 7);
      const { hash, size } = digestOf(content);
      const partial = await store.resume(hash, size);
      await writeBlock(partial, 0, blockOf(content, 0));
      await put(store, content);
      expect(await store.partials()).toEqual([]);
      await expect(writeBlock(partial, 1, blockOf(content, 1))).rejects.toMatchObject({ code: 'object-not-found' });
      await partial.close();
      expect(imageOf(await readAll(store, hash))).toBe(imageOf(content));
      expect(await store.remove(hash)).toBe(true);
    });

    test('two contents whose hashes begin alike do not meet, and lists are whole', async () => {
      const all = await Promise.all(Array.from({ length: 24 }, (_, i) => put(store, contentOf(50 + i, i + 1))));
      expect((await listed(store)).map(({ hash, size }) => [hash, size])).toEqual(
        all.map(({ hash, size }): [string, number] => [hash, size]).sort(([a], [b]) => (a < b ? -1 : 1)),
      );
      for (const { hash } of all) expect(await store.remove(hash)).toBe(true);
      expect(await listed(store)).toEqual([]);
    });

    test('after close every call rejects, and twice is once', async () => {
      const { hash } = await put(store, contentOf(1000));
      const upload = await store.begin();
      const partial = await store.resume('cd'.repeat(32), 10);
      const reading = await store.read(hash, 0, 1000);
      await Promise.all([store.close(), store.close()]);
      for (const use of [
        () => store.begin(),
        () => store.resume(hash, 10),
        () => store.stat(hash),
        () => store.leaves(hash),
        () => store.read(hash, 0, 1),
        () => listed(store),
        () => store.partials(),
        () => store.remove(hash),
        () => upload.write(new Uint8Array(10)),
        () => writeBlock(partial, 0, new Uint8Array(10)),
        async () => {
          for await (const _ of reading ?? []);
        },
      ])
        await expect(use()).rejects.toMatchObject(code('store-closed'));
      await upload.abort();
      await partial.close();
    });

    const { reopen } = options;
    test.skipIf(reopen === undefined)('what is durable and what was begun outlive the process', async () => {
      const content = contentOf(1_500_000);
      const { hash, leaves } = await put(store, content);
      const other = contentOf(3 * BLOCK_BYTES, 9);
      const digest = digestOf(other);
      const partial = await store.resume(digest.hash, other.length);
      await writeBlock(partial, 2, blockOf(other, 2));
      const upload = await store.begin();
      await upload.write(content);
      const before = await store.stat(hash);
      await store.close();
      store = await (reopen as () => Promise<VaultStore>)();
      expect(await listed(store)).toEqual([before]);
      expect(imageOf(await readAll(store, hash))).toBe(imageOf(content));
      expect(imageOf(await store.leaves(hash))).toBe(imageOf(leaves));
      const again = await store.resume(digest.hash, other.length);
      expect([0, 1, 2].map((index) => again.has(index))).toEqual([false, false, true]);
      await writeBlock(again, 0, blockOf(other, 0));
      await writeBlock(again, 1, blockOf(other, 1));
      await again.finish(digest.leaves);
      expect(imageOf(await readAll(store, digest.hash))).toBe(imageOf(other));
    });
  });
}
