import { expect, test } from 'vitest';
import { systemRandom } from '../../../../src/adapters/system/random.ts';

const random = systemRandom();

test('bytes are plain, of the length asked, and differ every time', () => {
  expect(random.bytes(0)).toEqual(new Uint8Array(0));
  const drawn = Array.from({ length: 1000 }, () => random.bytes(16));
  expect(drawn.every((bytes) => bytes.constructor === Uint8Array && bytes.length === 16)).toBe(true);
  expect(new Set(drawn.map(String)).size).toBe(1000);
});

test('fractions lie in [0, 1) and in all of it', () => {
  const drawn = Array.from({ length: 10_000 }, () => random.fraction());
  expect(drawn.every((x) => x >= 0 && x < 1)).toBe(true);
  // Each tenth is missed with a probability of 0.9^10000.
  expect(new Set(drawn.map((x) => Math.floor(x * 10))).size).toBe(10);
});
