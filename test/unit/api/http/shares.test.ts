import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import fastify from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { divideLargeAnswers } from '../../../../src/api/http/large-answers.ts';
import { createAuthor } from '../../runtime/support.ts';
import { friend, startWithFriend } from '../live-lattice.ts';
import { startApi, type TestApi, until } from '../support.ts';

const MIB = 1024 * 1024;
const proxied = { config: { trustedProxies: ['loopback'] } };
const sockets: Socket[] = [];
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const close of closers.splice(0)) await close();
});

/** A connection on which one request was sent, and whose answer nobody reads beyond its head. */
async function begin(
  api: Pick<TestApi, 'url'>,
  head: string,
  from: string | undefined,
  body = '',
): Promise<[number, Socket]> {
  const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  sockets.push(socket);
  const forwarded = from === undefined ? '' : `x-forwarded-for: ${from}\r\n`;
  socket.write(`${head} HTTP/1.1\r\nhost: 127.0.0.1\r\n${forwarded}\r\n${body}`);
  const [first] = (await once(socket, 'data')) as [Buffer];
  socket.pause();
  return [Number(first.toString('latin1').slice(9, 12)), socket];
}

const addresses = (count: number): string[] => Array.from({ length: count }, (_, i) => `203.0.113.${i}`);

describe('shares of each client', () => {
  it('downloads: a client has 2 of the 12 that strangers may have, and loopback 4 of its own [A13]', async () => {
    const api = await startApi(proxied);
    for (let i = 0; i < 400; i++)
      await api.lattice.write([{ op: 'put', key: `large/${i}`, value: 'x'.repeat(16_000) }]);
    const download = async (from?: string) => (await begin(api, 'GET /api/lattice/state', from))[0];
    for (const from of addresses(6)) for (const status of [200, 200, 429]) expect(await download(from)).toBe(status);
    expect(await download('203.0.113.99')).toBe(429);
    for (const status of [200, 200, 200, 200, 429]) expect(await download()).toBe(status);
    expect(api.lattice.heldMoments()).toBe(16);
    for (const socket of sockets) socket.destroy();
    await until(() => api.lattice.heldMoments() === 0);
    expect(await download('203.0.113.99')).toBe(200);
  });

  it('event streams: a client has 4 of the 96 that strangers may have, and loopback 32 of its own [A13]', async () => {
    const api = await startApi(proxied);
    const stream = async (from?: string) => (await begin(api, 'GET /api/v1/events', from))[0];
    for (const status of [200, 200, 200, 200, 429]) expect(await stream('203.0.113.0')).toBe(status);
    for (const from of addresses(24).slice(1)) for (let i = 0; i < 4; i++) expect(await stream(from)).toBe(200);
    expect(await stream('203.0.113.99')).toBe(429);
    expect(await stream()).toBe(200);
  });

  it('large answers: those that nobody reads hold at most 16 MiB for a client and 64 MiB in all [A13]', async () => {
    const app = fastify();
    closers.push(() => app.close());
    // Larger than what the operating system takes of an answer that nobody reads.
    const bytes = Buffer.alloc(7 * MIB);
    app.setErrorHandler((_error, _request, reply) => reply.code(429).send(''));
    divideLargeAnswers(app, { of: ({ headers }) => headers['x-forwarded-for'] as string | undefined });
    app.get('/', (_request, reply) => reply.send(bytes));
    const url = await app.listen({ host: '127.0.0.1', port: 0 });
    const large = async (from: string) => (await begin({ url }, 'GET /', from))[0];
    for (const from of addresses(4)) for (const status of [200, 200, 429]) expect(await large(from)).toBe(status);
    expect(await large('203.0.113.98')).toBe(200);
    expect(await large('203.0.113.99')).toBe(429);
    // What is read, or given up, makes room.
    for (const socket of sockets) socket.destroy();
    await expect.poll(() => large('203.0.113.99')).toBe(200);
  });
});

describe('the body of a sync request', () => {
  const limits = { client: { burstMs: 1, msPerSecond: 0.001 } };
  const post = (length: number) =>
    `POST /api/v1/sync HTTP/1.1\r\nhost: 127.0.0.1\r\nx-forwarded-for: 203.0.113.5\r\n` +
    `content-type: application/cbor\r\ncontent-length: ${length}\r\n\r\n`;

  /** Sends the beginning of a large request and no more, and resolves to the status of the answer. */
  async function answerTo(api: TestApi, beginning: Uint8Array): Promise<number> {
    const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    sockets.push(socket);
    socket.write(post(MIB));
    socket.write(beginning);
    const [first] = (await once(socket, 'data')) as [Buffer];
    return Number(first.toString('latin1').slice(9, 12));
  }

  it('is read of a stranger, or under an unknown nonce, only as far as its first 64 bytes [X6]', async () => {
    const { lattice } = await startWithFriend();
    const api = await startApi({ ...proxied, lattice });
    const message = new Uint8Array(MIB - 1000);
    const stranger = lattice.envelope(createAuthor(9), message);
    expect(await answerTo(api, stranger.subarray(0, 64))).toBe(403);
    const expired = lattice.envelope(friend, message).slice();
    // Within the request nonce, which begins after the heads of the array, the version and the bytes.
    expired[4] = (expired[4] as number) ^ 1;
    expect(await answerTo(api, expired.subarray(0, 64))).toBe(401);
    expect(await answerTo(api, new TextEncoder().encode('x'.repeat(64)))).toBe(400);
  });

  it('large ones of senders who have proven nothing are read 2 at a time for a client [X6]', async () => {
    const { lattice } = await startWithFriend();
    const api = await startApi({ ...proxied, lattice });
    const answered: number[] = [];
    const begin = async (): Promise<void> => {
      const envelope = lattice.envelope(friend, new Uint8Array(MIB - 1000));
      answered.push(await answerTo(api, envelope.subarray(0, 40_000)));
    };
    await Promise.race([begin(), begin(), begin()]);
    // When the fourth is answered, the three before it have been looked at.
    await begin();
    expect(answered).toEqual([429, 429]);
  });

  it('costs a member nothing under a nonce that it has proven, and everybody else what a request costs [A18, X6]', async () => {
    const { lattice } = await startWithFriend();
    const api = await startApi({ ...proxied, lattice, limits });
    const send = async (envelope: Uint8Array, from: string) => {
      const headers = { 'content-type': 'application/cbor', 'x-forwarded-for': from };
      return (await api.ask('/api/v1/sync', { method: 'POST', headers, body: envelope })).status;
    };
    const nonce = lattice.session();
    expect(await send(lattice.envelope(friend, new Uint8Array(1), nonce), '203.0.113.5')).toBe(200);
    // Somebody else at that address uses up what the address has.
    const statuses: number[] = [];
    for (let i = 0; i < 8; i++)
      statuses.push(await send(lattice.envelope(createAuthor(9), new Uint8Array(1)), '203.0.113.5'));
    expect([statuses[0], statuses.at(-1)]).toEqual([403, 403]);
    expect((await api.ask('/api/v1/health', { headers: { 'x-forwarded-for': '203.0.113.5' } })).status).toBe(429);
    expect(await send(lattice.envelope(friend, new Uint8Array(1)), '203.0.113.5')).toBe(429);
    for (let i = 0; i < 20; i++)
      expect(await send(lattice.envelope(friend, new Uint8Array(1), nonce), '203.0.113.5')).toBe(200);
  });
});
