import { MemoryLevel } from 'memory-level';
import { expect, test } from 'vitest';
import { createOrderedStore } from '../../../src/adapters/store/ordered.ts';
import { bytes, put } from './suite.ts';

test('after one failed batch no further one is tried: waiting and later ones reject with the same error [D3]', async () => {
  const db = new MemoryLevel<Uint8Array, Uint8Array>({
    keyEncoding: 'view',
    valueEncoding: 'view',
    storeEncoding: 'view',
  });
  const tried: number[] = [];
  const store = createOrderedStore({
    db,
    async write(operations) {
      tried.push(operations.length);
      if (operations.length === 2) throw new Error('IO error: No space left on device');
      await db.batch([...operations]);
    },
  });
  const key = (n: number) => put(bytes(n), bytes(n));
  const outcomes = await Promise.allSettled([
    store.batch([key(1)]),
    store.batch([key(2), key(3)]),
    store.batch([key(4)]),
  ]);
  outcomes.push(...(await Promise.allSettled([store.batch([key(5)])])));

  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'rejected']);
  expect(tried).toEqual([1, 2]);
  const reasons = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
  expect(new Set(reasons).size).toBe(1);
  expect(reasons[0]).toMatchObject({
    name: 'LatticeError',
    code: 'store-full',
    next: expect.stringMatching(/^Free space/),
  });
  // What was acknowledged before stays readable.
  expect(await store.getMany([bytes(1), bytes(4)])).toEqual([bytes(1), undefined]);
  await store.close();
});
