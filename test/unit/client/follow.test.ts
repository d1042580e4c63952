import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  createClient,
  type LatticeError,
  type LatticeEvent,
  type LogEvent,
  type ServerSent,
} from '../../../src/client/index.ts';
import { DEADLINE_MS } from '../../support/wait.ts';
import { change, events, startServer, type TestServer } from './server.ts';

let server: TestServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
  vi.useRealTimers();
});

interface Seen {
  readonly ids: (string | undefined)[];
  readonly lost: LatticeError[];
  /** In ms, one for each loss. */
  readonly waits: number[];
  opened: number;
}

/** Reads a stream until `count` events have come. */
async function take(
  url: string,
  count: number,
  options: { readonly retryFirst?: boolean; readonly maxAwayMs?: number; readonly after?: string } = {},
): Promise<Seen> {
  const seen: Seen = { ids: [], lost: [], waits: [], opened: 0 };
  const stream = createClient({ url }).follow('/api/v1/events', {
    ...options,
    onOpen: () => seen.opened++,
    onLost(error, retryMs) {
      seen.lost.push(error);
      seen.waits.push(retryMs);
    },
  });
  for await (const { id } of stream) {
    seen.ids.push(id);
    if (seen.ids.length === count) break;
  }
  return seen;
}

describe('following a stream', () => {
  it('goes on after the last event through a cut body, an ended one, and refusals of proxies in HTML', async () => {
    server = await startServer((request, response, before) => {
      if (before === 0) events(response, change(1), () => request.socket.destroy());
      else if (before === 1) {
        response.writeHead(503, { 'content-type': 'text/html' });
        response.end('<html>Service unavailable</html>');
      } else if (before === 2) {
        events(response, change(2));
        response.end();
      } else if (before === 3) {
        response.writeHead(502, { 'content-type': 'text/html' });
        response.end('<html>Bad gateway</html>');
      } else if (before === 4) {
        // Half an event, and then nothing more of it.
        events(response, `${change(3)}id: e-4\ndata: {"ha`, () => request.socket.destroy());
      } else events(response, change(4));
    });
    const { ids, lost, opened } = await take(server.url, 4, { after: 'e-0' });
    expect(ids).toEqual(['e-1', 'e-2', 'e-3', 'e-4']);
    expect(server.asked.map((path) => path.split('?')[1])).toEqual([
      'after=e-0',
      'after=e-1',
      'after=e-1',
      'after=e-2',
      'after=e-2',
      'after=e-3',
    ]);
    expect(lost.map(({ code }) => code)).toEqual([
      'unreachable',
      'http-status',
      'unreachable',
      'http-status',
      'unreachable',
    ]);
    expect(opened).toBe(4);
  });

  it('waits for a server that is too busy, as long as Retry-After says', async () => {
    server = await startServer((_request, response, before) => {
      if (before === 0) {
        response.writeHead(429, { 'content-type': 'application/problem+json', 'retry-after': '1' });
        response.end(JSON.stringify({ status: 429, code: 'overloaded', detail: 'too many streams are open' }));
      } else events(response, change(1));
    });
    const { lost, waits } = await take(server.url, 1);
    expect(lost).toMatchObject([{ code: 'overloaded', retryAfterMs: 1000 }]);
    expect(waits).toEqual([1000]);
  });

  it.each([
    [401, { code: 'unauthorized', detail: 'this needs the API token' }, 'unauthorized'],
    [404, { code: 'no-route', detail: 'there is nothing under this path' }, 'not-supported'],
    [400, { code: 'invalid-query', detail: 'no' }, 'invalid-query'],
  ])('ends with a %d that another try will not mend', async (status, body, code) => {
    server = await startServer((_request, response) => {
      response.writeHead(status, { 'content-type': 'application/problem+json' });
      response.end(JSON.stringify(body));
    });
    await expect(take(server.url, 1)).rejects.toMatchObject({ status, code });
    expect(server.asked).toHaveLength(1);
  });

  it('ends with what is no event stream', async () => {
    server = await startServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end('<html>Sign in</html>');
    });
    await expect(take(server.url, 1)).rejects.toMatchObject({ code: 'not-a-lattice-node' });
  });

  it('with retryFirst false throws what the first connection meets, and later goes on', async () => {
    await expect(take('http://127.0.0.1:1', 1, { retryFirst: false })).rejects.toMatchObject({ code: 'unreachable' });
    server = await startServer((_request, response, before) => {
      if (before === 0) {
        events(response, change(1));
        response.end();
      } else if (before === 1) {
        response.writeHead(504).end();
      } else events(response, change(2));
    });
    expect((await take(server.url, 2, { retryFirst: false })).ids).toEqual(['e-1', 'e-2']);
  });

  it('gives up with the last error when the node stays away', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    server = await startServer((_request, response) => {
      vi.advanceTimersByTime(200);
      response.writeHead(503).end();
    });
    await expect(take(server.url, 1, { maxAwayMs: 300 })).rejects.toMatchObject({ status: 503 });
    expect(server.asked).toHaveLength(2);
  });

  it('ends quietly when its signal is aborted: while it is opened, while it is silent, and while it waits', async () => {
    let stop = new AbortController();
    server = await startServer((_request, response, before) => {
      if (before === 0) stop.abort();
      else if (before === 1) events(response, ':\n\n');
      else response.writeHead(503).end();
    });
    const { url } = server;
    const end = async (hooks: object): Promise<ServerSent[]> => {
      const all: ServerSent[] = [];
      for await (const event of createClient({ url }).follow('/', { signal: stop.signal, ...hooks })) all.push(event);
      return all;
    };
    expect(await end({})).toEqual([]);
    stop = new AbortController();
    expect(await end({ onOpen: () => setImmediate(() => stop.abort()) })).toEqual([]);
    stop = new AbortController();
    expect(await end({ onLost: () => setImmediate(() => stop.abort()) })).toEqual([]);
    expect(await end({})).toEqual([]);
    expect(server.asked).toHaveLength(3);
  });

  describe('in silence', () => {
    it('loses the connection when heartbeats stay away, not when its reader takes its time', async () => {
      server = await startServer((_request, response) => events(response, change(1)));
      const stop = new AbortController();
      let lost: (error: LatticeError) => void = () => undefined;
      const loss = new Promise<LatticeError>((resolve) => {
        lost = resolve;
      });
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      const stream = createClient({ url: server.url }).follow('/', { signal: stop.signal, onLost: lost });
      expect((await stream.next()).value).toMatchObject({ id: 'e-1' });
      // Between two calls the reader is at work: no timer runs.
      expect(vi.getTimerCount()).toBe(0);
      const next = stream.next();
      await vi.waitUntil(() => vi.getTimerCount() === 1, { timeout: DEADLINE_MS });
      vi.advanceTimersByTime(45_000);
      expect(await loss).toMatchObject({ code: 'timeout', message: `${server.url} sent nothing for 45 s` });
      stop.abort();
      expect(await next).toEqual({ done: true, value: undefined });
    });
  });

  it('closes its connection when its reader leaves', async () => {
    let closed: () => void = () => undefined;
    const gone = new Promise<void>((resolve) => {
      closed = resolve;
    });
    server = await startServer((_request, response) => {
      response.once('close', closed);
      events(response, change(1) + change(2));
    });
    await take(server.url, 1);
    await gone;
  });
});

