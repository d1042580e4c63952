import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { compareBytes } from '../../../src/core/types/index.ts';
import type { KeyRange, Row, Store, StoreOperation } from '../../../src/ports/index.ts';

export const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
export const put = (key: Uint8Array, value: Uint8Array): StoreOperation => ({ type: 'put', key, value });
const del = (key: Uint8Array): StoreOperation => ({ type: 'del', key });

export const EVERYTHING: KeyRange = { gte: bytes(), lt: new Uint8Array(40).fill(0xff) };

export async function rowsOf(store: Pick<Store, 'iterate'>, range: KeyRange = EVERYTHING): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const chunk of store.iterate(range)) rows.push(...chunk);
  return rows;
}

async function keysOf(store: Store, range: KeyRange = EVERYTHING): Promise<number[][]> {
  return (await rowsOf(store, range)).map(([key]) => [...key]);
}

/** u32, big-endian: numeric order is byte order. */
export function numberKey(n: number): Uint8Array {
  return bytes(n >>> 24, (n >>> 16) & 0xff, (n >>> 8) & 0xff, n & 0xff);
}

/** What every adapter of the store port promises. */
export function storeContract(name: string, open: () => Promise<Store>): void {
  describe(`store contract: ${name}`, () => {
    let store: Store;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(() => store.close());

    test('a resolved batch is read back; absent keys are undefined', async () => {
      await store.batch([put(bytes(1), bytes(10, 11))]);
      expect(await store.get(bytes(1))).toEqual(bytes(10, 11));
      expect(await store.get(bytes(2))).toBeUndefined();
    });

    test('what comes out is a plain Uint8Array, whose slice copies', async () => {
      await store.batch([put(bytes(1), bytes(10))]);
      const [row] = await rowsOf(store);
      const read = [await store.get(bytes(1)), ...(await store.getMany([bytes(1)])), ...(row ?? [])];
      expect(read.map((value) => value?.constructor)).toEqual([Uint8Array, Uint8Array, Uint8Array, Uint8Array]);
    });

    test('keys are ordered as unsigned bytes, a prefix before what it begins', async () => {
      const sorted = [
        bytes(0),
        bytes(0, 0),
        bytes(0, 0xff),
        bytes(1),
        bytes(0x7f),
        bytes(0x80),
        bytes(0xff),
        bytes(0xff, 0),
        bytes(0xff, 0xff),
      ];
      await store.batch([...sorted].reverse().map((key) => put(key, bytes(9))));
      expect(await keysOf(store)).toEqual(sorted.map((key) => [...key]));
    });

    test('an empty key and an empty value are rows like others', async () => {
      await store.batch([put(bytes(), bytes(7)), put(bytes(0), bytes())]);
      expect(await store.get(bytes())).toEqual(bytes(7));
      expect(await store.get(bytes(0))).toEqual(bytes());
      expect(await keysOf(store)).toEqual([[], [0]]);
    });

    test('ranges hold gte ≤ key < lt, in both directions, up to the limit', async () => {
      await store.batch([1, 2, 3, 4, 5].map((n) => put(bytes(n), bytes(n))));
      const range = { gte: bytes(2), lt: bytes(5) };
      expect(await keysOf(store, range)).toEqual([[2], [3], [4]]);
      expect(await keysOf(store, { ...range, reverse: true })).toEqual([[4], [3], [2]]);
      expect(await keysOf(store, { ...range, limit: 2 })).toEqual([[2], [3]]);
      expect(await keysOf(store, { ...range, reverse: true, limit: 1 })).toEqual([[4]]);
      expect(await keysOf(store, { ...range, limit: 0 })).toEqual([]);
      expect(await keysOf(store, { gte: bytes(3), lt: bytes(3) })).toEqual([]);
      expect(await keysOf(store, { gte: bytes(4), lt: bytes(2) })).toEqual([]);
      expect(await keysOf(store, { gte: bytes(2, 0), lt: bytes(3, 0) })).toEqual([[3]]);
    });

    test('a limit that is not a count is a programmer error', () => {
      expect(() => store.iterate({ ...EVERYTHING, limit: -1 })).toThrow(RangeError);
    });

    test('each chunk of an iteration is of one moment, and holds nothing back of what is written between two', async () => {
      await store.batch(Array.from({ length: 2500 }, (_, n) => put(numberKey(2 * n), bytes(1))));
      const seen: Row[] = [];
      for await (const chunk of store.iterate(EVERYTHING)) {
        const first = seen.length === 0;
        seen.push(...chunk);
        // Before the place of the iteration and after it.
        if (first)
          await store.batch([
            del(numberKey(0)),
            put(numberKey(3), bytes(2)),
            put(numberKey(4997), bytes(2)),
            del(numberKey(4998)),
          ]);
      }
      const expected = [...Array.from({ length: 2499 }, (_, n) => 2 * n), 4997];
      expect(seen.map(([key]) => [...key])).toEqual(expected.map((n) => [...numberKey(n)]));
      expect(seen.filter(([, value]) => value[0] === 2).map(([key]) => [...key])).toEqual([[...numberKey(4997)]]);
    });

    test('an iteration in reverse goes on where its chunk ended', async () => {
      await store.batch(Array.from({ length: 2500 }, (_, n) => put(numberKey(n), bytes(1))));
      const seen: Row[] = [];
      for await (const chunk of store.iterate({ ...EVERYTHING, reverse: true, limit: 2100 })) seen.push(...chunk);
      expect(seen.map(([key]) => [...key])).toEqual(Array.from({ length: 2100 }, (_, n) => [...numberKey(2499 - n)]));
    });

    test('10,000 rows come in order, complete, in chunks of 1 to 1,000', async () => {
      for (let from = 0; from < 10_000; from += 2500) {
        await store.batch(
          Array.from({ length: 2500 }, (_, n) => put(numberKey(from + n), new Uint8Array(200).fill(n))),
        );
      }
      const sizes: number[] = [];
      let next = 0;
      for await (const chunk of store.iterate(EVERYTHING)) {
        sizes.push(chunk.length);
        for (const [key] of chunk) expect(compareBytes(key, numberKey(next++))).toBe(0);
      }
      expect(next).toBe(10_000);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(1000);
      expect(Math.min(...sizes)).toBeGreaterThan(0);
    });

    test('an iteration may be left early, and the store still closes', async () => {
      await store.batch(Array.from({ length: 3000 }, (_, n) => put(numberKey(n), bytes(1))));
      let chunks = 0;
      for await (const _ of store.iterate(EVERYTHING)) {
        chunks++;
        break;
      }
      store.iterate(EVERYTHING);
      expect(chunks).toBe(1);
      await store.close();
    });

    test('later operations of a batch win over earlier ones', async () => {
      await store.batch([
        put(bytes(1), bytes(1)),
        put(bytes(1), bytes(2)),
        put(bytes(2), bytes(1)),
        del(bytes(2)),
        del(bytes(3)),
        put(bytes(3), bytes(3)),
      ]);
      expect(await store.getMany([bytes(1), bytes(2), bytes(3)])).toEqual([bytes(2), undefined, bytes(3)]);
    });

    test('deleting an absent key is no error, nor is an empty batch', async () => {
      await store.batch([del(bytes(42))]);
      await store.batch([]);
      expect(await rowsOf(store)).toEqual([]);
    });

    test('getMany answers in the order asked, repeated and missing keys included', async () => {
      await store.batch([put(bytes(1), bytes(1)), put(bytes(3), bytes(3))]);
      expect(await store.getMany([bytes(3), bytes(2), bytes(1), bytes(3)])).toEqual([
        bytes(3),
        undefined,
        bytes(1),
        bytes(3),
      ]);
      expect(await store.getMany([])).toEqual([]);
    });

    test('a batch is seen whole or not at all, and batches appear in the order of the calls [D3]', async () => {
      const pair = (n: number): StoreOperation[] => [put(bytes(0), numberKey(n)), put(bytes(0xff), numberKey(n))];
      const completed: number[] = [];
      const writes = Array.from({ length: 200 }, async (_, n) => {
        await store.batch(pair(n));
        completed.push(n);
      });
      const all = Promise.all(writes);
      while (completed.length < 200) {
        const [first, last] = await store.getMany([bytes(0), bytes(0xff)]);
        expect(first).toEqual(last);
      }
      await all;
      expect(completed).toEqual(Array.from({ length: 200 }, (_, n) => n));
      expect(await store.get(bytes(0))).toEqual(numberKey(199));
    });

    test('more than 1,024 waiting batches fail the store rather than memory', async () => {
      const outcomes = await Promise.allSettled(
        Array.from({ length: 1100 }, (_, n) => store.batch([put(numberKey(n), bytes(1))])),
      );
      expect(outcomes.at(-1)).toMatchObject({ status: 'rejected', reason: { code: 'store-write-failed' } });
      // Whatever was acknowledged is a run without gaps from the first.
      const written = outcomes.findIndex(({ status }) => status === 'rejected');
      expect(outcomes.slice(written).every(({ status }) => status === 'rejected')).toBe(true);
      expect(await keysOf(store)).toEqual(Array.from({ length: written }, (_, n) => [...numberKey(n)]));
    });

    test('close lets what is in flight finish, twice is once, and everything after it rejects with store-closed', async () => {
      await store.batch([put(bytes(1), bytes(1))]);
      const iteration = store.iterate(EVERYTHING)[Symbol.asyncIterator]();
      const inFlight = [
        store.batch([put(bytes(2), bytes(2))]),
        store.batch([put(bytes(3), bytes(3))]),
        store.get(bytes(1)),
      ];
      const closing = store.close();
      await expect(store.batch([put(bytes(4), bytes(4))])).rejects.toMatchObject({
        name: 'LatticeError',
        code: 'store-closed',
      });
      expect(await Promise.all(inFlight)).toEqual([undefined, undefined, bytes(1)]);
      await Promise.all([closing, store.close()]);
      for (const use of [
        () => store.get(bytes(1)),
        () => store.getMany([bytes(1)]),
        () => rowsOf(store),
        () => iteration.next(),
        () => store.batch([put(bytes(1), bytes(1))]),
      ]) {
        await expect(use()).rejects.toMatchObject({ name: 'LatticeError', code: 'store-closed' });
      }
    });
  });
}
