import { describe, expect, it } from 'vitest';
import { MAX_OPERATIONS } from '../../../../src/core/types/index.ts';
import { createJobQueue, type JobQueue, MAX_BATCH_OPERATIONS } from '../../../../src/runtime/commit/jobs.ts';
import { createAuthor, FOUND, puts } from '../support.ts';

const friend = createAuthor(2);
const waiter = { done: () => undefined, failed: () => undefined };
/** A fragment of as many operations as a commit takes. */
const full = friend.commit(Object.fromEntries(Array.from({ length: MAX_OPERATIONS }, (_, i) => [`f${i}`, i])));
const fragments = (queue: JobQueue, operations: number): void => {
  for (let i = 0; i < operations; i += MAX_OPERATIONS) queue.addFragment(full, FOUND, waiter);
};
const writes = (queue: JobQueue, operations: number): void => {
  for (let i = 0; i < operations; i += MAX_OPERATIONS) queue.addWrite(puts(`w${i}`, MAX_OPERATIONS), waiter);
};
const sizes = (queue: JobQueue): [number, number] => {
  const batch = queue.take();
  return [batch.fragments.length * MAX_OPERATIONS, batch.writes.length * MAX_OPERATIONS];
};

describe('the queue of fragments and writes', () => {
  it('gives them in the order in which they came, and counts what waits', () => {
    const queue = createJobQueue();
    const commits = [1, 2, 3].map((n) => friend.commit({ a: n, b: n }));
    for (const commit of commits) queue.addFragment(commit, { ...FOUND, peer: friend.author }, waiter);
    queue.addWrite(puts('x', 5), waiter);
    queue.addWrite(puts('y', 6), waiter);
    expect([queue.operations, queue.isEmpty]).toEqual([17, false]);
    const batch = queue.take();
    expect(batch.fragments.map(({ fragment }) => fragment)).toEqual(commits);
    expect(batch.fragments.map(({ origin }) => origin.peer)).toEqual([1, 2, 3].map(() => friend.author));
    expect(batch.writes.map(({ intent }) => intent.operations.length)).toEqual([5, 6]);
    expect([queue.operations, queue.isEmpty]).toEqual([0, true]);
    expect(queue.take()).toEqual({ fragments: [], writes: [] });
  });

  it('gives local writers half of a batch, whatever peers sent', () => {
    const queue = createJobQueue();
    fragments(queue, 2 * MAX_BATCH_OPERATIONS);
    writes(queue, 2 * MAX_BATCH_OPERATIONS);
    for (let i = 0; i < 2; i++) expect(sizes(queue)).toEqual([MAX_BATCH_OPERATIONS, MAX_BATCH_OPERATIONS / 2]);
    // What peers leave free is theirs too.
    expect(sizes(queue)).toEqual([0, MAX_BATCH_OPERATIONS]);
  });

  it('takes no more than it has room for, and has room again for what was taken [L2]', () => {
    const queue = createJobQueue();
    writes(queue, 16_384);
    expect(() => queue.addWrite(puts('one', 1), waiter)).toThrow(expect.objectContaining({ code: 'overloaded' }));
    expect(() => queue.addFragment(friend.commit({ a: 1 }), FOUND, waiter)).toThrow(
      expect.objectContaining({ code: 'overloaded' }),
    );
    expect(queue.operations).toBe(16_384);
    queue.take();
    fragments(queue, MAX_BATCH_OPERATIONS);
    expect(queue.operations).toBe(16_384);
  });

  it('has room again for the bytes of what was taken [L2]', () => {
    const queue = createJobQueue();
    const large = { operations: [{ kind: 'put' as const, key: 'k', value: 'x'.repeat(16_000) }] };
    let taken = 0;
    const fill = (): void => {
      for (;;) {
        queue.addWrite(large, waiter);
        taken++;
      }
    };
    expect(fill).toThrow(expect.objectContaining({ code: 'overloaded' }));
    const most = taken;
    expect(most * 16_000).toBeGreaterThan(31 * 1024 * 1024);
    while (!queue.isEmpty) queue.take();
    taken = 0;
    expect(fill).toThrow(expect.objectContaining({ code: 'overloaded' }));
    expect(taken).toBe(most);
  });
});
