import { expect, it } from 'vitest';
import type { Author } from '../../../../src/core/types/index.ts';
import { BLOCK_BYTES, blockRoot } from '../../../../src/core/vault/index.ts';
import { MAX_LEAVES } from '../../../../src/core/wire/index.ts';
import { createTransfer } from '../../../../src/runtime/vault/transfer.ts';
import { hasher } from '../support.ts';

const [ANN, BEN] = ['a'.repeat(64), 'b'.repeat(64)] as [Author, Author];
const BLOCKS = 2 * MAX_LEAVES + 5;
const LEAVES = new Uint8Array(BLOCKS * 32).map((_, i) => i >>> 5);

/** A content whose leaf hashes are more than one answer has; nothing of it is written here. */
function largeTransfer() {
  const size = BLOCKS * BLOCK_BYTES;
  const object = { hash: 'c'.repeat(64), size, root: Buffer.from(blockRoot(LEAVES, hasher)).toString('hex') };
  return createTransfer(
    object,
    { hash: object.hash, size, has: () => false, write: async () => {}, finish: async () => {}, close: async () => {} },
    hasher,
  );
}
const leavesOf = ({ first, count }: { first: number; count: number }): Uint8Array =>
  LEAVES.slice(first * 32, (first + count) * 32);

it('all leaf hashes come from one peer, who is to blame for them [U8, U11]', () => {
  const transfer = largeTransfer();
  const can = (): boolean => true;
  const first = transfer.nextLeaves(ANN, can);
  expect(first).toEqual({ first: 0, count: MAX_LEAVES });
  if (first === undefined) return;
  const wrong = leavesOf(first);
  wrong[0] = 1;
  transfer.takeLeaves(first, wrong);
  expect(transfer.nextLeaves(BEN, can)).toBeUndefined();
  const second = transfer.nextLeaves(ANN, can) ?? first;
  expect(second).toEqual({ first: MAX_LEAVES, count: MAX_LEAVES });
  transfer.takeLeaves(second, leavesOf(second));
  const last = transfer.nextLeaves(ANN, can) ?? first;
  expect(() => transfer.takeLeaves(last, leavesOf(last))).toThrow('do not lead to the root');
  expect(transfer.nextLeaves(BEN, can)).toEqual(first);
});

it('another peer begins with all leaf hashes anew where the first one is gone [U8]', () => {
  const transfer = largeTransfer();
  const first = transfer.nextLeaves(ANN, () => true);
  if (first !== undefined) transfer.takeLeaves(first, new Uint8Array(MAX_LEAVES * 32));
  let part = transfer.nextLeaves(BEN, () => false);
  expect(part).toEqual(first);
  while (part !== undefined) {
    transfer.takeLeaves(part, leavesOf(part));
    part = transfer.nextLeaves(BEN, () => true);
  }
  expect(transfer.nextBlocks(15)).toEqual({ first: 0, count: 15 });
});
