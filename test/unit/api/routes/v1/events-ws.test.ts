import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { LatticeEvent } from '../../../../../src/runtime/facade/index.ts';
import { startApi, until } from '../../support.ts';

interface Reader {
  readonly socket: WebSocket;
  readonly events: LatticeEvent[];
  readonly opened: Promise<void>;
  /** Resolves with the close code, or the HTTP status of a refused handshake. */
  readonly closed: Promise<number>;
}

function read(url: string, query = '', headers: Record<string, string> = {}): Reader {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/api/v1/events/ws${query}`, { headers });
  const events: LatticeEvent[] = [];
  socket.on('message', (data) => events.push(JSON.parse((data as Buffer).toString('utf8')) as LatticeEvent));
  const opened = new Promise<void>((resolve) => socket.once('open', () => resolve()));
  const closed = new Promise<number>((resolve) => {
    socket.once('close', (code) => resolve(code));
    socket.once('unexpected-response', (_request, response) => {
      resolve(response.statusCode ?? 0);
      socket.terminate();
    });
    socket.on('error', () => undefined);
  });
  return { socket, events, opened, closed };
}

const put = (key: string) => [{ op: 'put', key, value: 1 }] as const;

describe('events over WebSocket', () => {
  it('are those of the stream, one message each, and resume after an id [A8, A21]', async () => {
    const { url, lattice } = await startApi();
    const first = read(url);
    await until(() => lattice.subscribers() === 1);
    await lattice.write(put('a'));
    await lattice.write(put('b'));
    await until(() => first.events.length === 4);
    expect(first.events.map((e) => ('key' in e ? e.key : e.type))).toEqual(['a', 'batch', 'b', 'batch']);
    const [seen] = first.events;
    first.socket.close();
    await first.closed;
    await until(() => lattice.subscribers() === 0);
    const again = read(url, `?after=${seen !== undefined && 'id' in seen ? seen.id : ''}`);
    await until(() => again.events.length === 3);
    expect(again.events).toEqual(first.events.slice(1));
    again.socket.terminate();
  });

  it.each([
    ['no key', { 'sec-websocket-key': undefined }, 400, 'invalid-header'],
    ['a key of other bytes', { 'sec-websocket-key': 'x' }, 400, 'invalid-header'],
    ['another version', { 'sec-websocket-version': '7' }, 426, 'upgrade-required'],
    ['a malformed protocol', { 'sec-websocket-protocol': 'a,,b' }, 400, 'invalid-header'],
    ['a protocol twice', { 'sec-websocket-protocol': 'a, a' }, 400, 'invalid-header'],
  ] as const)(
    'a handshake with %s is refused as any other request is [A10, A17, A21]',
    async (_, changed, status, code) => {
      const { url } = await startApi();
      const { hostname, port } = new URL(url);
      const headers = {
        host: 'localhost',
        connection: 'upgrade',
        upgrade: 'websocket',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
        'sec-websocket-version': '13',
        ...changed,
      };
      const lines = Object.entries(headers).flatMap(([name, value]) =>
        value === undefined ? [] : `${name}: ${value}`,
      );
      const socket = connect(Number(port), hostname);
      const answer = await new Promise<string>((resolve, reject) => {
        let text = '';
        socket.on('data', (data: Buffer) => (text += data.toString('latin1')));
        socket.on('close', () => resolve(text));
        socket.on('error', reject);
        socket.write(['GET /api/v1/events/ws HTTP/1.1', ...lines, '', ''].join('\r\n'));
      });
      const [head = '', body = ''] = answer.split('\r\n\r\n');
      expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      for (const header of ['x-request-id', 'content-security-policy', 'x-content-type-options'])
        expect(head).toMatch(new RegExp(`\r\n${header}: \\S`, 'i'));
      expect(head).toMatch(/\r\ncontent-type: application\/problem\+json/i);
      expect(JSON.parse(body)).toMatchObject({ status, code });
    },
  );

  it('a page of another origin is refused; its own and a configured one are not [A12, A21]', async () => {
    const { url } = await startApi({ config: { corsOrigins: ['http://app.test'] } });
    expect(await read(url, '', { origin: 'http://evil.test' }).closed).toBe(403);
    for (const origin of ['http://app.test', url]) {
      const reader = read(url, '', { origin });
      await reader.opened;
      reader.socket.terminate();
    }
  });

  it('another host name is answered 421, a bad query 400 [A12, A21]', async () => {
    const { url } = await startApi();
    expect(await read(url, '', { host: 'rebound.test' }).closed).toBe(421);
    expect(await read(url, '?from=1').closed).toBe(400);
  });

  it('one address has at most four streams of both kinds [A13, A21]', async () => {
    const { url } = await startApi({ config: { trustedProxies: ['127.0.0.1'] } });
    const headers = { 'x-forwarded-for': '203.0.113.5' };
    const readers = Array.from({ length: 4 }, () => read(url, '', headers));
    await Promise.all(readers.map((r) => r.opened));
    expect(await read(url, '', headers).closed).toBe(429);
    readers[0]?.socket.close();
    await readers[0]?.closed;
    const next = read(url, '', headers);
    await next.opened;
    for (const { socket } of [...readers, next]) socket.terminate();
  });

  it('a reader that takes nothing is closed and let go of [A13, A21]', async () => {
    const { url, lattice } = await startApi();
    const { port } = new URL(url);
    const stuck = connect(Number(port), '127.0.0.1', () => {
      stuck.write(
        `GET /api/v1/events/ws HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
      );
    });
    stuck.on('error', () => undefined);
    await until(() => lattice.subscribers() === 1);
    stuck.pause();
    const long = Array.from({ length: 50 }, (_, i) => put(`${'k'.repeat(1000)}${i}`)).flat();
    for (let i = 0; lattice.subscribers() === 1 && i < 1_000; i++) await lattice.write(long);
    expect(lattice.subscribers()).toBe(0);
    stuck.destroy();
  });

  it('a client that sends more than it may is closed, and the node stops with 1001 [A21]', async () => {
    const { url, close, lattice } = await startApi();
    const talker = read(url);
    await talker.opened;
    talker.socket.send('x'.repeat(2000));
    expect(await talker.closed).toBe(1009);
    const quiet = read(url);
    await until(() => lattice.subscribers() === 1);
    await close();
    expect(await quiet.closed).toBe(1001);
  });

  it('a reader that answers no ping is cut off [A21]', async () => {
    const { url, lattice } = await startApi({ times: { sseHeartbeatMs: 20 } });
    const { port } = new URL(url);
    const mute = connect(Number(port), '127.0.0.1', () => {
      mute.write(
        `GET /api/v1/events/ws HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
      );
    });
    const closed = new Promise<void>((resolve) => mute.once('close', () => resolve()));
    mute.on('error', () => undefined).resume();
    await closed;
    await until(() => lattice.subscribers() === 0);
  });
});
