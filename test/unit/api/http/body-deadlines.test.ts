import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createBodyDeadlines } from '../../../../src/api/http/body-deadlines.ts';
import { createHandClock } from '../../../support/clock.ts';

const LIMIT_MS = 10_000;
const closings: (() => void)[] = [];
afterEach(() => {
  for (const close of closings.splice(0)) close();
});

/** A server that answers a request once it is told to, on a clock that a test moves. */
async function start() {
  const clock = createHandClock();
  let timers = 0;
  const counted: typeof clock = {
    ...clock,
    after(ms, run) {
      timers++;
      let over = false;
      const end = (): void => {
        if (!over) timers--;
        over = true;
      };
      const timer = clock.after(ms, () => {
        end();
        run();
      });
      return {
        cancel() {
          end();
          timer.cancel();
        },
      };
    },
  };
  const deadlines = createBodyDeadlines(counted, LIMIT_MS);
  const taken: { readonly request: IncomingMessage; readonly response: ServerResponse }[] = [];
  const server = createServer();
  server.on(
    'request',
    deadlines.listener(server, (request, response) => taken.push({ request, response })),
  );
  const errors: string[] = [];
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    errors.push(error.code ?? error.message);
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closings.push(() => server.close());
  /** Resolves when one more request is there. */
  async function next(): Promise<(typeof taken)[number]> {
    const at = taken.length;
    await expect.poll(() => taken.length).toBe(at + 1);
    return taken[at] as (typeof taken)[number];
  }
  /** Sends these bytes on a connection of their own, and waits until the request is there. */
  async function send(text: string) {
    const coming = next();
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    closings.push(() => socket.destroy());
    socket.resume();
    socket.on('error', () => undefined);
    socket.write(text);
    return { socket, ...(await coming) };
  }
  return { clock, deadlines, send, next, errors, timers: () => timers };
}

const put = (body: string, length = body.length): string =>
  `PUT / HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${length}\r\n\r\n${body}`;

describe('the time that a body has', () => {
  it('ends a request whose body is not whole by then, and none that is [A18]', async () => {
    const { clock, send, errors } = await start();
    const late = await send(put('x', 2));
    const whole = await send(put('xx'));
    whole.request.resume();
    await expect.poll(() => whole.request.complete).toBe(true);
    await clock.advance(LIMIT_MS - 1);
    expect([errors, late.socket.destroyed]).toEqual([[], false]);
    await clock.advance(1);
    expect(errors).toEqual(['ERR_HTTP_REQUEST_TIMEOUT']);
    await expect.poll(() => late.socket.destroyed).toBe(true);
    expect(whole.socket.destroyed).toBe(false);
  });

  it('cuts whoever sends on what was refused long ago, without another answer', async () => {
    const { clock, send, errors } = await start();
    const { socket, response } = await send(put('x', 2));
    response.writeHead(403).end();
    await expect.poll(() => socket.bytesRead).toBeGreaterThan(0);
    await clock.advance(LIMIT_MS - 1);
    expect(socket.destroyed).toBe(false);
    await clock.advance(1);
    await expect.poll(() => socket.destroyed).toBe(true);
    expect(errors).toEqual([]);
  });

  it('does not run while it is lifted, and begins anew after that', async () => {
    const { clock, deadlines, send, errors, timers } = await start();
    const { request, socket } = await send(put('x', 2));
    const watchAgain = deadlines.lift(request);
    await clock.advance(5 * LIMIT_MS);
    expect([errors, socket.destroyed, timers()]).toEqual([[], false, 0]);
    watchAgain();
    await clock.advance(LIMIT_MS - 1);
    expect(errors).toEqual([]);
    await clock.advance(1);
    expect(errors).toEqual(['ERR_HTTP_REQUEST_TIMEOUT']);
  });

  it('is one timer for all, and none where no body lacks a part', async () => {
    const { clock, deadlines, send, timers } = await start();
    await send('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
    expect(timers()).toBe(0);
    const answered = await send(put('xx'));
    const gone = await send(put('x', 2));
    const lifted = await send(put('x', 2));
    expect(timers()).toBe(1);
    answered.request.resume();
    answered.response.end();
    await expect.poll(() => answered.request.complete).toBe(true);
    gone.socket.destroy();
    await expect.poll(() => gone.request.destroyed).toBe(true);
    const watchAgain = deadlines.lift(lifted.request);
    // The whole one is forgotten when its time is over.
    await clock.advance(LIMIT_MS);
    expect(timers()).toBe(0);
    lifted.socket.destroy();
    await expect.poll(() => lifted.request.destroyed).toBe(true);
    watchAgain();
    expect(timers()).toBe(0);
  });

  it('ends with the last connection that brings a body', async () => {
    const { send, timers } = await start();
    const first = await send(put('x', 2));
    const second = await send(put('x', 2));
    first.socket.destroy();
    await expect.poll(() => first.request.destroyed).toBe(true);
    expect(timers()).toBe(1);
    second.socket.destroy();
    await expect.poll(timers).toBe(0);
  });

  it('counts for each request of a connection from its own headers on', async () => {
    const { clock, deadlines, send, next, errors } = await start();
    const { socket, request } = await send(put('xx'));
    const other = await send(put('x', 2));
    request.resume();
    await expect.poll(() => request.complete).toBe(true);
    await clock.advance(LIMIT_MS / 2);
    const second = next();
    socket.write(put('x', 2));
    await second;
    // The request before it is over, so that its route has nothing to lift any more.
    deadlines.lift(request)();
    await clock.advance(LIMIT_MS / 2);
    await expect.poll(() => other.socket.destroyed).toBe(true);
    await clock.advance(LIMIT_MS / 2 - 1);
    expect([errors.length, socket.destroyed]).toEqual([1, false]);
    await clock.advance(1);
    expect(errors.length).toBe(2);
    await expect.poll(() => socket.destroyed).toBe(true);
  });
});
