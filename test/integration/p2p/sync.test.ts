import { randomBytes } from 'node:crypto';
import type { Connection } from '@libp2p/interface';
import { describe, expect, it } from 'vitest';
import { createLiveness } from '../../../src/adapters/p2p/liveness.ts';
import { createSyncClient } from '../../../src/adapters/p2p/sync-client.ts';
import { createFrameReader, encodeFrame } from '../../../src/adapters/p2p/sync-frame.ts';
import { systemClock, systemRandom } from '../../../src/adapters/system/index.ts';
import { type Bytes, MAX_SYNC_BYTES } from '../../../src/core/types/index.ts';
import { DEADLINE_MS } from '../../support/wait.ts';
import { bytes, startedLung, type TestLung, until } from './support.ts';

type OnRequest = NonNullable<Parameters<typeof startedLung>[1]>['onRequest'];

async function pair(onRequest: OnRequest): Promise<{ client: TestLung; server: TestLung }> {
  const server = await startedLung({}, onRequest === undefined ? {} : { onRequest });
  const client = await startedLung({ bootstrap: [server.address()] });
  await until('connected', () => client.events.length === 1);
  return { client, server };
}

describe('sync requests over libp2p', () => {
  it('carry 900 KB both ways and name the asker [S10]', async () => {
    const answer = new Uint8Array(randomBytes(900_000));
    let asked: { peer: string | undefined; message: Bytes } | undefined;
    const { client, server } = await pair(async (peer, message) => {
      asked = { peer, message };
      return answer;
    });
    const question = new Uint8Array(randomBytes(900_000));
    const received = await client.lung.request(server.author, question, { timeoutMs: DEADLINE_MS });
    expect(Buffer.compare(received, answer)).toBe(0);
    expect(asked?.peer).toBe(client.author);
    expect(Buffer.compare(asked?.message ?? new Uint8Array(), question)).toBe(0);
  });

  it('work in both directions of one connection, and with empty messages', async () => {
    const { client, server } = await pair(async () => new Uint8Array(0));
    expect(await client.lung.request(server.author, new Uint8Array(0), { timeoutMs: DEADLINE_MS })).toHaveLength(0);
    expect(await server.lung.request(client.author, bytes('back'), { timeoutMs: DEADLINE_MS })).toEqual(bytes('back'));
  });

  it('longer than MAX_SYNC_BYTES fail before they are sent [S10]', async () => {
    const { client, server } = await pair(async () => bytes('never'));
    await expect(
      client.lung.request(server.author, new Uint8Array(MAX_SYNC_BYTES + 1), { timeoutMs: DEADLINE_MS }),
    ).rejects.toMatchObject({
      code: 'oversize',
    });
    expect(
      await client.lung.request(server.author, new Uint8Array(MAX_SYNC_BYTES), { timeoutMs: DEADLINE_MS }),
    ).toEqual(bytes('never'));
  });

  it('an answer longer than MAX_SYNC_BYTES is not sent: the asker sees the stream end', async () => {
    const { client, server } = await pair(async () => new Uint8Array(MAX_SYNC_BYTES + 1));
    await expect(client.lung.request(server.author, bytes('q'), { timeoutMs: DEADLINE_MS })).rejects.toMatchObject({
      code: 'peer-unreachable',
    });
  });

  it('time out when the handler never answers, and the connection lives on', async () => {
    const asked: Bytes[] = [];
    const { client, server } = await pair((_peer, message) => {
      asked.push(message);
      return message.length === 1 ? new Promise<Bytes>(() => {}) : Promise.resolve(message);
    });
    // On a busy machine the time may be over before the handler is asked.
    let tries = 0;
    for (let timeoutMs = 300; asked.length === 0; timeoutMs *= 4) {
      tries++;
      await expect(client.lung.request(server.author, bytes('q'), { timeoutMs })).rejects.toMatchObject({
        code: 'timeout',
      });
    }
    expect(asked.length).toBeLessThanOrEqual(tries);
    expect(await client.lung.request(server.author, bytes('qq'), { timeoutMs: DEADLINE_MS })).toEqual(bytes('qq'));
  });

  it('can be cancelled', async () => {
    const { client, server } = await pair(() => new Promise<Bytes>(() => {}));
    const controller = new AbortController();
    const request = client.lung.request(server.author, bytes('q'), {
      timeoutMs: DEADLINE_MS,
      signal: controller.signal,
    });
    controller.abort();
    await expect(request).rejects.toMatchObject({ code: 'aborted' });
  });

  it('a handler that rejects ends the stream', async () => {
    const { client, server } = await pair(() => Promise.reject(new Error('refused')));
    await expect(client.lung.request(server.author, bytes('q'), { timeoutMs: DEADLINE_MS })).rejects.toMatchObject({
      code: 'peer-unreachable',
    });
  });

  it('to a peer that is not connected fail at once', async () => {
    const lonely = await startedLung();
    const other = await startedLung();
    await expect(lonely.lung.request(other.author, bytes('q'), { timeoutMs: DEADLINE_MS })).rejects.toMatchObject({
      code: 'peer-unreachable',
    });
  });

  it('a request that is under way fails when the peer goes', async () => {
    const { client, server } = await pair(() => new Promise<Bytes>(() => {}));
    const request = client.lung.request(server.author, bytes('q'), { timeoutMs: DEADLINE_MS });
    const outcome = expect(request).rejects.toMatchObject({ code: 'peer-unreachable' });
    await server.lung.stop();
    await outcome;
  });

  it('at most four of one peer are served at once; more wait and are all answered [S10]', async () => {
    let active = 0;
    let most = 0;
    let together!: () => void;
    const four = new Promise<void>((resolve) => {
      together = resolve;
    });
    const { client, server } = await pair(async (_peer, message) => {
      most = Math.max(most, ++active);
      if (active === 4) together();
      await four; // the first waits for the fourth: without four at once nobody would be answered
      await new Promise((resolve) => setImmediate(resolve));
      active--;
      return message;
    });
    const requests = Array.from({ length: 60 }, (_, i) =>
      client.lung.request(server.author, bytes(`request ${i}`), { timeoutMs: DEADLINE_MS }),
    );
    const answers = await Promise.all(requests);
    expect(answers.map((answer) => Buffer.from(answer).toString())).toEqual(
      Array.from({ length: 60 }, (_, i) => `request ${i}`),
    );
    expect(most).toBe(4);
  });
});

