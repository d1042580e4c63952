import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Requests of a connection that may wait while one is answered. Few programs send a request before they have the answer
 * to the last one, and those that do have a handful under way.
 */
const MAX_WAITING = 8;
/**
 * Requests beyond those that are passed over, because they arrive faster than the connection can be ended. Each of them
 * takes some KiB until then. A connection that brings more is cut.
 */
const MAX_PASSED_OVER = 64;

interface Waiting {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

interface Line {
  readonly waiting: Waiting[];
  /** Whether the last one that waits ends the connection. */
  isEnding: boolean;
  passedOver: number;
}

/** Answers the requests of each connection one after the other. */
export interface OneAtATime {
  listener(answer: RequestListener): RequestListener;
  /** Whether a request of the connection is being answered. */
  isBusy(socket: Socket): boolean;
}

/**
 * A client that sends many requests at once cannot have them all answered into memory before it reads the first answer:
 * each begins when the answer before it has been handed to the operating system. When MAX_WAITING wait, the connection
 * ends after those; RFC 9112 §9.3.2 has clients send the others again. `onIdle` is called when a connection has had the
 * answers to all that it asked.
 */
export function oneAtATime(onIdle: (socket: Socket) => void): OneAtATime {
  const lines = new WeakMap<Socket, Line>();

  return {
    isBusy: (socket) => lines.has(socket),
    listener(answer) {
      function begin(socket: Socket, line: Line, { request, response }: Waiting): void {
        response.once('close', () => {
          const next = line.waiting.shift();
          if (next !== undefined && !socket.destroyed) return begin(socket, line, next);
          lines.delete(socket);
          onIdle(socket);
        });
        answer(request, response);
      }

      return (request, response) => {
        const { socket } = request;
        const line = lines.get(socket);
        if (line === undefined) {
          const first: Line = { waiting: [], isEnding: false, passedOver: 0 };
          lines.set(socket, first);
          begin(socket, first, { request, response });
        } else if (!line.isEnding) {
          line.waiting.push({ request, response });
          if (line.waiting.length === MAX_WAITING) {
            response.setHeader('connection', 'close');
            line.isEnding = true;
          }
        } else if (++line.passedOver > MAX_PASSED_OVER) {
          socket.destroy();
        }
      };
    },
  };
}
