import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { auth, json, startApi, TOKEN } from '../support.ts';

/** What the server answers to these bytes until it closes the connection. */
function exchange(url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    let text = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
    socket.write(bytes);
  });
}

const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]);

/** A PUT of 2 under `a` on a connection of its own, with these lines between its first and its last headers. */
const put = (lines: readonly string[]): string =>
  [
    'PUT /api/v1/state/a HTTP/1.1',
    'host: localhost',
    'connection: close',
    'content-type: application/json',
    'content-length: 1',
    ...lines,
    '',
    '2',
  ].join('\r\n');

const filler = (count: number): string[] => Array.from({ length: count }, (_, i) => `x-filler-${i}: 1`);
const token = `authorization: Bearer ${TOKEN}`;

describe('the headers of a request', () => {
  it('headers: a condition behind many others is evaluated, or the whole request is refused [A13, A3]', async () => {
    const { ask, url } = await startApi();
    expect((await ask('/api/v1/state/a', json(1))).status).toBe(201);
    for (const [fillers, status] of [
      [30, 412],
      [58, 412],
      [59, 431],
      [70, 431],
      [1500, 431],
    ] as const) {
      const answer = await exchange(url, put([token, ...filler(fillers), 'if-match: "stale.0"']));
      expect([fillers, statusOf(answer)]).toEqual([fillers, status]);
    }
    expect((await ask('/api/v1/state/a')).json().value).toBe(1);
  });

  it('headers: an expectation that nothing knows is passed over, and the request counts as every other one [A17, A18]', async () => {
    const { url } = await startApi();
    const get = (path: string, host: string): string =>
      `GET ${path} HTTP/1.1\r\nhost: ${host}\r\nexpect: more\r\nconnection: close\r\n\r\n`;
    const answer = await exchange(url, get('/api/v1/health', 'localhost'));
    expect([statusOf(answer), answer.includes('x-request-id: ')]).toEqual([200, true]);
    expect(statusOf(await exchange(url, get('/api/v1/health', 'elsewhere.test')))).toBe(421);
  });

  it.each(['idempotency-key: k', token, 'content-encoding: gzip', 'x-forwarded-for: 203.0.113.9'])(
    'headers: %s as the 70th makes no request that goes on without it [A13]',
    async (line) => {
      const { url } = await startApi();
      const answer = await exchange(url, put([...filler(66), line]));
      expect(statusOf(answer)).toBe(431);
      expect(answer).toContain('"code":"headers-too-large"');
    },
  );

  it('headers: the handshake of a WebSocket is counted as every other request [A13, A21]', async () => {
    const { url } = await startApi();
    const lines = ['GET /api/v1/events/ws HTTP/1.1', 'host: localhost', 'connection: upgrade', 'upgrade: websocket'];
    const answer = await exchange(url, [...lines, ...filler(64), '', ''].join('\r\n'));
    expect(statusOf(answer)).toBe(431);
  });

  it.each([
    ['host', ['host: evil.test']],
    ['authorization', ['authorization: Bearer another-token-of-no-value', token]],
    ['content-type', ['content-type: text/plain', token]],
  ])('headers: a second %s is refused rather than dropped [A13]', async (name, lines) => {
    const { url } = await startApi();
    const first = name === 'authorization' ? [token] : [];
    const answer = await exchange(url, put([...first, ...lines]));
    expect(statusOf(answer)).toBe(400);
    expect(answer).toContain(`the header ${name} stands twice`);
  });

  it('headers: a request with 16 KiB of cookies is answered, and one with 33 KiB is told why not [A13, A10]', async () => {
    const { ask, url } = await startApi();
    const cookies = (bytes: number): string => `app=${'x'.repeat(bytes - 4)}`;
    expect((await ask('/livez', { headers: { cookie: cookies(16 * 1024) } })).status).toBe(200);
    const request = ['GET /dashboard/ HTTP/1.1', 'host: localhost', `cookie: ${cookies(200 * 1024)}`, '', ''];
    const answer = await exchange(url, request.join('\r\n'));
    expect(statusOf(answer)).toBe(431);
    expect(answer).toMatch(/content-type: application\/problem\+json\r\n/);
    const problem = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as Record<string, unknown>;
    expect(problem).toMatchObject({ status: 431, code: 'headers-too-large' });
    expect(problem.next).toContain('cookies');
  });

  it.each(['http://localhost', 'HTTP://LOCALHOST', 'https://localhost'])(
    'a target in absolute form, %s, is the path and the host that it names [A12, RFC 9112]',
    async (base) => {
      const { url } = await startApi();
      const ask = (method: string, target: string, host = 'evil.test'): Promise<string> =>
        exchange(url, `${method} ${target} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
      const problemOf = (answer: string): unknown => JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4));
      // The host of the target counts, whatever the Host header says.
      expect(statusOf(await ask('GET', `${base}/api/v1/state`))).toBe(200);
      expect(statusOf(await ask('GET', base))).toBe(200);
      expect(statusOf(await ask('GET', 'http://evil.test/livez', 'localhost'))).toBe(421);
      const missing = await ask('GET', `${base}/api/v1/state/none`);
      expect([statusOf(missing), problemOf(missing)]).toEqual([
        404,
        expect.objectContaining({ status: 404, code: 'not-found' }),
      ]);
      const method = await ask('PATCH', `${base}/api/v1/state/none`);
      expect([statusOf(method), /\r\nallow: [A-Z, ]*PUT/i.test(method)]).toEqual([405, true]);
    },
  );

  it.each([
    ['a path that is no UTF-8', 'GET /api/v1/state/%zz HTTP/1.1'],
    ['no path', 'GET livez HTTP/1.1'],
    ['an unknown path', 'GET /nowhere HTTP/1.1'],
  ])('%s is answered with an id and the headers of every answer [A17]', async (_, line) => {
    const { url } = await startApi();
    const answer = await exchange(url, `${line}\r\nhost: localhost\r\nconnection: close\r\n\r\n`);
    expect(statusOf(answer)).toBeGreaterThanOrEqual(400);
    for (const header of ['x-request-id', 'content-security-policy', 'x-content-type-options'])
      expect(answer).toMatch(new RegExp(`\r\n${header}: \\S`, 'i'));
  });

  it('headers: what is no HTTP is answered with a problem document [A10]', async () => {
    const { url } = await startApi();
    const answer = await exchange(url, 'HELO node.example.org\r\n\r\n');
    expect(statusOf(answer)).toBe(400);
    expect(answer).toContain('"code":"invalid-request"');
  });

  it.each([
    ['identity', 201],
    ['Identity', 201],
    ['IDENTITY, identity ,', 201],
    ['gzip', 415],
    ['identity, gzip', 415],
    ['br', 415],
  ])('headers: Content-Encoding %s is answered %i [A13]', async (encoding, status) => {
    const { ask } = await startApi();
    expect((await ask('/api/v1/state/a', json(1, { 'content-encoding': encoding }))).status).toBe(status);
  });

  it('headers: a transfer coding inside of chunks is refused [A13]', async () => {
    const { ask } = await startApi();
    const headers = { ...auth, 'content-type': 'application/json', 'transfer-encoding': 'gzip, chunked' };
    expect((await ask('/api/v1/state/a', { method: 'PUT', headers, body: '1' })).status).toBe(415);
  });
});
