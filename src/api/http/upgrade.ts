import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Timers } from '../../timing/index.ts';

/** How long the other side of a refused connection may take to close it. */
const LINGER_MS = 1000;

/** What belongs to a request to change the protocol, beside its headers. */
export interface Upgrade {
  readonly socket: Duplex;
  /** The first bytes that came after the request. */
  readonly head: Buffer;
}

export interface Upgrades {
  /** The upgrade that a request asks for; undefined for an ordinary request. */
  of(request: FastifyRequest): Upgrade | undefined;
}

/**
 * The bytes of a request without the headers that ask for an upgrade, followed by `head`. A server may ignore the wish
 * to upgrade (RFC 9110 §7.8), and clients that would like HTTP/2 express it with every request.
 */
function withoutUpgrade(request: IncomingMessage, head: Buffer): Buffer {
  const { rawHeaders } = request;
  let text = `${request.method ?? 'GET'} ${request.url ?? '/'} HTTP/${request.httpVersion}\r\n`;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    if (/^(?:upgrade|connection|http2-settings)$/i.test(name)) continue;
    text += `${name}: ${rawHeaders[i + 1] ?? ''}\r\n`;
  }
  return Buffer.concat([Buffer.from(`${text}\r\n`, 'latin1'), head]);
}

/**
 * Lets requests for WebSocket pass the same checks, and get the same errors, as every other request. The route that
 * speaks WebSocket finds the socket in what this answers. A connection that asks to be upgraded before its earlier
 * requests are answered (`isBusy`) is cut. Call it before the routes are registered.
 */
export function acceptUpgrades(app: FastifyInstance, isBusy: (socket: Socket) => boolean, clock: Timers): Upgrades {
  const upgrades = new WeakMap<IncomingMessage, Upgrade>();
  app.server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    // The server has given the socket away, and does not handle its errors either.
    const onError = (): void => void socket.destroy();
    socket.on('error', onError);
    // The answer to an earlier request still has the socket, and there can be no other one beside it.
    if (isBusy(socket)) {
      socket.destroy();
      return;
    }
    if (request.headers.upgrade?.toLowerCase() !== 'websocket' || request.method !== 'GET') {
      // The server adds its own listeners once more, and a client may express its wish with each of many requests.
      socket.off('error', onError).removeAllListeners('timeout');
      socket.unshift(withoutUpgrade(request, head));
      app.server.emit('connection', socket);
      return;
    }
    upgrades.set(request, { socket, head });
    const response = new ServerResponse(request);
    response.assignSocket(socket);
    // A wish that was refused ends its connection, whatever the other side goes on to send.
    response.once('finish', () => {
      socket.end();
      const cut = clock.after(LINGER_MS, () => socket.destroy());
      socket.once('close', () => cut.cancel());
    });
    app.routing(request, response);
  });
  return { of: (request) => upgrades.get(request.raw) };
}
