import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type WebSocket, WebSocketServer } from 'ws';
import { LatticeError, parseUrl } from '../../../core/types/index.ts';
import type { EventSubscription, LatticeEvent } from '../../../runtime/facade/index.ts';
import type { Access } from '../../http/access.ts';
import type { RouteContext } from '../../http/deps.ts';
import { keepAlive } from '../../http/heartbeat.ts';
import type { StreamSlots } from '../../http/stream-slots.ts';
import type { Upgrades } from '../../http/upgrade.ts';
import { resumeAfter } from './events.ts';

/**
 * Bytes of events that may wait for a reader. One that is further behind is closed, so that slow readers cannot fill
 * the memory; it connects again with its last id.
 */
const MAX_BEHIND_BYTES = 1024 * 1024;
/** Bytes of a message from a client. What clients send is ignored, so that they have no reason to send more. */
const MAX_MESSAGE_BYTES = 1024;
// Close codes of WebSocket (RFC 6455 §7.4.1; 1013 stands in IANA's registry only).
const GOING_AWAY = 1001;
const INTERNAL_ERROR = 1011;
const TRY_AGAIN_LATER = 1013;
const POLICY_VIOLATION = 1008;

/**
 * Refuses pages of other origins, unless CORS allows them. Browsers let any page open a WebSocket and only name its
 * origin in the request. Programs name none and are let in. Throws LatticeError `origin-refused`.
 */
function checkOrigin(request: FastifyRequest, allowed: readonly string[]): void {
  const { origin, host } = request.headers;
  if (origin === undefined || allowed.includes('*') || allowed.includes(origin)) return;
  const page = parseUrl(origin);
  if (page !== undefined && page.host === host?.toLowerCase()) return;
  throw new LatticeError('origin-refused', 'pages of this origin may not read the events', {
    next: 'add the origin to DIOTEC360_CORS_ORIGINS',
  });
}

/** A token of RFC 9110 §5.6.2, and the base64 of 16 bytes. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const HANDSHAKE_KEY = /^[+/0-9A-Za-z]{22}==$/;
const VERSION = '13';

/**
 * Refuses what the ws package would refuse with a text of its own (RFC 6455 §4.2.1), so that a refused handshake is
 * answered as any other request. LatticeError `invalid-header` or `upgrade-required`.
 */
function checkHandshake({ headers }: FastifyRequest, reply: FastifyReply): void {
  if (headers['sec-websocket-version'] !== VERSION) {
    void reply.header('sec-websocket-version', VERSION);
    throw new LatticeError('upgrade-required', `this address speaks version ${VERSION} of WebSocket`, {
      next: `send Sec-WebSocket-Version: ${VERSION}`,
    });
  }
  if (!HANDSHAKE_KEY.test(headers['sec-websocket-key'] ?? ''))
    throw new LatticeError('invalid-header', 'Sec-WebSocket-Key has to be the base64 of 16 bytes');
  const offered = headers['sec-websocket-protocol']?.split(',').map((name) => name.trim()) ?? [];
  if (!offered.every((name) => TOKEN.test(name)) || new Set(offered).size < offered.length)
    throw new LatticeError('invalid-header', 'Sec-WebSocket-Protocol has to be a list of different names');
}

/** The route of events over WebSocket, and what closes its sockets. */
export interface EventSockets {
  readonly routes: (scope: FastifyInstance) => Promise<void>;
  /** Closes every socket with 1001, because the node stops. */
  close(): void;
}

/** GET /api/v1/events/ws: the events of /api/v1/events over WebSocket, one JSON text message each (SPEC A21). */
export function eventSockets(
  context: RouteContext,
  access: Pick<Access, 'holds'>,
  slots: StreamSlots,
  upgrades: Upgrades,
  heartbeatMs: number,
): EventSockets {
  const { lattice, config, inTime } = context;
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: true,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
  });
  /** Sockets that have answered since the last ping. */
  const alive = new WeakSet<WebSocket>();
  /** What each socket was opened by. */
  const requests = new WeakMap<WebSocket, FastifyRequest>();

  /** Closes a socket whose token counts no more. */
  function endsByToken(socket: WebSocket): boolean {
    const request = requests.get(socket);
    if (request === undefined || access.holds(request)) return false;
    socket.close(POLICY_VIOLATION, 'the token is no longer valid');
    return true;
  }

  function serve(socket: WebSocket, request: FastifyRequest, after: string | undefined, release: () => void): void {
    requests.set(socket, request);
    let subscription: EventSubscription | undefined;
    let closed = false;
    alive.add(socket);
    socket.on('pong', () => alive.add(socket));
    // The ws package itself closes a socket that has an error, with the right close code.
    socket.on('error', () => undefined);
    socket.once('close', () => {
      closed = true;
      subscription?.close();
      release();
    });
    const send = (event: LatticeEvent): boolean => {
      if (socket.readyState !== socket.OPEN || endsByToken(socket)) return false;
      const text = JSON.stringify(event);
      if (socket.bufferedAmount + text.length > MAX_BEHIND_BYTES) {
        socket.close(TRY_AGAIN_LATER, 'the reader is too slow');
        return false;
      }
      socket.send(text);
      return true;
    };
    const opening = lattice.subscribe(after, send, () => socket.close(TRY_AGAIN_LATER, 'the node ended the events'));
    const adopted = opening.then((source) => {
      if (closed) source.close();
      else subscription = source;
    });
    inTime(adopted).catch((cause: unknown) => {
      const busy = cause instanceof LatticeError && cause.code === 'overloaded';
      socket.close(busy ? TRY_AGAIN_LATER : INTERNAL_ERROR, 'the events could not be opened');
    });
  }

  return {
    async routes(scope) {
      keepAlive(scope, context, heartbeatMs, () => {
        for (const socket of server.clients) {
          if (endsByToken(socket)) continue;
          if (!alive.delete(socket)) socket.terminate();
          else socket.ping();
        }
      });
      scope.addHook('onClose', async () => {
        for (const socket of server.clients) socket.terminate();
      });

      scope.get('/api/v1/events/ws', { exposeHeadRoute: false }, async (request, reply) => {
        const upgrade = upgrades.of(request);
        if (upgrade === undefined) {
          throw new LatticeError('upgrade-required', 'this address speaks WebSocket', {
            next: 'connect with a WebSocket client, or read the same events at /api/v1/events',
          });
        }
        checkHandshake(request, reply);
        checkOrigin(request, config.api.corsOrigins);
        const after = resumeAfter(request);
        const release = slots.take(request);
        reply.hijack();
        const { socket, head } = upgrade;
        // A handshake that ws refuses never becomes a WebSocket. Then the end of the TCP socket gives the slot back.
        socket.once('close', release);
        if ('detachSocket' in reply.raw) reply.raw.detachSocket(request.raw.socket);
        server.handleUpgrade(request.raw, socket, head, (webSocket) => serve(webSocket, request, after, release));
        return reply;
      });
    },
    close() {
      for (const socket of server.clients) socket.close(GOING_AWAY, 'the node stops');
    },
  };
}
