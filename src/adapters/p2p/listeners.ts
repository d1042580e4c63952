import { Server, type Socket } from 'node:net';
import type { Listener } from '@libp2p/interface';
import type { Clock, Timer } from '../../ports/index.ts';
import { MAX_SOCKETS, UPGRADE_TIMEOUT_MS } from './limits.ts';

export interface SocketGuard {
  /** Destroys every socket that the listeners accepted and that is still open. */
  destroy(): void;
}

/**
 * Bounds the sockets of libp2p's listeners. libp2p's WebSocket listener neither limits their number nor closes one that
 * never sends a byte. Such a socket would stay for ever and keep `stop` from ending. A socket for which `mayAccept`
 * answers false is closed at once.
 */
export function guardSockets(clock: Clock, listeners: readonly Listener[], mayAccept: () => boolean): SocketGuard {
  const sockets = new Map<Socket, Timer>();
  for (const listener of listeners) {
    const server = 'server' in listener ? listener.server : undefined;
    if (!(server instanceof Server)) continue;
    server.maxConnections = MAX_SOCKETS;
    server.on('connection', (socket: Socket) => {
      if (!mayAccept()) {
        socket.destroy();
        return;
      }
      const timer = clock.after(UPGRADE_TIMEOUT_MS, () => {
        if (socket.bytesRead === 0) socket.destroy();
      });
      sockets.set(socket, timer);
      socket.once('close', () => {
        timer.cancel();
        sockets.delete(socket);
      });
    });
  }
  return {
    destroy() {
      for (const [socket, timer] of sockets) {
        timer.cancel();
        socket.destroy();
      }
      sockets.clear();
    },
  };
}
