import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createInOrderHash } from '../../../../src/adapters/vault/in-order.ts';
import type { Bytes } from '../../../../src/core/types/index.ts';
import { BLOCK_BYTES, blockCount, createContentHash } from '../../../../src/core/vault/index.ts';
import { hasher } from '../../../contract/vault/suite.ts';

/** A content, a file of it, and what reads of the file are made. */
function contentOf(size: number) {
  const content = new Uint8Array(size).map((_, i) => (i >>> 16) + (i & 0xff));
  const running = createContentHash(hasher);
  running.update(content);
  const { hash, leaves } = running.digest();
  const file = new Uint8Array(size);
  const had = new Set<number>();
  let read = 0;
  const inOrder = createInOrderHash({
    hasher,
    size,
    has: (index) => had.has(index),
    async read(position, length) {
      await new Promise((resolve) => setImmediate(resolve));
      read += length;
      return file.slice(position, position + length);
    },
  });
  /** As a store writes blocks: into the file, then marked, then hashed. */
  function put(first: number, count: number, seen = true): void {
    const at = first * BLOCK_BYTES;
    const bytes: Bytes = content.slice(at, (first + count) * BLOCK_BYTES);
    file.set(bytes, at);
    for (let i = first; i < first + count; i++) had.add(i);
    if (seen) inOrder.wrote(first, bytes, leaves.slice(first * 32, (first + count) * 32));
  }
  const matches = async (): Promise<boolean> => {
    const found = await inOrder.digest();
    return found.hash === hash && Buffer.compare(found.leaves, leaves) === 0;
  };
  return { inOrder, put, matches, file, bytesRead: () => read };
}

describe('content that is hashed as its blocks come [U10]', () => {
  it('in order is read back nowhere', async () => {
    const { put, inOrder, matches, bytesRead } = contentOf(40 * BLOCK_BYTES + 7);
    for (let first = 0; first < 41; first += 15) put(first, Math.min(15, 41 - first));
    await inOrder.catchUp();
    expect(await matches()).toBe(true);
    expect(bytesRead()).toBe(0);
  });

  it('out of order waits in memory as far as its bound, and is read back beyond it', async () => {
    const { put, inOrder, matches, bytesRead } = contentOf(300 * BLOCK_BYTES);
    for (let first = 285; first >= 0; first -= 15) put(first, 15);
    const before = bytesRead();
    expect(before).toBe(0);
    // A gap of what came beyond the bound is closed a little with each write.
    await inOrder.catchUp();
    expect(bytesRead()).toBe(2 * 1024 * 1024);
    expect(await matches()).toBe(true);
    expect(bytesRead()).toBeLessThan(300 * BLOCK_BYTES - 7 * 1024 * 1024);
  });

  it('that an earlier run has written is read back, and its leaf hashes are computed', async () => {
    const { put, matches, bytesRead } = contentOf(30 * BLOCK_BYTES);
    put(0, 20, false);
    put(20, 10);
    expect(await matches()).toBe(true);
    expect(bytesRead()).toBeGreaterThanOrEqual(20 * BLOCK_BYTES);
  });

  it('that is another on the disk, or shorter, where it is read back has another digest', async () => {
    const one = contentOf(30 * BLOCK_BYTES);
    one.put(0, 30, false);
    one.file[5] = 99;
    expect(await one.matches()).toBe(false);
    const { inOrder } = contentOf(3 * BLOCK_BYTES);
    const short = createInOrderHash({
      hasher,
      size: 3 * BLOCK_BYTES,
      has: () => true,
      read: async () => new Uint8Array(5),
    });
    expect((await short.digest()).hash).not.toBe((await inOrder.digest()).hash);
  });

  it('in any order, with any of it from an earlier run and reads in between, has its own digest', async () => {
    const size = 50 * BLOCK_BYTES + 100;
    const plan = fc.array(
      fc.record({
        first: fc.nat(50),
        count: fc.integer({ min: 1, max: 15 }),
        seen: fc.boolean(),
        reads: fc.boolean(),
      }),
      { maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(plan, async (writes) => {
        const { put, inOrder, matches } = contentOf(size);
        const reading: Promise<void>[] = [];
        for (const { first, count, seen, reads } of writes) {
          put(first, Math.min(count, blockCount(size) - first), seen);
          if (reads) reading.push(inOrder.catchUp());
        }
        put(0, 20);
        put(20, 31);
        await Promise.all(reading);
        expect(await matches()).toBe(true);
      }),
      { numRuns: 8 },
    );
  });
});
