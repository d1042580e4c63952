import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { startLattice } from '../../live-lattice.ts';
import { ask, auth, json, startApi, TOKEN } from '../../support.ts';

const post = (body: unknown) => ({ ...json(body), method: 'POST' });

describe('probes', () => {
  it('livez answers while the process does; readyz says why the node is not ready [A16]', async () => {
    const { ask, lattice } = await startApi();
    expect((await ask('/livez')).json()).toEqual({ status: 'ok' });
    expect([(await ask('/readyz')).status, (await ask('/readyz')).json()]).toEqual([200, { status: 'ready' }]);
    lattice.setReadOnly('disk', 'the disk is full');
    const reasons = [{ code: 'disk', text: 'the disk is full' }];
    const not = await ask('/readyz');
    expect([not.status, not.json()]).toEqual([503, { status: 'not-ready', reasons }]);
    expect((await ask('/livez')).status).toBe(200);
  });

  it('a mirror is ready, and says that it takes no writes [A16, J6]', async () => {
    const { ask, lattice } = await startApi();
    lattice.setReadOnly('mirror', 'this node is a mirror');
    const notes = [{ code: 'mirror', text: 'this node is a mirror, and takes no writes' }];
    expect([(await ask('/readyz')).status, (await ask('/readyz')).json()]).toEqual([200, { status: 'ready', notes }]);
    lattice.setReadOnly('disk', 'the disk is full');
    expect((await ask('/readyz')).json()).toMatchObject({ status: 'not-ready', reasons: [{ code: 'disk' }] });
  });

  it('readyz waits for writes to open after a start, and not for the check of what is stored [A16, N8, N12]', async () => {
    const live = await startLattice();
    const told = { writesWait: true, integrity: { checked: 1, total: 50_000 } };
    const { ask } = await startApi({ lattice: { ...live, status: () => ({ ...live.status(), ...told }) } });
    const waiting = await ask('/readyz');
    expect([waiting.status, waiting.json()]).toEqual([
      503,
      { status: 'not-ready', reasons: [{ code: 'opening', text: expect.stringContaining('writes wait') as string }] },
    ]);
    told.writesWait = false;
    expect((await ask('/readyz')).status).toBe(200);
    expect((await ask('/api/v1/status')).json()).toMatchObject({ integrity: { checked: 1, total: 50_000 } });
  });
});

describe('request ids', () => {
  it("the client's is kept where it is 1 to 64 visible characters, else one is made [A17]", async () => {
    const { ask } = await startApi();
    const idOf = async (id?: string) =>
      (await ask('/health', { headers: id === undefined ? {} : { 'x-request-id': id } })).headers['x-request-id'];
    expect(await idOf('client-42')).toBe('client-42');
    for (const bad of [undefined, 'two words', 'x'.repeat(65)])
      expect(await idOf(bad)).toMatch(/^[0-9a-f]{8}-[0-9a-z]+$/);
  });
});

describe('security headers', () => {
  it.each(['/health', '/api/v1/state/none', '/nothing', '/docs', '/api/v1/state?limit=0'])(
    'stand on the answer to %s [A17]',
    async (path) => {
      const { ask } = await startApi();
      const { headers } = await ask(path);
      expect(headers['content-security-policy']).toMatch(/^default-src 'none'/);
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['referrer-policy']).toBe('no-referrer');
      expect(headers['x-request-id']).toBeDefined();
    },
  );
});

describe('mode', () => {
  it('is switched with a reason, which stands in the cause [A19]', async () => {
    const { ask, lattice } = await startApi();
    const answer = await ask('/api/v1/sync/mode', post({ mode: 'http', reason: 'P2P port is moved' }));
    expect([answer.status, answer.json()]).toEqual([
      200,
      {
        changed: true,
        mode: 'http',
        message: 'sync mode is http, but no HTTP peers are configured (DIOTEC360_LATTICE_NODES)',
      },
    ]);
    expect(lattice.status()).toMatchObject({
      mode: 'http',
      transitions: [
        {
          from: 'mode auto',
          to: 'mode http',
          cause: 'switched over the HTTP API: P2P port is moved',
          code: 'operator',
        },
      ],
    });
  });

  it.each([{ mode: 'both' }, { mode: 'http', reason: '' }, { mode: 'http', reason: 'two\nlines' }, {}, []])(
    '%j is refused [A15, A19]',
    async (body) => {
      const { ask, lattice } = await startApi();
      expect((await ask('/api/v1/sync/mode', post(body))).status).toBe(400);
      expect(lattice.status().mode).toBe('auto');
    },
  );

  it('needs the token [A9]', async () => {
    const { ask } = await startApi();
    const answer = await ask('/api/v1/sync/mode', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"mode":"p2p"}',
    });
    expect(answer.status).toBe(401);
  });
});

describe('configuration', () => {
  it('is told to whoever has the token [A20]', async () => {
    const settings = [
      { name: 'DIOTEC360_API_TOKEN', value: 'set', source: 'environment' as const, secret: true, help: 'The token.' },
    ];
    const { ask } = await startApi({ root: { settings } });
    expect((await ask('/api/v1/config')).status).toBe(401);
    const answer = await ask('/api/v1/config', { headers: auth });
    expect(answer.json()).toEqual({ items: settings });
    expect(answer.text).not.toContain(TOKEN);
  });
});

describe('upgrades', () => {
  /** What a server answers to raw bytes, until it closes. */
  const raw = (url: string, text: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(text));
      let answer = '';
      socket.on('data', (chunk) => {
        answer += chunk.toString('latin1');
      });
      socket.on('close', () => resolve(answer));
      socket.on('error', reject);
    });

  it('WebSocket on any other path is 404, with the headers of every answer [A21]', async () => {
    const { url } = await startApi();
    const answer = await raw(
      url,
      'GET /api/v1/status HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 404 /);
    expect(answer).toMatch(/x-content-type-options: nosniff/i);
  });

  it('a refused WebSocket ends its connection, also when the client goes on sending', async () => {
    const { url } = await startApi();
    const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => undefined).resume();
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.write(
      'GET /api/v1/status HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    );
    const writing = setInterval(() => socket.write('x'), 50);
    await closed;
    clearInterval(writing);
  });

  it('a wish for another protocol is passed over, body and all [A21]', async () => {
    const { url, lattice } = await startApi();
    const body = '{"a":1}';
    const answer = await raw(
      url,
      `PUT /api/v1/state/h2c HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\nauthorization: Bearer ${TOKEN}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}` +
        'GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 201 /);
    expect(answer).toMatch(/HTTP\/1\.1 200 OK[^]*\{"status":"healthy"\}$/);
    expect((await lattice.get('h2c'))?.value).toEqual({ a: 1 });
  });

  it('without an upgrade the address of the WebSocket answers 426 [A21]', async () => {
    const { url } = await startApi();
    expect((await ask(url, '/api/v1/events/ws')).status).toBe(426);
  });
});
