import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Timers } from '../../timing/index.ts';

/** How long each request may take to arrive, so that nobody holds a connection by sending one byte after another. */
export interface BodyDeadlines {
  /** Watches over the requests of a server that come to `answer`. */
  listener(server: Server, answer: RequestListener): RequestListener;
  /** Leaves out a request whose route watches over its body itself, until the function that it answers is called. */
  lift(request: IncomingMessage): () => void;
}

type Timer = ReturnType<Timers['after']>;

/** A request with a body, until it is closed or its time is over. */
interface Watched {
  readonly server: Server;
  readonly response: ServerResponse;
  timer: Timer;
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';

/**
 * Gives each request `ms` from its headers on until its body is whole. A later one is answered as an unreadable one is,
 * by the listener of `clientError`, and its connection is closed. The server's own `requestTimeout` would not do,
 * because it is one time for all requests, and an upload may take as long as it gets on.
 */
export function createBodyDeadlines(clock: Timers, ms: number): BodyDeadlines {
  // A request stands here until it is closed or its time is over. In a WeakMap, whose values lead to their keys, those
  // that are over would live through some collections, each of which would take several times as long.
  const watched = new Map<IncomingMessage, Watched>();

  function arm(request: IncomingMessage, { server, response }: Pick<Watched, 'server' | 'response'>): Timer {
    return clock.after(ms, () => {
      watched.delete(request);
      if (request.complete || request.socket.destroyed) return;
      // The client sends on what was refused long ago.
      if (response.writableEnded) return void request.socket.destroy();
      const error = Object.assign(new Error('the body did not arrive in time'), {
        code: 'ERR_HTTP_REQUEST_TIMEOUT',
      });
      server.emit('clientError', error, request.socket);
    });
  }

  return {
    listener: (server, answer) => (request, response) => {
      if (hasBody(request)) {
        watched.set(request, { server, response, timer: arm(request, { server, response }) });
        request.once('close', () => {
          watched.get(request)?.timer.cancel();
          watched.delete(request);
        });
      }
      answer(request, response);
    },
    lift(request) {
      watched.get(request)?.timer.cancel();
      return () => {
        const one = watched.get(request);
        if (request.complete || request.destroyed) watched.delete(request);
        else if (one !== undefined) one.timer = arm(request, one);
      };
    },
  };
}
