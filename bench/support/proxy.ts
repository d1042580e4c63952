import { connect, createServer, type Socket } from 'node:net';

/** A TCP proxy in front of one port that can be cut and restored. */
export interface Proxy {
  readonly port: number;
  /** Bytes that were passed on so far, both ways together. */
  readonly bytes: number;
  /** Resets every connection and refuses new ones. */
  cut(): void;
  /** Keeps connections open and passes nothing on. New ones are accepted and stay silent. */
  blackhole(): void;
  restore(): void;
  /** Delays every byte by `ms`, either way. */
  delay(ms: number): void;
  close(): void;
}

/** Bytes under way in one direction of a delayed connection. Beyond it the source is paused. */
const MAX_LATE_BYTES = 4 * 1024 * 1024;

/** Listens on a free port of 127.0.0.1 and passes every connection on to `target`. */
export async function createProxy(target: number): Promise<Proxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let state: 'open' | 'cut' | 'silent' = 'open';
  let bytes = 0;
  let delayMs = 0;
  const server = createServer((from) => {
    if (state === 'cut') {
      from.resetAndDestroy();
      return;
    }
    const to = connect(target, '127.0.0.1');
    const pair = [from, to] as const;
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      from.destroy();
      to.destroy();
    };
    for (const [source, sink] of [pair, [to, from] as const]) {
      source.setNoDelay(true);
      let late = 0;
      source.on('error', end);
      source.on('close', end);
      source.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        const pass = (): void => {
          if (!sink.destroyed && !sink.write(chunk)) source.pause();
        };
        if (delayMs === 0 && late === 0) return pass();
        // Timers of one length fire in the order in which they were set. As in a network, the bytes under way are
        // bounded.
        late += chunk.length;
        if (late > MAX_LATE_BYTES) source.pause();
        setTimeout(() => {
          late -= chunk.length;
          if (state !== 'silent') source.resume();
          pass();
        }, delayMs);
      });
      sink.on('drain', () => {
        if (state !== 'silent') source.resume();
      });
    }
    if (state === 'silent') for (const socket of pair) socket.pause();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');

  function reset(): void {
    for (const pair of pairs) for (const socket of pair) socket.resetAndDestroy();
    pairs.clear();
  }
  return {
    port: address.port,
    get bytes() {
      return bytes;
    },
    cut() {
      state = 'cut';
      reset();
    },
    blackhole() {
      state = 'silent';
      for (const pair of pairs) for (const socket of pair) socket.pause();
    },
    restore() {
      state = 'open';
      // Connections that were silent have lost bytes, so they are reset and both ends dial again.
      reset();
    },
    delay(ms) {
      delayMs = ms;
    },
    close() {
      reset();
      server.close();
    },
  };
}
