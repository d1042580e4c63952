import type { Connection } from '@libp2p/interface';
import type { Author } from '../../core/types/index.ts';
import { peerIdToAuthor } from '../../core/wire/peer-id.ts';
import type { Log, P2pHandlers } from '../../ports/index.ts';
import { toReason } from './reasons.ts';

export interface ConnectedPeers {
  /** Compares the open connections with what the handlers were told, and tells them the difference. */
  update(): void;
  /** Tells the handlers that every peer is disconnected. */
  clear(): void;
  authorOf(peerId: string): Author | undefined;
}

/**
 * Knows which peers are connected. A peer counts once however many connections it has. libp2p's own events are only a
 * reason to call `update`, because libp2p may omit either of them for a connection that closes while it opens.
 */
export function createConnectedPeers(deps: {
  log: Log;
  handlers: Pick<P2pHandlers, 'onConnected' | 'onDisconnected'>;
  connections(): readonly Connection[];
}): ConnectedPeers {
  const { log, handlers } = deps;
  const present = new Map<string, Author | undefined>();

  const tell = (run: (author: Author) => void, author: Author | undefined): void => {
    if (author === undefined) return;
    try {
      run(author);
    } catch (cause) {
      log.error({ reason: toReason(cause) }, 'connection handler failed');
    }
  };

  const settle = (connections: readonly Connection[]): void => {
    const open = new Map(connections.map((connection) => [connection.remotePeer.toString(), connection]));
    for (const [peerId, author] of present) {
      if (open.has(peerId)) continue;
      present.delete(peerId);
      log.info({ peer: peerId }, 'peer disconnected');
      tell((gone) => handlers.onDisconnected(gone), author);
    }
    for (const [peerId, connection] of open) {
      if (present.has(peerId)) continue;
      const author = peerIdToAuthor(peerId);
      present.set(peerId, author);
      log.info(
        { peer: peerId, address: connection.remoteAddr.toString(), direction: connection.direction },
        'peer connected',
      );
      tell((come) => handlers.onConnected(come), author);
    }
  };

  return {
    update: () => settle(deps.connections()),
    clear: () => settle([]),
    authorOf: (peerId) => present.get(peerId) ?? peerIdToAuthor(peerId),
  };
}
