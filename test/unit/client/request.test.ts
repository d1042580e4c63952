import type { IncomingMessage, ServerResponse } from 'node:http';
import { fetch as undiciFetch } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { httpFetch } from '../../../src/cli/http-fetch.ts';
import { type ClientOptions, createClient, type LatticeClient, LatticeProblem } from '../../../src/client/index.ts';
import { startServer, type TestServer } from './server.ts';

let server: TestServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

const TRANSPORTS = [
  ['the global fetch', globalThis.fetch],
  // What the global fetch goes over in a process with a node, which loads undici.
  ["undici's", undiciFetch as unknown as typeof globalThis.fetch],
  ["the command line's own", httpFetch],
] as const;

const fails = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'no failure',
    (error: unknown) => error,
  );

describe.each(TRANSPORTS)('a request over %s', (_name, fetch) => {
  /** A client of a server that answers so. */
  async function clientOf(
    answer: (request: IncomingMessage, response: ServerResponse, before: number) => void,
    options: Partial<ClientOptions> = {},
  ): Promise<LatticeClient> {
    server = await startServer(answer);
    return createClient({ url: `${server.url}/`, fetch, ...options });
  }

  it('carries method, query, headers, token and body, and gives back status, headers and bytes', async () => {
    let tokens = 0;
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    const { request, url } = await clientOf(
      (asked, response) => {
        const chunks: Buffer[] = [];
        asked.on('data', (chunk: Buffer) => chunks.push(chunk));
        asked.on('end', () => {
          response.writeHead(203, {
            etag: '"v.0"',
            method: asked.method ?? '',
            'x-type': asked.headers['content-type'] ?? '',
            'x-token': asked.headers.authorization ?? '',
            'x-accept': asked.headers.accept ?? '',
          });
          response.end(Buffer.concat(chunks));
        });
      },
      { token: () => `t${++tokens}` },
    );
    expect(url).toBe(server?.url);
    const answer = await request('/a', {
      method: 'POST',
      query: { key: 'ü ?&+/..', limit: 3, none: undefined },
      headers: { 'content-type': 'application/octet-stream', 'x-none': undefined },
      body: bytes,
    });
    expect(new URLSearchParams(server?.asked[0]?.split('?')[1])).toEqual(
      new URLSearchParams([
        ['key', 'ü ?&+/..'],
        ['limit', '3'],
      ]),
    );
    expect([answer.status, answer.header('ETag'), answer.header('method'), answer.header('absent')]).toEqual([
      203,
      '"v.0"',
      'POST',
      null,
    ]);
    expect([answer.header('x-type'), answer.header('x-accept')]).toEqual([
      'application/octet-stream',
      'application/json',
    ]);
    expect(Uint8Array.from(answer.bytes)).toEqual(bytes);

    const json = await request('/b', { method: 'PUT', json: { a: 'é' } });
    expect([json.json(), json.text(), json.header('x-type')]).toEqual([{ a: 'é' }, '{"a":"é"}', 'application/json']);
    expect((await request('/c', { headers: { accept: 'text/plain' } })).header('x-accept')).toBe('text/plain');
    // Asked for anew with each request.
    expect([answer.header('x-token'), json.header('x-token'), tokens]).toEqual(['Bearer t1', 'Bearer t2', 3]);
  });

  it('says what the node says, with its code, next step and time to wait', async () => {
    const problem = {
      type: 'urn:x',
      title: 'Service Unavailable',
      status: 503,
      detail: 'the disk is full',
      code: 'read-only',
      next: 'free some space',
      reasons: ['the disk is full'],
    };
    const client = await clientOf((_request, response) => {
      response.writeHead(503, { 'content-type': 'application/problem+json', 'retry-after': '2' });
      response.end(JSON.stringify(problem));
    });
    const error = await fails(client.commit([{ op: 'put', key: 'k', value: 1 }]));
    expect(error).toBeInstanceOf(LatticeProblem);
    expect(error).toMatchObject({
      name: 'LatticeProblem',
      code: 'read-only',
      message: 'the disk is full',
      next: 'free some space',
      status: 503,
      retryAfterMs: 2000,
      problem,
    });
  });

  it("tells a proxy's page from an answer of the node", async () => {
    const client = await clientOf((request, response) => {
      const status = Number(/^\/(\d+)$/.exec(request.url ?? '')?.[1] ?? 404);
      response.writeHead(status, { 'retry-after': new Date(Date.now() + 60_000).toUTCString() });
      response.end('<html>no</html>');
    });
    const { url } = client;
    const error = (await fails(client.request('/502'))) as LatticeProblem;
    expect(error).toMatchObject({ code: 'http-status', status: 502, message: `${url}/502 answered status 502` });
    expect(error.problem).toBeUndefined();
    // A date of whole seconds.
    expect(error.retryAfterMs).toBeGreaterThan(50_000);
    expect(error.retryAfterMs).toBeLessThanOrEqual(60_000);
    expect(await fails(client.request('/401'))).toMatchObject({ code: 'unauthorized', status: 401 });
    expect(await fails(client.request('/405'))).toMatchObject({ code: 'not-supported' });
    // Absence is only what the node says is absent.
    expect(await fails(client.getEntry('k'))).toMatchObject({ code: 'http-status', status: 404 });
    expect(await fails(client.request('/200').then((answer) => answer.json()))).toMatchObject({
      code: 'not-a-lattice-node',
      message: `${url}/200 did not answer JSON`,
    });
  });

  it('does not take a page for the answer of a write', async () => {
    const client = await clientOf((_request, response) => response.end('<html>'));
    expect(await fails(client.deleteEntry('k'))).toMatchObject({ code: 'not-a-lattice-node' });
    expect(await fails(client.removePeer({ url: 'http://127.0.0.1:9' }))).toMatchObject({ code: 'not-a-lattice-node' });
    expect(await fails(client.putEntry('k', 1))).toMatchObject({ code: 'not-a-lattice-node' });
  });

  it('follows no redirect, which would take the token elsewhere', async () => {
    const client = await clientOf((_request, response) => response.writeHead(302, { location: '/elsewhere' }).end(), {
      token: 'secret',
    });
    expect(await fails(client.getStatus())).toMatchObject({
      code: 'http-status',
      message: `${client.url}/api/v1/status redirects elsewhere`,
      next: 'Give the URL of the node itself: redirects are not followed.',
    });
    expect(server?.asked).toEqual(['/api/v1/status']);
  });

  it.each([
    ['nothing at all', (): void => undefined],
    [
      'half an answer',
      (_: IncomingMessage, response: ServerResponse): void => {
        response.writeHead(200, { 'content-length': '1000' });
        response.write('{"half":');
      },
    ],
    [
      'half a refusal',
      (_: IncomingMessage, response: ServerResponse): void => {
        response.writeHead(503, { 'content-length': '1000' });
        response.write('{"half":');
      },
    ],
  ])('is late after its time: %s', async (_what, answer) => {
    const client = await clientOf(answer, { timeoutMs: 60_000 });
    expect(await fails(client.getStatus({ timeoutMs: 100 }))).toMatchObject({
      code: 'timeout',
      message: `${client.url} did not answer within 0.1 s`,
    });
  });

  it.each([
    ['before', 'cannot reach'],
    ['during', 'the connection was cut during the answer'],
  ])('says where a connection was cut %s the answer', async (when, message) => {
    const client = await clientOf((request, response) => {
      if (when === 'before') {
        request.socket.destroy();
        return;
      }
      response.writeHead(200, { 'content-length': '1000' });
      response.write('{"half":', () => request.socket.destroy());
    });
    const error = await fails(client.getStatus());
    expect(error).toMatchObject({ code: 'unreachable', message: expect.stringContaining(message) as unknown });
    expect((error as Error).message).toContain(client.url);
  });

  it('names the URL and the cause where nothing is reached', async () => {
    const closed = await clientOf(() => undefined);
    await server?.close();
    expect(await fails(closed.getStatus())).toMatchObject({
      code: 'unreachable',
      message: `cannot reach ${closed.url}: the connection is refused`,
    });
    const nowhere = createClient({ url: 'http://does-not-exist.invalid', fetch });
    expect(await fails(nowhere.getStatus())).toMatchObject({
      code: 'unreachable',
      message: expect.stringMatching(
        /^cannot reach http:\/\/does-not-exist.invalid: (?:no such host|the name could not be looked up)$/,
      ) as unknown,
    });
  });

  it('says where plain HTTP answers in place of TLS, and something else in place of HTTP', async () => {
    const client = await clientOf((_request, response) => response.end('{}'));
    const secure = createClient({ url: client.url.replace('http:', 'https:'), fetch });
    expect(await fails(secure.getStatus())).toMatchObject({
      code: 'unreachable',
      message: `cannot reach ${secure.url}: it does not speak TLS`,
    });
    const { createServer } = await import('node:net');
    const ssh = createServer((socket) => socket.resume().end('SSH-2.0-x\r\n\r\n'));
    await new Promise<void>((resolve) => ssh.listen(0, '127.0.0.1', resolve));
    const other = createClient({ url: `http://127.0.0.1:${(ssh.address() as { port: number }).port}`, fetch });
    expect(await fails(other.getStatus())).toMatchObject({
      code: 'unreachable',
      message: `cannot reach ${other.url}: it does not speak HTTP`,
    });
    await new Promise((resolve) => ssh.close(resolve));
  });

  it("is ended by its signal with the signal's reason: before, while it waits, and during the answer", async () => {
    const reason = new Error('enough');
    let reached: () => void = () => undefined;
    const client = await clientOf((_request, response, before) => {
      if (before === 1) {
        response.writeHead(200, { 'content-length': '1000' });
        response.write('{"half":');
      }
      reached();
    });
    expect(await fails(client.getStatus({ signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(server?.asked).toEqual([]);
    for (let i = 0; i < 2; i++) {
      const stop = new AbortController();
      reached = () => setImmediate(() => stop.abort(reason));
      expect(await fails(client.getStatus({ signal: stop.signal }))).toBe(reason);
    }
  });

  it('reads no more than a node answers, and of a refusal no more than it says', async () => {
    const chunk = Buffer.alloc(1024 * 1024, ' ');
    let sent = 0;
    const client = await clientOf((request, response) => {
      response.writeHead(request.url === '/refused' ? 503 : 200);
      const more = (): void => {
        if (response.destroyed) return;
        sent++;
        response.write(chunk, more);
      };
      more();
    });
    expect(await fails(client.request('/endless'))).toMatchObject({
      code: 'answer-too-large',
      message: `${client.url}/endless answered more than ${48 * 1024 * 1024} bytes`,
    });
    sent = 0;
    expect(await fails(client.request('/refused'))).toMatchObject({ code: 'http-status', status: 503 });
    // The rest of it is what the sockets hold.
    expect(sent).toBeLessThan(30);
  });

  it('puts versions in quotes once, and passes idempotency keys on', async () => {
    const seen: IncomingMessage['headers'][] = [];
    const client = await clientOf((request, response) => {
      seen.push(request.headers);
      request.resume();
      if (request.method === 'DELETE') response.writeHead(204).end();
      else response.end('{"version":"v.3"}');
    });
    await client.putEntry('k', 1, { ifMatch: 'v.0', idempotencyKey: 'once' });
    await client.putEntryJson('k', '1.0', { ifMatch: '"v.1"' });
    await client.putEntry('k', 1, { ifMatch: '*' });
    await client.deleteEntry('k', { ifMatch: 'v.2' });
    await client.putEntry('k', 1, { ifNoneMatch: '*' });
    expect(seen.map((headers) => headers['if-match'])).toEqual(['"v.0"', '"v.1"', '*', '"v.2"', undefined]);
    expect([seen[0]?.['idempotency-key'], seen[1]?.['content-type']]).toEqual(['once', 'application/json']);
    expect(seen[4]?.['if-none-match']).toBe('*');
  });
});

describe('a client', () => {
  it.each([
    ['localhost:8000', undefined],
    ['ftp://127.0.0.1', undefined],
    ['', undefined],
    ['http://127.0.0.1/?x=1', undefined],
    ['http://127.0.0.1/#x', undefined],
    ['http://somebody:secret@127.0.0.1', undefined],
    ['http://127.0.0.1', 'a b'],
    ['http://127.0.0.1', 'a\nb'],
    ['http://127.0.0.1', ''],
  ])('is not made of what it cannot use: %j, token %j', (url, token) => {
    expect(() => createClient({ url, token })).toThrow(expect.objectContaining({ code: 'usage' }) as Error);
  });

  it('sends no parameter as another text', async () => {
    server = await startServer((_request, response) => response.end('{}'));
    const client = createClient({ url: server.url });
    await expect(client.getEntry('\ud800')).rejects.toMatchObject({ code: 'invalid-key' });
    await expect(client.putEntry('a\udfff', 1)).rejects.toMatchObject({ code: 'invalid-key' });
    await expect(client.putEntry('a', Number.NaN)).rejects.toMatchObject({ code: 'invalid-value' });
    expect(server.asked).toEqual([]);
  });

  it('keeps the path of a node that stands behind one', async () => {
    server = await startServer((_request, response) => response.end('{"peers":[]}'));
    await createClient({ url: `${server.url}/nodes/a//` }).listPeers();
    expect(server.asked).toEqual(['/nodes/a/api/v1/peers']);
  });
});
