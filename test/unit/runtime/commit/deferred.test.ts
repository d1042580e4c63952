import { describe, expect, it } from 'vitest';
import { MAX_DEFERRED } from '../../../../src/core/types/index.ts';
import { createDeferred, type Deferred } from '../../../../src/runtime/commit/deferred.ts';
import { createAuthor, FOUND, type TestAuthor } from '../support.ts';

const [one, two, three] = [1, 2, 3].map(createAuthor) as [TestAuthor, TestAuthor, TestAuthor];

function add(deferred: Deferred, author: TestAuthor, count: number, value: string | number = 1): void {
  for (let i = 0; i < count; i++) {
    const fragment = author.commit({ k: value });
    deferred.add(fragment.id, { fragment, origin: FOUND });
  }
}

const countOf = (deferred: Deferred, { author }: TestAuthor): number =>
  [...deferred.all()].filter(({ fragment }) => fragment.header.author === author).length;

describe('commits of the future', () => {
  it('of one author fill a quarter of the room, the newest of them [C4, L2]', () => {
    const deferred = createDeferred();
    const first = one.commit({ k: 1 });
    deferred.add(first.id, { fragment: first, origin: FOUND });
    add(deferred, one, MAX_DEFERRED);
    expect([deferred.size, deferred.has(first.id)]).toEqual([MAX_DEFERRED / 4, false]);
    add(deferred, two, 10);
    expect([countOf(deferred, one), countOf(deferred, two)]).toEqual([MAX_DEFERRED / 4, 10]);
  });

  it('make room, where all of it is taken, at the cost of the author who has most [C4, L2]', () => {
    const deferred = createDeferred();
    add(deferred, one, 10);
    for (let id = 10; id < 14; id++) add(deferred, createAuthor(id), MAX_DEFERRED);
    add(deferred, one, 10);
    expect([deferred.size, countOf(deferred, one)]).toEqual([MAX_DEFERRED, 20]);
  });

  it('are bounded in bytes: large ones make room like many [L2]', () => {
    const deferred = createDeferred();
    add(deferred, three, 3);
    const large = Object.fromEntries(Array.from({ length: 4 }, (_, i) => [`k${i}`, 'x'.repeat(15_000)]));
    for (let id = 10; id < 14; id++) {
      for (let i = 0; i < MAX_DEFERRED / 4; i++) {
        const fragment = createAuthor(id).commit(large);
        deferred.add(`${id} ${i}`, { fragment, origin: FOUND });
      }
    }
    expect(deferred.size).toBeLessThan((16 * 1024 * 1024) / 60_000 + 3);
    expect(deferred.size).toBeGreaterThan((16 * 1024 * 1024) / 61_000 - 3);
    expect(countOf(deferred, three)).toBe(3);
    for (const { fragment } of deferred.all()) deferred.delete(fragment.id);
    for (let id = 10; id < 14; id++) for (let i = 0; i < MAX_DEFERRED / 4; i++) deferred.delete(`${id} ${i}`);
    expect(deferred.size).toBe(0);
  });
});
