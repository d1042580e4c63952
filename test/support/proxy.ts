import { createServer, type Server, Socket } from 'node:net';

/**
 * open: bytes pass. cut: every connection is reset, old and new. blackhole: connections stay open and nothing passes.
 */
export type ProxyMode = 'open' | 'cut' | 'blackhole';

/** A TCP relay on 127.0.0.1 in front of one port: the network between two nodes, in the hands of a test. */
export interface Proxy {
  readonly port: number;
  /** Bytes that were passed on so far, both ways together. */
  readonly bytes: number;
  set(mode: ProxyMode): void;
  /** Lets each connection pass at most so many bytes a second each way, of which a small message is the first. */
  throttle(bytesPerSecond: number | undefined): void;
  /** Flips one bit in each of the next `chunks` chunks towards the target, none when 0. */
  corrupt(chunks: number): void;
  close(): Promise<void>;
}

interface Pair {
  readonly client: Socket;
  /** Undefined while the blackhole holds a connection that was never made. */
  target: Socket | undefined;
}

/** A connection whose bound was just taken away goes on after at most this. */
const MAX_HOLD_MS = 5_000;

export async function createProxy(targetPort: number): Promise<Proxy> {
  const pairs = new Set<Pair>();
  let mode: ProxyMode = 'open';
  let corrupting = 0;
  let rate: number | undefined;
  let bytes = 0;

  function drop(pair: Pair): void {
    pairs.delete(pair);
    pair.client.resetAndDestroy();
    pair.target?.resetAndDestroy();
  }

  /**
   * Chunks pass one at a time and only while the proxy is open, so a blackhole stops in the middle of whatever flows.
   */
  function relay(pair: Pair, from: Socket, to: Socket, towardsTarget: boolean): void {
    from.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (towardsTarget && corrupting > 0) {
        corrupting--;
        const at = chunk.length >> 1;
        chunk[at] = (chunk[at] as number) ^ 0x10;
      }
      if (!to.write(chunk)) from.pause();
      if (rate !== undefined) hold(chunk.length, rate);
    });
    let held = false;
    /** The time that this many bytes take is waited for after they have passed, so that the first ones pass at once. */
    function hold(length: number, bytesPerSecond: number): void {
      held = true;
      from.pause();
      setTimeout(
        () => {
          held = false;
          if (mode === 'open' && !to.writableNeedDrain) from.resume();
        },
        Math.min(MAX_HOLD_MS, (length / bytesPerSecond) * 1000),
      ).unref();
    }
    to.on('drain', () => {
      if (mode === 'open' && !held) from.resume();
    });
    from.on('end', () => to.end());
    from.on('error', () => drop(pair));
    from.on('close', () => {
      to.destroySoon();
      pairs.delete(pair);
    });
  }

  function connect(pair: Pair): void {
    const target = new Socket({ allowHalfOpen: true });
    pair.target = target;
    relay(pair, pair.client, target, true);
    relay(pair, target, pair.client, false);
    target.connect({ host: '127.0.0.1', port: targetPort });
    pair.client.resume();
  }

  const server: Server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
    const pair: Pair = { client, target: undefined };
    pairs.add(pair);
    client.on('error', () => drop(pair));
    if (mode === 'cut') drop(pair);
    else if (mode === 'open') connect(pair);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port: 0 }, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');

  return {
    port: address.port,
    get bytes() {
      return bytes;
    },
    throttle(bytesPerSecond) {
      rate = bytesPerSecond;
    },
    corrupt(chunks) {
      corrupting = chunks;
    },
    set(next) {
      mode = next;
      for (const pair of pairs) {
        if (mode === 'cut') drop(pair);
        else if (mode === 'blackhole') {
          pair.client.pause();
          pair.target?.pause();
        } else if (pair.target === undefined) connect(pair);
        else {
          pair.client.resume();
          pair.target.resume();
        }
      }
    },
    async close() {
      for (const pair of pairs) drop(pair);
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
