import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { createCommitIds } from '../../../../src/core/state/index.ts';
import type { Bytes } from '../../../../src/core/types/index.ts';

const idOf = (n: number): Bytes => new Uint8Array(createHash('sha256').update(`${n}`).digest());

it('equal ids share a copy that keeps nothing else in memory, and another id is never taken for it', () => {
  const copyOf = createCommitIds();
  const message = new Uint8Array(1024);
  message.set(idOf(1), 500);
  const copy = copyOf(message.subarray(500, 532));
  expect(copy).toEqual(idOf(1));
  expect(copy.buffer.byteLength).toBe(32);
  expect(copyOf(idOf(1))).toBe(copy);
  message.fill(0);
  expect(copy).toEqual(idOf(1));
  // Of the same place in the table, and different only at the end.
  const near = idOf(1);
  near[31] = (near[31] as number) ^ 1;
  expect(copyOf(near)).toEqual(near);
  expect(copyOf(idOf(1))).toEqual(idOf(1));
  for (let n = 0; n < 10_000; n++) expect(copyOf(idOf(n))).toEqual(idOf(n));
});
