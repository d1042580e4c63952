import type { Stream } from '@libp2p/interface';
import { expect, it } from 'vitest';
import { readFrame } from '../../../../src/adapters/p2p/sync-frame.ts';

const endedStream = (): Stream => Object.assign(new EventTarget(), { readableEnded: true }) as unknown as Stream;

it('an answer that nobody waits for any more does not end the process when it does not come', async () => {
  const unhandled: unknown[] = [];
  const note = (cause: unknown): void => void unhandled.push(cause);
  process.on('unhandledRejection', note);
  try {
    void readFrame(endedStream(), 1024, new AbortController().signal);
    // Unhandled rejections are told after the microtasks of this turn.
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).toEqual([]);
  } finally {
    process.off('unhandledRejection', note);
  }
  await expect(readFrame(endedStream(), 1024, new AbortController().signal)).rejects.toMatchObject({
    code: 'peer-unreachable',
  });
});
