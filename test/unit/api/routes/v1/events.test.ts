import { get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { LatticeEvent } from '../../../../../src/runtime/facade/index.ts';
import { type LiveLattice, startLattice } from '../../live-lattice.ts';
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

/** The batch that the id of a change says it is of. */
const batchOf = (id = ''): string => id.slice(0, id.lastIndexOf('.'));

/** A batch is on its way to the disk: a reader of events joins between two of them, so that it waits. */
async function holdBatch(lattice: LiveLattice): Promise<void> {
  lattice.store.hold();
  lattice.write([{ op: 'put', key: 'a', value: 1 }]).catch(() => undefined);
  await until(() => lattice.store.held.length === 1);
}

describe('GET /api/v1/events', () => {
  it('events: each change arrives as id, event and data [A8]', async () => {
    const { url, lattice } = await startApi();
    const stream = await openEvents(url);
    expect(stream.response.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    await until(() => lattice.subscribers() === 1);
    const { results } = await lattice.write([{ op: 'put', key: 'a\nb', value: 1 }]);
    await until(() => stream.ids().length === 2);
    const [, block] = /((?:id|event|data): [\s\S]*?)\n\n/.exec(stream.text()) ?? [];
    const [id, event, data, ...more] = (block ?? '').split('\n');
    expect([event, more]).toEqual(['event: change', []]);
    expect(id).toMatch(/^id: [0-9a-f]+\.1\.0$/);
    expect(stream.text()).toContain(`id: ${batchOf(stream.ids()[0])}\nevent: batch\n`);
    expect(JSON.parse((data ?? '').slice('data: '.length))).toMatchObject({
      type: 'change',
      key: 'a\nb',
      version: results[0]?.version,
    });
    stream.close();
    await until(() => lattice.subscribers() === 0);
  });

  it.each(['.x', '.1.9', '.', '.1e1', '.-1', '.0x1'])(
    'events: an id with %j after it is none, and what was missed is not passed over [A8, X8]',
    async (more) => {
      const { url, lattice } = await startApi();
      await lattice.write([{ op: 'put', key: 'a', value: 1 }]);
      const whole = await openEvents(url);
      await until(() => lattice.subscribers() === 1);
      await lattice.write([{ op: 'put', key: 'b', value: 1 }]);
      await until(() => whole.ids().length === 2);
      const first = batchOf(batchOf(whole.ids()[0])).concat('.1');
      for (const stream of [
        await openEvents(url, undefined, { 'last-event-id': first + more }),
        await openEvents(url, `/api/v1/events?after=${first}${more}`),
      ]) {
        await until(() => stream.ids().length > 0);
        expect(stream.text()).toMatch(/^(?::\n\n)?id: [^\n]*\nevent: reset\n/);
      }
    },
  );

  it.each(['Last-Event-ID', 'after'])('events: resume after an id by %s [A8]', async (form) => {
    const { url, lattice } = await startApi();
    const whole = await openEvents(url);
    await until(() => lattice.subscribers() === 1);
    for (const key of ['a', 'b', 'c']) await lattice.write([{ op: 'put', key, value: 1 }]);
    await until(() => whole.ids().length === 6);
    const [first = '', ...later] = whole.ids();
    const stream =
      form === 'after'
        ? await openEvents(url, `/api/v1/events?after=${first}`)
        : await openEvents(url, undefined, { 'last-event-id': first });
    await until(() => stream.ids().length === 5);
    expect(stream.ids()).toEqual(later);
    expect(later.map((id) => id.replace(/^[0-9a-f]+\./, ''))).toEqual(['1', '2.0', '2', '3.0', '3']);
    for (const s of [whole, stream]) s.close();
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
    const lattice = await startLattice();
    let send: ((event: LatticeEvent) => boolean) | undefined;
    const subscribe: LiveLattice['subscribe'] = (after, to, dropped) => {
      send = to;
      return lattice.subscribe(after, to, dropped);
    };
    const { url } = await startApi({ lattice: { ...lattice, subscribe } });
    const { port } = new URL(url);
    const socket = connect(Number(port), '127.0.0.1');
    const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
    socket.on('error', () => undefined);
    socket.write('GET /api/v1/events HTTP/1.1\r\nhost: localhost\r\n\r\n');
    socket.pause();
    await until(() => lattice.subscribers() === 1);
    const long = Array.from({ length: 50 }, (_, i) => ({
      op: 'put' as const,
      key: `${'k'.repeat(1000)}${i}`,
      value: 1,
    }));
    for (let i = 0; lattice.subscribers() === 1 && i < 1_000; i++) await lattice.write(long);
    expect(lattice.subscribers()).toBe(0);
    expect(send?.({ id: '1', type: 'reset', reason: 'one more' })).toBe(false);
    socket.resume();
    await closed;
  });

  it('events: a subscription that the node ends, ends the response: silence would hide a gap [A8]', async () => {
    const lattice = await startLattice();
    let end: (() => void) | undefined;
    const subscribe: LiveLattice['subscribe'] = (after, to, dropped) => {
      end = dropped;
      return lattice.subscribe(after, to, dropped);
    };
    const { url } = await startApi({ lattice: { ...lattice, subscribe } });
    const stream = await openEvents(url);
    end?.();
    await stream.ended;
    expect(stream.response.complete).toBe(true);
  });

  it('events: a subscription that fails is a problem document', async () => {
    const { ask, lattice } = await startApi({ times: { deadlineMs: 50 } });
    await holdBatch(lattice);
    const answer = await ask('/api/v1/events');
    expect([answer.status, answer.json().code]).toEqual([504, 'deadline']);
    expect((await ask(`/api/v1/events?after=${'x'.repeat(129)}`)).status).toBe(400);
  });

  it('events: a subscription that comes too late is closed', async () => {
    const { ask, lattice } = await startApi({ times: { deadlineMs: 50 } });
    await holdBatch(lattice);
    expect((await ask('/api/v1/events')).status).toBe(504);
    expect(lattice.subscribers()).toBe(1);
    lattice.store.open();
    await until(() => lattice.subscribers() === 0);
  });

  it('close: ends open event streams in good order', async () => {
    const { url, close } = await startApi();
    const stream = await openEvents(url);
    await close();
    await stream.ended;
    expect(stream.response.complete).toBe(true);
  });
});
