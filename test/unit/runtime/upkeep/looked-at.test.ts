import { expect, it } from 'vitest';
import type { FoundEntry } from '../../../../src/core/replica/index.ts';
import { createLookedAt } from '../../../../src/runtime/upkeep/looked-at.ts';

const entry = (key: string, size = 10): FoundEntry => ({
  keyHash: new Uint8Array(32),
  entry: { key, siblings: [{ operationBytes: new Uint8Array(size) }] } as unknown as FoundEntry['entry'],
});

it('what was looked at is given once, and only while the state has it still [RO14]', () => {
  let isPresent = true;
  const lookedAt = createLookedAt({ isPresent: () => isPresent });
  const one = entry('a');
  lookedAt.note(one);
  expect(lookedAt.take('b')).toBeUndefined();
  expect(lookedAt.take('a')).toBe(one);
  expect(lookedAt.take('a')).toBeUndefined();
  lookedAt.note(one);
  isPresent = false;
  expect(lookedAt.take('a')).toBeUndefined();
});

it('the newest 2,048 are kept, and no more than 4 MiB of them [RO14]', () => {
  const lookedAt = createLookedAt({ isPresent: () => true });
  const kept = (count: number): number =>
    Array.from({ length: count }, (_, i) => lookedAt.take(`k${i}`)).filter((one) => one !== undefined).length;
  for (let i = 0; i < 3000; i++) lookedAt.note(entry(`k${i}`));
  expect(lookedAt.take('k951')).toBeUndefined();
  expect(lookedAt.take('k952')).toBeDefined();
  expect(kept(3000)).toBe(2047);
  for (let i = 0; i < 100; i++) lookedAt.note(entry(`k${i}`, 64 * 1024));
  expect(lookedAt.take('k35')).toBeUndefined();
  expect(kept(100)).toBe(64);
  // One that is noted again counts once.
  for (let i = 0; i < 100; i++) lookedAt.note(entry('k0', 64 * 1024));
  lookedAt.note(entry('k1', 4 * 1024 * 1024 - 64 * 1024));
  expect(kept(2)).toBe(2);
});
