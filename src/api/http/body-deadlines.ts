import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { MonotonicTimers } from '../../timing/index.ts';

/** How long each request may take to arrive, so that nobody holds a connection by sending one byte after another. */
export interface BodyDeadlines {
  /** Watches over the requests of a server that come to `answer`. */
  listener(server: Server, answer: RequestListener): RequestListener;
  /** Leaves out a request whose route watches over its body itself, until the function that it answers is called. */
  lift(request: IncomingMessage): () => void;
}

/** The newest request with a body on a connection. `endsAt`: when it has to be whole, by the monotonic clock, ms. */
interface Watched {
  readonly server: Server;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  endsAt: number;
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';

/**
 * Gives each request `ms` from its headers on until its body is whole. A later one is answered as an unreadable one is,
 * by the listener of `clientError`, and its connection is closed. The server's own `requestTimeout` would not do,
 * because it is one time for all requests, and an upload may take as long as it gets on.
 *
 * A connection brings one body after another, so that only its newest request can lack a part of its own: one place for
 * each connection is enough, and a request whose body is whole needs nothing. As all of them have the same time, they stand
 * in the order in which it ends, and one timer serves all.
 */
export function createBodyDeadlines(clock: MonotonicTimers, ms: number): BodyDeadlines {
  const watched = new Map<Socket, Watched>();
  const followed = new WeakSet<Socket>();
  let timer: ReturnType<MonotonicTimers['after']> | undefined;

  function watch(socket: Socket, one: Watched): void {
    one.endsAt = clock.monotonic() + ms;
    // What is replaced in a map keeps its place, and this one comes last.
    watched.delete(socket);
    watched.set(socket, one);
    timer ??= clock.after(ms, look);
  }

  function follow(socket: Socket): void {
    // A connection whose wish to upgrade was passed over comes here a second time.
    if (followed.has(socket)) return;
    followed.add(socket);
    socket.once('close', () => forget(socket));
  }

  function forget(socket: Socket): void {
    watched.delete(socket);
    if (watched.size > 0) return;
    timer?.cancel();
    timer = undefined;
  }

  /** Ends those whose time is over, and forgets those that are whole. */
  function look(): void {
    timer = undefined;
    const now = clock.monotonic();
    for (const [socket, one] of watched) {
      if (!one.request.complete && one.endsAt > now) {
        timer = clock.after(one.endsAt - now, look);
        return;
      }
      watched.delete(socket);
      if (!one.request.complete) end(socket, one);
    }
  }

  function end(socket: Socket, { server, response }: Watched): void {
    // The client sends on what was refused long ago.
    if (response.writableEnded) return void socket.destroy();
    const error = Object.assign(new Error('the body did not arrive in time'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });
    server.emit('clientError', error, socket);
  }

  return {
    listener(server, answer) {
      server.on('connection', follow);
      return (request, response) => {
        if (hasBody(request)) watch(request.socket, { server, request, response, endsAt: 0 });
        answer(request, response);
      };
    },
    lift(request) {
      const { socket } = request;
      const one = watched.get(socket);
      if (one?.request !== request) return () => undefined;
      forget(socket);
      return () => {
        if (!request.complete && !socket.destroyed) watch(socket, one);
      };
    },
  };
}
