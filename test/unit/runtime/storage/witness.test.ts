import { expect, it } from 'vitest';
import { decodeLastBatch } from '../../../../src/core/rows/index.ts';
import type { Bytes } from '../../../../src/core/types/index.ts';
import { compareEnd, createEndKeeper } from '../../../../src/runtime/storage/witness.ts';
import { EPOCH_MS } from '../../../support/clock.ts';
import { openTestState, put } from '../support.ts';

it('names no own commit that was still on its way when the batch before it became durable [N15]', async () => {
  const { replica, self } = await openTestState();
  const notes: Bytes[] = [];
  const keeper = createEndKeeper({
    store: { witness: { earlier: undefined, note: (record) => void notes.push(record) } },
    end: compareEnd(undefined, undefined, 0),
    replica,
    self: self.author,
  });
  const step = (key: string) =>
    replica.step({ fragments: [], writes: [put(key, 1)] }, () => undefined, EPOCH_MS, self.sign);

  const first = step('a');
  const durable = keeper.begin(first.meta);
  const second = step('b');
  durable();
  const last = decodeLastBatch(notes[0] as Bytes);
  expect(last.sequence).toBe(first.sequence);
  expect(last.committed).toBe(first.commits[0]?.header.hlc);

  keeper.begin(second.meta)();
  expect(decodeLastBatch(notes[1] as Bytes).committed).toBe(second.commits[0]?.header.hlc);
});
