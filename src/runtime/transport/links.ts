import type { SyncMode } from '../facade/index.ts';
import type { LungName } from '../peers/link.ts';
import type { Peer } from '../peers/peers.ts';
import type { Link } from './link.ts';
import type { HttpSupervisor } from './lung-http.ts';
import type { P2pSupervisor } from './lung-p2p.ts';

const REQUEST_TIMEOUT_MS = 10_000;

export interface LinksDeps {
  readonly p2p: Pick<P2pSupervisor, 'running' | 'request'>;
  readonly http: Pick<HttpSupervisor, 'find' | 'request'>;
  readonly mode: () => SyncMode;
}

/**
 * The way to a peer: over the lung that carries it, or over the other lung when only that one reaches it. Undefined
 * when neither does.
 */
export type LinkTo = (peer: Peer) => { readonly lung: LungName; readonly link: Link } | undefined;

export function createLinks({ p2p, http, mode }: LinksDeps): LinkTo {
  return (peer) => {
    const overP2p = peer.link.connected && mode() !== 'http' && p2p.running;
    const url = mode() === 'p2p' ? undefined : http.find(peer.author);
    if (url?.reachable === true && !(overP2p && peer.link.path.lung === 'p2p')) {
      return { lung: 'http', link: (message) => http.request(url.url, message, peer.author) };
    }
    return overP2p
      ? { lung: 'p2p', link: (message) => p2p.request(peer.author, message, REQUEST_TIMEOUT_MS) }
      : undefined;
  };
}
