import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { errorOf, run } from './support.ts';

describe('following', () => {
  let server: http.Server;
  let url: string;
  let asked: string[];
  /** What each connection is sent before it is cut. */
  let answers: (string | number | Page)[];
  /** An answer that a proxy gives while its node is away. */
  interface Page {
    readonly status: number;
    readonly html: string;
  }
  beforeEach(async () => {
    asked = [];
    answers = [];
    server = http.createServer((request, response) => {
      if (!/^\/api\/v1\/(events|logs)/.test(request.url ?? '')) {
        response.writeHead(404, { 'content-type': 'application/problem+json' });
        response.end(JSON.stringify({ status: 404, code: 'no-route', detail: 'no names here' }));
        return;
      }
      asked.push(request.url ?? '');
      const answer = answers.shift() ?? 503;
      if (typeof answer === 'number') {
        response.writeHead(answer, { 'content-type': 'application/problem+json' });
        response.end(
          JSON.stringify({ status: answer, code: answer === 503 ? 'stopping' : 'unauthorized', detail: 'said no' }),
        );
        return;
      }
      if (typeof answer === 'object') {
        response.writeHead(answer.status, { 'content-type': 'text/html' });
        response.end(answer.html);
        return;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(answer, () => request.socket.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );

  const change = (id: number): string =>
    `id: e-${id}\nevent: change\ndata: ${JSON.stringify({ id: `e-${id}`, type: 'change', key: `k${id}`, version: 'v', deleted: false })}\n\n`;

  it('goes on after the last id when the connection is lost, through a refusal of a moment', async () => {
    answers = [change(1) + change(2), 503, change(3)];
    const { code, out, err } = await run(['events', '--count', '3', '--url', url]);
    expect(code).toBe(0);
    expect(out.split('\n').map((line) => /k\d/.exec(line)?.[0])).toEqual(['k1', 'k2', 'k3', undefined]);
    expect(asked).toEqual(['/api/v1/events', '/api/v1/events?after=e-2', '/api/v1/events?after=e-2']);
    expect(err).toContain('trying again');
    expect(err).toMatch(/lattice events --url \S+ --after e-3/);
  });

  it('people read each event in a line with its time, who, and what', async () => {
    const at = Date.UTC(2026, 10, 28, 5, 58, 10);
    const report = {
      at,
      lung: 'http',
      outcome: 'repaired',
      fetched: 3,
      pushed: 0,
      bytesSent: 1000,
      bytesReceived: 1048,
      durationMs: 20,
    };
    const sent: readonly Record<string, unknown>[] = [
      { type: 'change', key: 'k\u001b[2J', version: 'v', deleted: true, author: 'aa', hlc: '0000000003e80000' },
      { type: 'batch', root: 'ab'.repeat(32), changes: 1 },
      {
        type: 'transition',
        transition: { at, peer: 'P', from: 'p2p', to: 'http', cause: 'silent for 4 s', code: 'silent' },
      },
      { type: 'repair', peer: 'P', report },
      { type: 'progress', what: 'repair', peer: 'P', found: 1, remaining: 1 },
      { type: 'cut', at, root: 'cd'.repeat(32), certified: true },
      { type: 'reset', reason: 'the journal has no more' },
      { type: 'change', strange: true },
    ];
    const stream = sent.map((event) => `event: ${String(event['type'])}\ndata: ${JSON.stringify(event)}\n\n`).join('');
    answers = [stream];
    const text = await run(['events', '--count', String(sent.length), '--utc', '--url', url]);
    expect(text.code).toBe(0);
    const lines = text.out.trimEnd().split('\n');
    expect(lines.map((line) => line.replace(/^\S+ \S+Z {2}/, ''))).toEqual([
      'change      k\\u001b[2J deleted by aa',
      'batch       1 change, the root is abababababab',
      'transition  P: p2p → http, silent for 4 s',
      'repair      with P over http: repaired, 3 fetched, 0 pushed, 2.0 KiB in 20 ms',
      'progress    repair with P: 1 of 1 key remains',
      'cut         the state of 2026-11-28 05:58:10Z has root cdcdcdcdcdcd, certified by a quorum',
      'reset       events are missing here: the journal has no more',
      'change      {"strange":true}',
    ]);
    expect([lines[0], lines[2]].map((line) => line?.slice(0, 24))).toEqual([
      '1970-01-01 00:00:01.000Z',
      '2026-11-28 05:58:10.000Z',
    ]);
    answers = [stream];
    const data = await run(['events', '--count', String(sent.length), '--url', url, '--json']);
    expect(
      data.out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual(sent);
    expect(await run(['events', '--type', 'nothing', '--url', url])).toMatchObject({
      code: 2,
      err: expect.stringContaining('change, batch, reset, transition') as unknown,
    });
  });

  it('goes on through what a proxy answers while its node restarts', async () => {
    const html = '<html><body>Be right back</body></html>';
    answers = [change(1), { status: 502, html }, { status: 200, html }, { status: 404, html }, change(2)];
    const { code, out, err } = await run(['events', '--count', '2', '--url', url]);
    expect(code).toBe(0);
    expect(out).toMatch(/k1[^]*k2/);
    expect(asked).toHaveLength(5);
    expect(err).toContain('did not answer with text/event-stream');
  });

  it('ends at a page where no node ever answered', async () => {
    answers = [{ status: 200, html: '<p>hello</p>' }];
    const refused = await run(['events', '--url', url, '--json']);
    expect([refused.code, errorOf(refused).code]).toEqual([1, 'not-a-lattice-node']);
  });

  it('ends at once where the node refuses for good, or was never there', async () => {
    answers = [401];
    const refused = await run(['events', '--url', url, '--json']);
    expect([refused.code, errorOf(refused).code]).toEqual([1, 'unauthorized']);
    const absent = await run(['events', '--url', 'http://127.0.0.1:1', '--json']);
    expect([absent.code, errorOf(absent).code]).toEqual([3, 'unreachable']);
  });

  it('log -f shows lines and gaps, and escapes what terminals would obey', async () => {
    answers = [
      `id: 7\nevent: line\ndata: ${JSON.stringify({ id: 7, time: 0, level: 'warn', component: 'p2p', msg: 'a\u001b[2Jb', peer: 'x' })}\n\nevent: gap\ndata: {"dropped":5}\n\n`,
    ];
    const { code, out, err } = await run(['log', '-f', '--utc', '--url', url], {
      onSignal: (signal) => {
        server.on('request', () => {
          if (asked.length > 1) signal();
        });
      },
    });
    expect(code).toBe(0);
    expect(out).toBe('1970-01-01 00:00:00.000Z warn  p2p: a\\u001b[2Jb peer=x\n');
    expect(err).toContain('5 lines are missing here');
    expect(asked[1]).toBe('/api/v1/logs?level=info&after=7');
  });
});
