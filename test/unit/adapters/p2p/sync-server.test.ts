import type { Connection, Stream } from '@libp2p/interface';
import { expect, it } from 'vitest';
import { encodeFrame } from '../../../../src/adapters/p2p/sync-frame.ts';
import { createSyncServer } from '../../../../src/adapters/p2p/sync-server.ts';
import type { Bytes } from '../../../../src/core/types/index.ts';
import type { Clock, Log } from '../../../../src/ports/index.ts';

const log: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => log,
};
const connection = { remotePeer: { toString: () => 'peer' } } as unknown as Connection;

/** Timers that run out when told. */
function manualClock(): Clock & { runOut(): void } {
  const timers = new Set<() => void>();
  return {
    now: () => 0,
    monotonic: () => 0,
    after(_ms, run) {
      timers.add(run);
      return { cancel: () => void timers.delete(run) };
    },
    runOut() {
      for (const run of timers) run();
    },
  };
}

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
    this.dispatchEvent(Object.assign(new Event('message'), { data: { subarray: () => bytes } }));
    // What the server does with it takes microtasks only.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function serve(clock: Clock, stream: TestStream): Promise<void> {
  const handlers = { onRequest: async (_peer: unknown, message: Bytes) => message };
  return createSyncServer({ clock, log, handlers })(stream as unknown as Stream, connection);
}

it('one stream carries one request after another [S10]', async () => {
  const stream = new TestStream();
  const served = serve(manualClock(), stream);
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
    const clock = manualClock();
    const stream = new TestStream();
    const served = serve(clock, stream);
    for (let i = 0; i < requests; i++) await stream.receive(encodeFrame(new Uint8Array(1)));
    expect(stream.status).toBe('open');
    clock.runOut();
    await served;
    expect(stream.status).toBe('aborted');
    expect(stream.sent).toHaveLength(requests);
  }
});
