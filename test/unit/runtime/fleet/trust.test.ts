import { expect, it } from 'vitest';
import { trustHash } from '../../../../src/core/wire/index.ts';
import { createTrust } from '../../../../src/runtime/fleet/trust.ts';
import { createAuthor, hasher } from '../support.ts';

const [self, a, b] = [1, 2, 3].map((id) => createAuthor(id).author) as [never, never, never];

it('an empty list means the own key [N3]', () => {
  const trust = createTrust([], self, hasher);
  expect(trust.authors).toEqual([self]);
  expect([trust.has(self), trust.has(a)]).toEqual([true, false]);
  expect(trust.hash).toEqual(trustHash([self], hasher));
});

it('a list is what it says: the own key is on it or not [N3]', () => {
  const trust = createTrust([a, b], self, hasher);
  expect(trust.authors).toEqual([a, b]);
  expect([trust.has(self), trust.has(a), trust.has(b)]).toEqual([false, true, true]);
});

it('order and repetition change nothing of what peers compare [E3]', () => {
  const trust = createTrust([a, b, a], self, hasher);
  expect(trust.authors).toEqual([a, b]);
  expect(trust.hash).toHaveLength(32);
  expect(trust.hash).toEqual(createTrust([b, a], self, hasher).hash);
  expect(trust.hash).not.toEqual(createTrust([a], self, hasher).hash);
});

it('another list acts for whoever holds it, and says who came and who went [N18]', () => {
  const trust = createTrust([self, a], self, hasher);
  const { has } = trust;
  expect(trust.replace([b, self])).toEqual({ added: [b], removed: [a] });
  expect([has(self), has(a), has(b)]).toEqual([true, false, true]);
  expect(trust.hash).toEqual(trustHash([self, b], hasher));
  expect(trust.replace([])).toEqual({ added: [], removed: [b] });
  expect(trust.authors).toEqual([self]);
});