describe('streams that carry several requests', () => {
  /**
   * The client alone over streams that answer each frame with itself; `answers` are left before the stream ends by
   * itself.
   */
  function echoing(answers: number): { connection: Connection; opened: () => number; received: () => number } {
    let opened = 0;
    let received = 0;
    class EchoStream extends EventTarget {
      status = 'open';
      remoteWriteStatus = 'writable';
      readableEnded = false;
      left = answers;
      send(frame: Bytes): boolean {
        received++;
        queueMicrotask(() => {
          if (this.left-- === 0) this.abort();
          else this.dispatchEvent(Object.assign(new Event('message'), { data: frame }));
        });
        return true;
      }
      abort(): void {
        this.status = 'aborted';
        this.dispatchEvent(new Event('close'));
      }
    }
    const newStream = async (): Promise<EchoStream> => {
      opened++;
      return new EchoStream();
    };
    const connection = { status: 'open', newStream } as unknown as Connection;
    return { connection, opened: () => opened, received: () => received };
  }

  it('one stream serves one request after another [S10]', async () => {
    const { connection, opened } = echoing(Number.POSITIVE_INFINITY);
    const client = createSyncClient({ clock: systemClock(), connectionTo: () => connection });
    for (let i = 0; i < 5; i++)
      expect(await client.request('peer', bytes(`q${i}`), { timeoutMs: DEADLINE_MS })).toEqual(bytes(`q${i}`));
    expect(opened()).toBe(1);
    client.clear();
    await client.request('peer', bytes('q'), { timeoutMs: DEADLINE_MS });
    expect(opened()).toBe(2);
  });

  it('a request on a used stream that ends without an answer is sent once more on a new one [S10]', async () => {
    const { connection, opened, received } = echoing(1);
    const client = createSyncClient({ clock: systemClock(), connectionTo: () => connection });
    for (let i = 0; i < 2; i++)
      expect(await client.request('peer', bytes(`q${i}`), { timeoutMs: DEADLINE_MS })).toEqual(bytes(`q${i}`));
    expect([opened(), received()]).toEqual([2, 3]);
  });

  it('a request on a new stream that ends without an answer fails [S10]', async () => {
    const { connection, received } = echoing(0);
    const client = createSyncClient({ clock: systemClock(), connectionTo: () => connection });
    await expect(client.request('peer', bytes('q'), { timeoutMs: DEADLINE_MS })).rejects.toMatchObject({
      code: 'peer-unreachable',
    });
    expect(received()).toBe(1);
  });

  it('thirty requests in turn over libp2p are all answered, however long they are [S10]', async () => {
    const { client, server } = await pair(async (_peer, message) => message);
    const differences: number[] = [];
    for (let i = 0; i < 30; i++) {
      const asked = new Uint8Array(randomBytes(i % 3 === 0 ? 200_000 : 20));
      differences.push(
        Buffer.compare(await client.lung.request(server.author, asked, { timeoutMs: DEADLINE_MS }), asked),
      );
    }
    expect(differences).toEqual(Array.from({ length: 30 }, () => 0));
    expect(server.log.lines.filter((line) => line.message === 'sync request not answered')).toEqual([]);
  });
});

