import { describe, expect, it } from 'vitest';
import { createMemoryStore } from '../../../../src/adapters/store/index.ts';
import { nodeHasher } from '../../../../src/adapters/system/index.ts';
import type { WriteIntent } from '../../../../src/core/replica/index.ts';
import { bucketRange } from '../../../../src/core/rows/index.ts';
import type { Bytes, CommitId, Fragment, Hlc } from '../../../../src/core/types/index.ts';
import { createIdempotency } from '../../../../src/runtime/commit/idempotency.ts';
import type { WriteResult } from '../../../../src/runtime/facade/index.ts';
import { createJoinedGet } from '../../../../src/runtime/storage/joined-reads.ts';

const DAY_MS = 24 * 60 * 60_000;
const put = [{ op: 'put', key: 'a', value: 1 }] as const;

function fixture() {
  const store = createMemoryStore();
  let now = 1_000_000;
  let writes = 0;
  const clock = { now: () => now, monotonic: () => now, after: () => ({ cancel() {} }) };
  const idempotency = createIdempotency({ store, hasher: nodeHasher(), clock });
  /** What the writer does: makes the commit, and its rows durable with it. */
  async function write(rows: WriteIntent['rows']): Promise<WriteResult> {
    const id = (++writes).toString(16).padStart(64, '0') as CommitId;
    const commit = { id, header: { hlc: BigInt(writes) as Hlc }, operations: [] as unknown } as Fragment;
    await store.batch([...(rows?.({ commit, first: 0, created: [true] }) ?? [])]);
    return {
      commit: id,
      hlc: writes.toString(16).padStart(16, '0'),
      results: [{ key: 'a', version: `${id}.0`, created: true }],
    };
  }
  return {
    store,
    idempotency,
    write,
    writes: () => writes,
    pass: (ms: number) => {
      now += ms;
    },
    async kept(): Promise<number> {
      let rows = 0;
      for await (const chunk of store.iterate(bucketRange('idempotency'))) rows += chunk.length;
      return rows;
    },
  };
}

describe('idempotency keys', () => {
  it('hold for 24 hours, and are taken out of the store by later writes [A22]', async () => {
    const { idempotency, write, writes, pass, kept } = fixture();
    const first = await idempotency.once('k', put, write);
    pass(DAY_MS - 1);
    expect(await idempotency.once('k', put, write)).toEqual({ ...first, replayed: true });
    pass(1);
    expect((await idempotency.once('k', put, write)).replayed).toBeUndefined();
    expect(writes()).toBe(2);
    for (let i = 0; i < 10; i++) await idempotency.once(`k${i}`, put, write);
    expect(await kept()).toBe(11);
    pass(DAY_MS);
    await idempotency.once('last', put, write);
    expect(await kept()).toBe(1);
  });

  it('stand for any value that there is; -0 and 0 are the same request [A22, V2]', async () => {
    const { idempotency, write } = fixture();
    const request = (n: number) => [{ op: 'put', key: 'a', value: { '/': 1, bytes: 1, n: [n] } }] as const;
    const first = await idempotency.once('k', request(-0), write);
    expect(await idempotency.once('k', request(0), write)).toEqual({ ...first, replayed: true });
    await expect(idempotency.once('k', request(1), write)).rejects.toMatchObject({ code: 'idempotency-mismatch' });
  });

  it('of a write that fails may be used again [A22]', async () => {
    const { idempotency, write } = fixture();
    const failing = (): Promise<WriteResult> => Promise.reject(new Error('no'));
    const both = await Promise.allSettled([idempotency.once('k', put, failing), idempotency.once('k', put, failing)]);
    expect(both.map((b) => b.status)).toEqual(['rejected', 'rejected']);
    expect((await idempotency.once('k', put, write)).replayed).toBeUndefined();
  });
});

describe('joined reads', () => {
  it('give each its own row, in few reads of the store; a failure reaches all who shared it', async () => {
    const asked: number[] = [];
    let failing = false;
    const get = createJoinedGet({
      getMany: async (keys) => {
        asked.push(keys.length);
        await Promise.resolve();
        if (failing) throw new Error('damaged');
        return keys.map((key) => (key[0] === 0 ? undefined : key));
      },
    });
    const keys = Array.from({ length: 600 }, (_, i): Bytes => Uint8Array.of(i % 256, i >> 8));
    const rows = await Promise.all(keys.map(get));
    rows.forEach((row, i) => expect(row).toEqual(i % 256 === 0 ? undefined : keys[i]));
    expect(asked.slice(0, 2)).toEqual([1, 1]);
    expect(asked.length).toBeLessThan(8);
    expect(Math.max(...asked)).toBeLessThanOrEqual(256);
    failing = true;
    const failed = await Promise.allSettled(keys.slice(0, 5).map(get));
    expect(failed.every((f) => f.status === 'rejected')).toBe(true);
  });
});
