import type { Connection, Stream } from '@libp2p/interface';
import { describe, expect, it } from 'vitest';
import { SYNC_IDLE_MS, SYNC_SERVE_MS } from '../../../../src/adapters/p2p/limits.ts';
import { encodeFrame } from '../../../../src/adapters/p2p/sync-frame.ts';
import { createSyncServer } from '../../../../src/adapters/p2p/sync-server.ts';
import { type Bytes, roomyBytes } from '../../../../src/core/types/index.ts';
import type { Clock, Log } from '../../../../src/ports/index.ts';
import { createHandClock, turns } from '../../../support/clock.ts';

const log: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => log,
};
const connection = { remotePeer: { toString: () => 'peer' } } as unknown as Connection;

class TestStream extends EventTarget {
  status = 'open';
  readableEnded = false;
  writeBufferLength = 0;
  readonly sent: Bytes[] = [];
  send(frame: Bytes): boolean {
    this.sent.push(frame);
    return true;
  }
  abort(): void {
    this.status = 'aborted';
    this.dispatchEvent(new Event('close'));
  }
  async receive(bytes: Bytes): Promise<void> {
    this.dispatchEvent(Object.assign(new Event('message'), { data: bytes }));
    // What the server does with it takes microtasks only.
    await turns(1);
  }
}

function serve(
  clock: Clock,
  stream: TestStream,
  onRequest: (peer: unknown, message: Bytes) => Promise<Bytes> = async (_peer, message) => message,
  over: Connection = connection,
): Promise<void> {
  const handlers = { onRequest };
  return createSyncServer({ clock, log, handlers })(stream as unknown as Stream, over);
}

it('one stream carries one request after another [S10]', async () => {
  const stream = new TestStream();
  const served = serve(createHandClock(), stream);
  const frames = [1, 2, 3].map((n) => encodeFrame(new Uint8Array(n).fill(n)));
  for (const frame of frames) {
    await stream.receive(frame.subarray(0, 3));
    await stream.receive(frame.subarray(3));
  }
  expect(stream.sent).toEqual(frames);
  expect(stream.status).toBe('open');
  stream.abort();
  await served;
});

it('a stream without a request for its time is reset, also between two [S10]', async () => {
  for (const requests of [0, 1]) {
    const clock = createHandClock();
    const stream = new TestStream();
    const served = serve(clock, stream);
    for (let i = 0; i < requests; i++) await stream.receive(encodeFrame(new Uint8Array(1)));
    expect(stream.status).toBe('open');
    await clock.advance(SYNC_IDLE_MS - 1);
    expect(stream.status).toBe('open');
    await clock.advance(1);
    await served;
    expect(stream.status).toBe('aborted');
    expect(stream.sent).toHaveLength(requests);
  }
});

it('a request that is not served in its time ends its stream, and a late answer is dropped [S10]', async () => {
  const clock = createHandClock();
  const stream = new TestStream();
  const answers: ((answer: Bytes) => void)[] = [];
  const served = serve(clock, stream, () => new Promise((resolve) => answers.push(resolve)));
  await stream.receive(encodeFrame(new Uint8Array(1)));
  await clock.advance(SYNC_SERVE_MS - 1);
  expect(stream.status).toBe('open');
  await clock.advance(1);
  await served;
  expect([stream.status, answers.length]).toEqual(['aborted', 1]);
  answers[0]?.(new Uint8Array(1));
  await turns();
  expect(stream.sent).toEqual([]);
});

describe('the memory of an answer', () => {
  const SIZE = 983_040;
  /** A connection of which so many bytes wait to be encrypted. */
  const waiting = (bytes: number) => {
    const maConn = Object.assign(new EventTarget(), { writeBufferLength: bytes });
    const muxer = Object.assign(new EventTarget(), { maConn });
    return { maConn, over: { ...connection, muxer } as unknown as Connection };
  };
  const answered = async (stream: TestStream, over: Connection): Promise<Bytes> => {
    const answer = roomyBytes(SIZE).fill(7);
    void serve(createHandClock(), stream, async () => answer, over);
    await stream.receive(encodeFrame(new Uint8Array(1)));
    await turns();
    expect(stream.sent).toHaveLength(1);
    return answer;
  };
  /** Whether the next large bytes lie where `bytes` did. */
  const isFree = ({ buffer }: Bytes): boolean =>
    Array.from({ length: 8 }, () => roomyBytes(SIZE)).some((next) => next.buffer === buffer);

  it('serves the next one once all of it is encrypted', async () => {
    const stream = new TestStream();
    expect(isFree(await answered(stream, waiting(0).over))).toBe(true);
    stream.abort();
  });

  it('is left alone while the connection has bytes that wait to be encrypted', async () => {
    const { maConn, over } = waiting(1);
    const stream = new TestStream();
    const answer = await answered(stream, over);
    expect(isFree(answer)).toBe(false);
    maConn.dispatchEvent(new Event('idle'));
    expect(isFree(answer)).toBe(true);
    stream.abort();
  });

  it('is left to the garbage where its stream was cut, or the connection has another shape', async () => {
    const stream = new TestStream();
    stream.writeBufferLength = 1;
    const answer = await answered(stream, waiting(0).over);
    stream.abort();
    await turns();
    expect(isFree(answer)).toBe(false);
    const other = new TestStream();
    expect(isFree(await answered(other, connection))).toBe(false);
    other.abort();
  });
});
