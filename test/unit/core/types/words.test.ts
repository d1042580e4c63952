import { expect, it } from 'vitest';
import { counted, joined } from '../../../../src/core/types/index.ts';

it('one thing is counted in the singular', () => {
  expect([0, 1, 2].map((n) => counted(n, 'key'))).toEqual(['0 keys', '1 key', '2 keys']);
  expect([1, 2].map((n) => counted(n, 'entry', 'entries'))).toEqual(['1 entry', '2 entries']);
});

it('the last of several things is joined by a word', () => {
  expect([[], ['a'], ['a', 'b'], ['a', 'b', 'c']].map(joined)).toEqual(['', 'a', 'a and b', 'a, b and c']);
});
