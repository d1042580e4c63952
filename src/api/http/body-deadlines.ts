import type { IncomingMessage, RequestListener, Server } from 'node:http';
import type { Timers } from '../../timing/index.ts';

/** How long each request may take to arrive, so that nobody holds a connection by sending one byte after another. */
export interface BodyDeadlines {
  /** Watches over the requests of a server that come to `answer`. */
  listener(server: Server, answer: RequestListener): RequestListener;
  /** Leaves out a request whose route watches over its body itself, until the function that it answers is called. */
  lift(request: IncomingMessage): () => void;
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';

/**
 * Gives each request `ms` from its headers on until its body is whole. A later one is answered as an unreadable one is,
 * by the listener of `clientError`, and its connection is closed. The server's own `requestTimeout` would not do,
 * because it is one time for all requests, and an upload may take as long as it gets on.
 */
export function createBodyDeadlines(clock: Timers, ms: number): BodyDeadlines {
  const cancels = new WeakMap<IncomingMessage, () => void>();
  const watches = new WeakMap<IncomingMessage, () => void>();
  return {
    listener: (server, answer) => (request, response) => {
      if (hasBody(request)) {
        const watch = (): void => {
          const timer = clock.after(ms, () => {
            if (request.complete || request.socket.destroyed) return;
            // The client sends on what was refused long ago.
            if (response.writableEnded) return void request.socket.destroy();
            const error = Object.assign(new Error('the body did not arrive in time'), {
              code: 'ERR_HTTP_REQUEST_TIMEOUT',
            });
            server.emit('clientError', error, request.socket);
          });
          cancels.set(request, () => timer.cancel());
        };
        watches.set(request, watch);
        watch();
        request.once('close', () => cancels.get(request)?.());
      }
      answer(request, response);
    },
    lift(request) {
      cancels.get(request)?.();
      return () => {
        if (!request.complete && !request.destroyed) watches.get(request)?.();
      };
    },
  };
}