describe('the typed streams', () => {
  it('hands on a reset, and resumes after it', async () => {
    const reset = { id: 'f-9', type: 'reset', reason: 'the node was restarted' };
    server = await startServer((request, response, before) => {
      if (before === 0) events(response, change(1), () => request.socket.destroy());
      else if (before === 1) {
        events(response, `id: f-9\nevent: reset\ndata: ${JSON.stringify(reset)}\n\n`, () => request.socket.destroy());
      } else events(response, change(2));
    });
    const seen: LatticeEvent[] = [];
    for await (const event of createClient({ url: server.url }).events()) {
      seen.push(event);
      if (seen.length === 3) break;
    }
    expect(seen.map(({ type }) => type)).toEqual(['change', 'reset', 'change']);
    expect(seen[1]).toEqual(reset);
    expect(server.asked).toEqual(['/api/v1/events', '/api/v1/events?after=e-1', '/api/v1/events?after=f-9']);
  });

  it('tells of gaps in the log without taking them for a place to resume', async () => {
    const line = { id: '7', time: '2026-01-01T00:00:00.000Z', level: 'warn', component: 'p2p', msg: 'a' };
    server = await startServer((request, response, before) => {
      if (before === 0) {
        const gap = 'event: gap\ndata: {"dropped":5,"restarted":true}\n\n';
        const text = `id: 7\nevent: line\ndata: ${JSON.stringify(line)}\n\n${gap}event: future\ndata: {}\n\n`;
        events(response, text, () => request.socket.destroy());
      } else events(response, `id: 8\nevent: line\ndata: ${JSON.stringify({ ...line, id: '8' })}\n\n`);
    });
    const seen: LogEvent[] = [];
    for await (const said of createClient({ url: server.url, token: 'secret' }).logs({ level: 'warn' })) {
      seen.push(said);
      if (seen.length === 3) break;
    }
    expect(seen).toEqual([
      { type: 'line', line },
      { type: 'gap', dropped: 5, restarted: true },
      { type: 'line', line: { ...line, id: '8' } },
    ]);
    expect(server.asked).toEqual(['/api/v1/logs?level=warn', '/api/v1/logs?level=warn&after=7']);
  });

  it('refuses an event that is not JSON', async () => {
    server = await startServer((_request, response) => events(response, 'event: change\ndata: {\n\n'));
    await expect(createClient({ url: server.url }).events().next()).rejects.toMatchObject({
      code: 'not-a-lattice-node',
    });
  });
});
