import { connect, createServer, type Socket } from 'node:net';

/** A TCP proxy in front of one port that can be cut and restored. */
export interface Proxy {
  readonly port: number;
  /** Bytes passed on so far, both ways together. */
  readonly bytes: number;
  /** Resets every connection and refuses new ones. */
  cut(): void;
  /** Keeps connections open and passes nothing on; new ones are taken and left silent. */
  blackhole(): void;
  restore(): void;
  close(): void;
}

/** Listens on a free port of 127.0.0.1 and passes every connection on to `target`. */
export async function createProxy(target: number): Promise<Proxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let state: 'open' | 'cut' | 'silent' = 'open';
  let bytes = 0;
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
      source.on('error', end);
      source.on('close', end);
      source.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (!sink.write(chunk)) source.pause();
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
      // What was silent for a while has lost its time: both ends dial again.
      reset();
    },
    close() {
      reset();
      server.close();
    },
  };
}
