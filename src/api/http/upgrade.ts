import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';

/** What a request to change the protocol brought beside its headers. */
export interface Upgrade {
  readonly socket: Duplex;
  /** The first bytes behind the request. */
  readonly head: Buffer;
}

export interface Upgrades {
  /** Undefined: an ordinary request. */
  of(request: FastifyRequest): Upgrade | undefined;
}

/**
 * The request as it was, less its wish to upgrade, put back in front of what has not been read: a server may ignore the
 * wish (RFC 9110 §7.8), and clients that would like HTTP/2 express it with every request.
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
 * Requests to speak WebSocket take the way of every other request, with its checks and its errors; the route that
 * speaks it finds the socket here. Register before the routes.
 */
export function acceptUpgrades(app: FastifyInstance): Upgrades {
  const upgrades = new WeakMap<IncomingMessage, Upgrade>();
  app.server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    // The server has let go of the socket, and with it of its errors.
    socket.on('error', () => socket.destroy());
    if (request.headers.upgrade?.toLowerCase() !== 'websocket' || request.method !== 'GET') {
      socket.unshift(withoutUpgrade(request, head));
      app.server.emit('connection', socket);
      return;
    }
    upgrades.set(request, { socket, head });
    const response = new ServerResponse(request);
    response.assignSocket(socket);
    response.once('finish', () => socket.end());
    app.routing(request, response);
  });
  return { of: (request) => upgrades.get(request.raw) };
}
