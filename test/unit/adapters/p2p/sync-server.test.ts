import type { Connection, Stream } from '@libp2p/interface';
import { expect, it } from 'vitest';
import { SYNC_IDLE_MS, SYNC_SERVE_MS } from '../../../../src/adapters/p2p/limits.ts';
import { encodeFrame } from '../../../../src/adapters/p2p/sync-frame.ts';
import { createSyncServer } from '../../../../src/adapters/p2p/sync-server.ts';
import type { Bytes } from '../../../../src/core/types/index.ts';
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
): Promise<void> {
  const handlers = { onRequest };
  return createSyncServer({ clock, log, handlers })(stream as unknown as Stream, connection);
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
