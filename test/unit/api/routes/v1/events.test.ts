import { get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { LatticeEvent } from '../../../../../src/runtime/facade/facade.ts';
import { createFakeLattice } from '../../fake-lattice.ts';
import { startApi, until } from '../../support.ts';

interface EventStream {
  readonly response: IncomingMessage;
  /** All text so far. */
  readonly text: () => string;
  /** Ids of the events so far. */
  readonly ids: () => string[];
  readonly ended: Promise<void>;
  close(): void;
}

function openEvents(url: string, path = '/api/v1/events', headers: Record<string, string> = {}): Promise<EventStream> {
  return new Promise((resolve, reject) => {
    const request = get(url + path, { headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('error', () => undefined);
      const ended = new Promise<void>((done) => response.on('close', done));
      const ids = () => [...text.matchAll(/^id: (.*)$/gm)].map((m) => m[1] ?? '');
      resolve({ response, text: () => text, ids, ended, close: () => request.destroy() });
    });
    request.on('error', reject);
  });
}

describe('GET /api/v1/events', () => {
  it('events: each change arrives as id, event and data [A8]', async () => {
    const { url, lattice } = await startApi();
    const stream = await openEvents(url);
    expect(stream.response.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    await until(() => lattice.subscribers() === 1);
    const { results } = await lattice.write([{ op: 'put', key: 'a\nb', value: 1 }]);
    await until(() => stream.ids().length === 1);
    const [, block] = /((?:id|event|data): [\s\S]*?)\n\n/.exec(stream.text()) ?? [];
    const [id, event, data, ...more] = (block ?? '').split('\n');
    expect([id, event, more]).toEqual(['id: 1-0', 'event: change', []]);
    expect(JSON.parse((data ?? '').slice('data: '.length))).toMatchObject({
      type: 'change',
      key: 'a\nb',
      version: results[0]?.version,
    });
    stream.close();
    await until(() => lattice.subscribers() === 0);
  });

  it.each(['Last-Event-ID', 'after'])('events: resume after an id by %s [A8]', async (form) => {
    const { url, lattice } = await startApi();
    for (const key of ['a', 'b', 'c']) await lattice.write([{ op: 'put', key, value: 1 }]);
    const stream =
      form === 'after'
        ? await openEvents(url, '/api/v1/events?after=1-0')
        : await openEvents(url, undefined, { 'last-event-id': '1-0' });
    await until(() => stream.ids().length === 2);
    expect(stream.ids()).toEqual(['2-0', '3-0']);
    stream.close();
  });

  it('events: an id that is no longer known answers reset first [A8]', async () => {
    const { url } = await startApi();
    const stream = await openEvents(url, '/api/v1/events?after=gone');
    await until(() => stream.text().includes('event: reset'));
    stream.close();
  });

  it('events: a quiet stream carries comments, so that proxies keep it', async () => {
    const { url } = await startApi({ times: { sseHeartbeatMs: 20 } });
    const stream = await openEvents(url);
    await until(() => stream.text().split(':\n\n').length > 3);
    stream.close();
  });

  it('events: an address holds four streams, loopback any number [A13]', async () => {
    const { url, ask } = await startApi({ config: { trustedProxies: ['127.0.0.1'] } });
    const headers = { 'x-forwarded-for': '203.0.113.5' };
    const streams = [];
    for (let i = 0; i < 4; i++) streams.push(await openEvents(url, undefined, headers));
    const fifth = await ask('/api/v1/events', { headers });
    expect([fifth.status, fifth.json().code]).toEqual([429, 'overloaded']);
    for (let i = 0; i < 5; i++) streams.push(await openEvents(url));
    expect(streams.map((s) => s.response.statusCode)).toEqual(Array.from({ length: 9 }, () => 200));
    streams[0]?.close();
    let again = await openEvents(url, undefined, headers);
    // The server learns of the closed one in its own time.
    while (again.response.statusCode !== 200) again = await openEvents(url, undefined, headers);
    for (const s of [...streams, again]) s.close();
  });

  it('events: a consumer more than 1 MiB behind is dropped, and its producer told [A13]', async () => {
    const lattice = createFakeLattice();
    let send: ((event: LatticeEvent) => boolean) | undefined;
    lattice.subscribe = async (_after, to) => {
      send = to;
      return { close: () => undefined };
    };
    const { url } = await startApi({ lattice });
    const { port } = new URL(url);
    const socket = connect(Number(port), '127.0.0.1');
    const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
    socket.on('error', () => undefined);
    socket.write('GET /api/v1/events HTTP/1.1\r\nhost: localhost\r\n\r\n');
    socket.pause();
    await until(() => send !== undefined);
    const event: LatticeEvent = { id: '1', type: 'reset', reason: 'x'.repeat(60_000) };
    let sent = 0;
    for (; sent < 10_000; sent++) {
      if (!send?.(event)) break;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(sent).toBeLessThan(10_000);
    expect(send?.(event)).toBe(false);
    socket.resume();
    await closed;
  });

  it('events: a subscription that fails is a problem document', async () => {
    const { ask, lattice } = await startApi({ times: { deadlineMs: 50 } });
    lattice.subscribe = () => new Promise(() => undefined);
    const answer = await ask('/api/v1/events');
    expect([answer.status, answer.json().code]).toEqual([504, 'deadline']);
    expect((await ask(`/api/v1/events?after=${'x'.repeat(129)}`)).status).toBe(400);
  });

  it('events: a subscription that comes too late is closed', async () => {
    const { ask, lattice } = await startApi({ times: { deadlineMs: 50 } });
    let closed = false;
    let arrive: () => void = () => undefined;
    lattice.subscribe = () =>
      new Promise((resolve) => {
        arrive = () =>
          resolve({
            close: () => {
              closed = true;
            },
          });
      });
    await ask('/api/v1/events');
    arrive();
    await until(() => closed);
  });

  it('close: ends open event streams in good order', async () => {
    const { url, close } = await startApi();
    const stream = await openEvents(url);
    await close();
    await stream.ended;
    expect(stream.response.complete).toBe(true);
  });
});
