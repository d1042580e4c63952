import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LatticeError } from '../../core/types/index.ts';
import type { Timers } from '../../timing/index.ts';
import type { ApiLog, ApiMetrics } from './deps.ts';

/** Connections that are told at a time why they are refused; each takes a descriptor. Others are only closed. */
const MAX_TOLD = 16;
/** How long a connection that is refused may take to ask, and so to hear why. */
const TELL_MS = 2000;
/** The log says once in this time that connections are refused. */
const LOG_EVERY_MS = 60_000;

/** Refuses new connections while the process has too few file descriptors left for its store and its lungs. */
export interface Shedding {
  watch(server: Server): void;
  /** Throws LatticeError `no-descriptors` for a request on a connection that is refused, which is closed afterwards. */
  check(request: FastifyRequest, reply: FastifyReply): void;
}

export function createShedding(deps: {
  readonly hasRoom: () => boolean;
  readonly clock: Timers;
  readonly log: ApiLog;
  readonly metrics: ApiMetrics | undefined;
}): Shedding {
  const told = new WeakSet<Socket>();
  let telling = 0;
  let loggedAt = -Infinity;

  function refuse(socket: Socket): void {
    deps.metrics?.count('lattice_connections_refused_total', { lung: 'http' });
    const now = performance.now();
    if (now - loggedAt >= LOG_EVERY_MS) {
      loggedAt = now;
      deps.log.warn({}, 'new connections to the API are refused, because too few file descriptors are left');
    }
    if (telling >= MAX_TOLD) return void socket.destroy();
    telling++;
    told.add(socket);
    const cut = deps.clock.after(TELL_MS, () => socket.destroy());
    socket.once('close', () => {
      telling--;
      cut.cancel();
    });
  }

  return {
    watch(server) {
      server.on('connection', (socket: Socket) => {
        // A connection whose wish to upgrade was passed over comes here a second time.
        if (!told.has(socket) && !deps.hasRoom()) refuse(socket);
      });
    },
    check(request, reply) {
      if (!told.has(request.raw.socket)) return;
      reply.header('connection', 'close');
      throw new LatticeError('no-descriptors', 'the node has too few file descriptors left for more connections', {
        next: 'close connections that are not needed, or raise the limit of the process (ulimit -n, LimitNOFILE)',
        details: { retryAfterMs: 5000 },
      });
    },
  };
}
