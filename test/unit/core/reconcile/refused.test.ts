import { expect, it } from 'vitest';
import { RefusedDifferences } from '../../../../src/core/reconcile/index.ts';

const bytes = (n: number): Uint8Array => new Uint8Array(32).fill(n);

it('what was refused for one reason is forgotten without the rest [S12]', () => {
  const refused = new RefusedDifferences();
  refused.add(bytes(1), bytes(9), undefined, { reason: 'future' }, 0);
  refused.add(bytes(2), bytes(9), undefined, { reason: 'untrusted-author' }, 0);
  refused.forget(new Set(['future']));
  expect(refused.reasons()).toEqual({ 'untrusted-author': 1 });
  expect(refused.waits(bytes(1), bytes(9), undefined, 1_000)).toBe(false);
  expect(refused.waits(bytes(2), bytes(9), undefined, 1_000)).toBe(true);
  refused.forget();
  expect(refused.size).toBe(0);
});