describe('a stream that closes before it is written to', () => {
  it('fails the request and leaves no rejection behind, for sync and for pings', async () => {
    class ClosingStream extends EventTarget {
      readableEnded = false;
      send(): boolean {
        throw new Error('the stream is closed');
      }
      abort(): void {
        this.dispatchEvent(new Event('close'));
      }
    }
    let streams = 0;
    const connection = {
      id: 'c',
      remotePeer: 'peer',
      streams: [],
      newStream: async () => {
        streams++;
        return new ClosingStream();
      },
    } as unknown as Connection;
    const client = createSyncClient({ clock: systemClock(), connectionTo: () => connection });
    await expect(client.request('peer', bytes('q'), { timeoutMs: DEADLINE_MS })).rejects.toMatchObject({
      code: 'peer-unreachable',
    });
    createLiveness({
      clock: systemClock(),
      random: systemRandom(),
      pingIntervalMs: 60_000,
      silenceMs: 60_000,
      connections: () => [connection],
      gossipHeardAt: () => undefined,
    }).tick();
    await until('it was pinged', () => streams === 2);
  });
});

describe('sync frames', () => {
  it('are read however they are cut [S10]', () => {
    const frame = encodeFrame(bytes('hello'));
    for (let cut = 0; cut <= frame.length; cut++) {
      const reader = createFrameReader(5);
      const first = cut === 0 ? undefined : reader.push(frame.subarray(0, cut));
      const message = cut === frame.length ? first : reader.push(frame.subarray(cut));
      expect(message).toEqual(bytes('hello'));
    }
  });

  it('too long are refused on the length alone; trailing bytes are refused', () => {
    expect(() => createFrameReader(4).push(encodeFrame(bytes('hello')).subarray(0, 4))).toThrow(
      expect.objectContaining({ code: 'oversize' }),
    );
    const trailing = new Uint8Array([...encodeFrame(bytes('hello')), 0]);
    expect(() => createFrameReader(5).push(trailing)).toThrow(expect.objectContaining({ code: 'malformed' }));
  });
});
