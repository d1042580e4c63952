import { expect, it } from 'vitest';
import { dropOldest } from '../../../../src/core/types/index.ts';

it('the oldest keys give way, an eighth at once, when the limit is reached', () => {
  const held = new Set<number>();
  let most = 0;
  for (let i = 0; i < 1000; i++) {
    dropOldest(held, 64);
    held.add(i);
    most = Math.max(most, held.size);
    expect(held.size).toBeGreaterThan(Math.min(i, 55));
    expect(held.has(i - 55) || i < 55).toBe(true);
  }
  expect(most).toBe(64);
});

it('a small map keeps all but the oldest', () => {
  const held = new Map([1, 2, 3].map((n) => [n, n]));
  dropOldest(held, 4);
  expect([...held.keys()]).toEqual([1, 2, 3]);
  dropOldest(held, 3);
  expect([...held.keys()]).toEqual([2, 3]);
});
