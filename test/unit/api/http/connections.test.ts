import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { type Addresses, createAddresses } from '../../../../src/api/http/addresses.ts';
import { type Connections, createConnections } from '../../../../src/api/http/connections.ts';
import { createHandClock, type HandClock } from '../../../support/clock.ts';
import { startLattice } from '../live-lattice.ts';
import { json, silentLog, startApi, until } from '../support.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).toReversed()) close();
});

async function dial(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  closers.push(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

const GET = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`;

/** Everything that comes over a connection until it is closed, or until `enough` says so. */
async function textOf(socket: Socket, enough: (text: string) => boolean = () => false): Promise<string> {
  let text = '';
  await new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (enough(text)) resolve();
    });
    socket.once('close', () => resolve());
  });
  return text;
}

const statusesOf = (text: string): string[] => text.match(/HTTP\/1\.1 \d{3}/g) ?? [];

describe('requests that come without waiting for answers', () => {
  /** An API that tells how many lists it reads at a time, and lets them go on when the test says so. */
  async function countingApi() {
    const lattice = await startLattice();
    let reading = 0;
    let most = 0;
    let reads = 0;
    const api = await startApi({
      lattice: {
        ...lattice,
        async list(options) {
          reads++;
          most = Math.max(most, ++reading);
          await new Promise((resolve) => setImmediate(resolve));
          reading--;
          return lattice.list(options);
        },
      },
    });
    const socket = await dial(Number(new URL(api.url).port));
    return { socket, most: () => most, reads: () => reads, port: Number(new URL(api.url).port) };
  }

  it('are answered one at a time and in order [A13]', async () => {
    const { socket, most } = await countingApi();
    socket.write(GET('/api/v1/state?limit=1') + GET('/health') + GET('/api/v1/state') + GET('/livez'));
    const text = await textOf(socket, (so_far) => statusesOf(so_far).length === 4 && so_far.includes('"ok"'));
    expect(text.match(/\{"(entries|status)":[^}]*\}/g)).toEqual([
      '{"entries":[]}',
      '{"status":"healthy"}',
      '{"entries":[]}',
      '{"status":"ok"}',
    ]);
    expect(most()).toBe(1);
  });

  it.each([60, 200, 5000])('when there are %i: a few are answered, and the connection ends [A13]', async (count) => {
    const { socket, most, reads } = await countingApi();
    socket.write(GET('/api/v1/state?limit=1000').repeat(count));
    const statuses = statusesOf(await textOf(socket));
    expect(statuses.length).toBeLessThanOrEqual(9);
    // So many that the connection is cut while the first one is answered.
    if (count <= 60) expect(statuses.length).toBe(9);
    expect(new Set(statuses).size).toBeLessThanOrEqual(1);
    expect([most(), reads() <= 9]).toEqual([1, true]);
  });

  it('and that end in the wish for a WebSocket do not end the process', async () => {
    const { socket, port } = await countingApi();
    const upgrade = (protocol: string): string =>
      `GET /api/v1/events/ws HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: upgrade\r\nupgrade: ${protocol}\r\n` +
      'sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
    socket.write(GET('/api/v1/state') + upgrade('websocket'));
    await textOf(socket);
    const other = await dial(port);
    other.write(GET('/api/v1/state') + upgrade('h2c'));
    await textOf(other);
    const last = await dial(port);
    last.write(GET('/livez'));
    expect(statusesOf(await textOf(last, (text) => text.includes('"ok"')))).toEqual(['HTTP/1.1 200']);
  });

  it('and that wish for HTTP/2 one after the other leave nothing behind on their connection [A21]', async () => {
    const { socket } = await countingApi();
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    closers.push(() => process.off('warning', onWarning));
    for (let i = 0; i < 20; i++) {
      socket.write('GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n');
      expect(statusesOf(await textOf(socket, (text) => text.includes('"ok"')))).toEqual(['HTTP/1.1 200']);
      socket.removeAllListeners('data').removeAllListeners('close');
    }
    await new Promise((resolve) => setImmediate(resolve));
    expect(warnings).toEqual([]);
  });
});

interface Served {
  readonly port: number;
  readonly connections: Connections;
  readonly clock: HandClock;
  /** The server's ends of the connections, in their order. */
  readonly sockets: Socket[];
}

function* pieces(): Generator<Buffer> {
  for (let i = 0; i < 1024; i++) yield Buffer.alloc(64 * 1024);
}

/** A server that answers /slow never, /large with 64 MiB, and everything else at once. */
async function serve(addresses: Partial<Addresses> = {}): Promise<Served> {
  const clock = createHandClock();
  const all: Addresses = { ...createAddresses([]), isExempt: () => false, ...addresses };
  const connections = createConnections({ addresses: all, clock, log: silentLog });
  const sockets: Socket[] = [];
  const server = createServer(
    connections.listener((request, response) => {
      if (request.url === '/slow') return;
      if (request.url === '/large') Readable.from(pieces(), { objectMode: false }).pipe(response);
      else response.end('ok');
    }),
  );
  // It would close idle connections by itself.
  server.keepAliveTimeout = 0;
  server.on('connection', (socket) => sockets.push(socket));
  connections.watch(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    connections.stop();
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as { port: number }).port, connections, clock, sockets };
}

/** Whether the server answers on it, rather than cutting it. */
const works = (socket: Socket): Promise<boolean> =>
  new Promise((resolve) => {
    socket.once('data', () => resolve(true));
    socket.once('close', () => resolve(false));
    if (socket.destroyed) resolve(false);
    socket.write(GET('/'));
  });

describe('connections', () => {
  it('one whose answer was under way when they stopped is closed after that answer, and others at once [A13]', async () => {
    const { port, connections } = await serve();
    const [busy, idle] = [await dial(port), await dial(port)];
    expect(await works(idle)).toBe(true);
    busy.pause();
    busy.write(GET('/large'));
    await until(() => busy.bytesRead > 0);
    connections.stop();
    await once(idle, 'close');
    expect(busy.destroyed).toBe(false);
    busy.resume();
    await once(busy, 'close');
    expect(busy.bytesRead).toBeGreaterThan(64 * 1024 * 1024);
  });

  it('an address holds 16 connections, and gets a new one when it closes one [A13]', async () => {
    const { port } = await serve();
    const sockets: Socket[] = [];
    for (let i = 0; i < 16; i++) sockets.push(await dial(port));
    for (const socket of sockets) expect(await works(socket)).toBe(true);
    expect(await works(await dial(port))).toBe(false);
    const closed = sockets.shift() as Socket;
    closed.end();
    await once(closed, 'close');
    expect(await works(await dial(port))).toBe(true);
  });

  it('when all are taken, a new one gets the place of an idle one, never that of a member or of a request under way [A13]', async () => {
    let opened = 0;
    // Every three connections in a row are of one address.
    const { port, connections, sockets } = await serve({ keyOf: () => `client-${Math.floor(opened++ / 3)}` });
    const held: Socket[] = [];
    for (let i = 0; i < 512; i++) held.push(await dial(port));
    await until(() => sockets.length === 512);
    const [member, busy] = held as [Socket, Socket];
    connections.keep(sockets[0] as Socket);
    busy.write(GET('/slow'));
    await until(() => connections.isBusy(sockets[1] as Socket));
    const late = [await dial(port), await dial(port)];
    for (const socket of late) expect(await works(socket)).toBe(true);
    await until(() => held.filter((socket) => socket.destroyed || socket.readableEnded).length === 2);
    expect(await works(member)).toBe(true);
    expect(busy.destroyed).toBe(false);
    // The oldest that is idle, and then the oldest of an address that has more than its.
    expect(held.flatMap((socket, i) => (socket.destroyed || socket.readableEnded ? [i] : []))).toEqual([2, 3]);
  });

  it('a reader that stops is cut after 20 s, one that gets on is not [A13]', async () => {
    const { port, clock, sockets } = await serve();
    /** A reader that does not read, for whom bytes wait at the server. */
    const reader = async (at: number): Promise<[Socket, Socket]> => {
      const socket = await dial(port);
      socket.pause();
      socket.write(GET('/large'));
      await until(() => (sockets[at]?.writableLength ?? 0) > 0);
      return [socket, sockets[at] as Socket];
    };
    const [, stopped] = await reader(0);
    const [slow, slowly] = await reader(1);
    await clock.advance(5_000);
    let taken = 0;
    slow.on('data', (chunk: Buffer) => {
      taken += chunk.length;
      if (taken > 32 * 1024 * 1024) slow.pause();
    });
    slow.resume();
    await until(() => slow.isPaused());
    await clock.advance(15_000);
    expect([stopped.destroyed, slowly.destroyed]).toEqual([false, false]);
    await clock.advance(5_000);
    expect([stopped.destroyed, slowly.destroyed]).toEqual([true, false]);
    // Then it stops as well.
    await clock.advance(25_000);
    expect(slowly.destroyed).toBe(true);
  });
});

describe('the end of the API', () => {
  it('cuts connections that have no request under way, and waits for none of them', async () => {
    // A clock that stands still: nothing is cut because of the time.
    const { url, close, lattice, ask } = await startApi({ clock: createHandClock() });
    const { port } = new URL(url);
    const silent = await dial(Number(port));
    const halfway = await dial(Number(port));
    halfway.write('GET /api/v1/status HTTP/1.1\r\n');
    const idle = await dial(Number(port));
    idle.write(GET('/health'));
    await textOf(idle, (text) => text.includes('200 OK'));
    lattice.store.hold();
    const underWay = ask('/api/v1/state/a', json(1));
    await until(() => lattice.store.held.length === 1);
    const ends = [silent, halfway, idle].map((socket) => once(socket, 'close'));
    const closing = close();
    await Promise.all(ends);
    lattice.store.held[0]?.release();
    expect((await underWay).status).toBeLessThan(500);
    await closing;
  });
});
