import { expect, it } from 'vitest';
import { RecentRoots } from '../../../../src/runtime/peers/recent-roots.ts';

it('a root counts for three seconds from when it was last had', () => {
  const roots = new RecentRoots();
  roots.add('a', 0);
  roots.add('b', 100);
  expect([roots.has('a', 0), roots.has('a', 3_000), roots.has('a', 3_001)]).toEqual([true, true, false]);
  roots.add('a', 3_000);
  expect([roots.has('a', 6_000), roots.has('a', 6_001), roots.has('b', 3_101)]).toEqual([true, false, false]);
  expect(roots.has('never', 0)).toBe(false);
});

it('the newest 4,096 are kept where more come within that time, and the oldest give way [L2]', () => {
  const roots = new RecentRoots();
  for (let i = 0; i < 10_000; i++) roots.add(`${i}`, 0);
  const kept = Array.from({ length: 10_000 }, (_, i) => roots.has(`${i}`, 0));
  const count = kept.filter(Boolean).length;
  expect(count).toBeGreaterThanOrEqual(4_096);
  // Old ones are taken out some at a time.
  expect(count).toBeLessThanOrEqual(4_096 + 64);
  expect(kept.slice(-4_096)).not.toContain(false);
});

it('one that comes back is as new as the newest', () => {
  const roots = new RecentRoots();
  roots.add('first', 0);
  for (let i = 0; i < 4_000; i++) roots.add(`${i}`, 0);
  roots.add('first', 0);
  for (let i = 4_000; i < 8_000; i++) roots.add(`${i}`, 0);
  expect([roots.has('first', 0), roots.has('0', 0)]).toEqual([true, false]);
});
