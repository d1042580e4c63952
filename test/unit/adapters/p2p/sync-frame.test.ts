import type { Stream } from '@libp2p/interface';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFrameReader, encodeFrame, feed, readFrame } from '../../../../src/adapters/p2p/sync-frame.ts';
import { type Bytes, giveBack, roomyBytes } from '../../../../src/core/types/index.ts';

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

/** The pieces of a list, as libp2p hands it over. */
const listOf = (pieces: readonly Bytes[]): Parameters<typeof feed>[1] =>
  pieces as unknown as Parameters<typeof feed>[1];

/** `bytes` cut into pieces of the given lengths, one after the other, and the rest. */
function cut(bytes: Bytes, lengths: readonly number[]): Bytes[] {
  const pieces: Bytes[] = [];
  let at = 0;
  for (const length of lengths) {
    pieces.push(bytes.subarray(at, at + length));
    at = Math.min(bytes.length, at + length);
  }
  return [...pieces, bytes.subarray(at)];
}

describe('a frame', () => {
  it('is whole, however it is cut, one piece at a time or several [S10]', () => {
    const messages = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(messages, fc.array(fc.nat(90), { maxLength: 9 }), fc.boolean(), (message, lengths, together) => {
        const pieces = cut(encodeFrame(message), lengths);
        const reader = createFrameReader(300);
        const answers = together ? [feed(reader, listOf(pieces))] : pieces.map((piece) => feed(reader, piece));
        expect(answers.findLast((answer) => answer !== undefined)).toEqual(message);
        expect(answers.slice(0, -1).filter((answer) => answer !== undefined).length).toBeLessThanOrEqual(
          pieces.filter(({ length }) => length === 0).length,
        );
      }),
    );
  });

  it('that says it is too long is refused at its head, and bytes behind its end too [S10]', () => {
    const head = encodeFrame(new Uint8Array(301)).subarray(0, 4);
    const long = createFrameReader(300);
    expect(long.push(head.subarray(0, 3))).toBeUndefined();
    expect(() => long.push(head.subarray(3))).toThrow('longer than the 300 allowed');
    const frame = encodeFrame(new Uint8Array(7));
    const more = Uint8Array.of(1);
    expect(() => feed(createFrameReader(300), listOf([frame, more]))).toThrow('bytes follow the message');
    expect(() => feed(createFrameReader(300), Buffer.concat([frame, more]))).toThrow('bytes follow the message');
  });

  it('of large content lies in memory that serves the next one once it is given back', () => {
    const frame = encodeFrame(new Uint8Array(983_040).fill(7));
    const first = feed(createFrameReader(1_000_000), listOf(cut(frame, [100, 400_000, 400_000])));
    expect(Buffer.compare(first ?? new Uint8Array(0), frame.subarray(4))).toBe(0);
    giveBack(first ?? new Uint8Array(0));
    const second = feed(createFrameReader(1_000_000), frame);
    expect(second?.buffer).toBe(first?.buffer);
    expect(roomyBytes(983_040).buffer).not.toBe(second?.buffer);
  });
});
