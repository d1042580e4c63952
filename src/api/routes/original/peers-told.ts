import type { Lattice, NodeStatus } from '../../../runtime/facade/index.ts';

/** What the original's endpoints tell of peers and of HTTP sync (SPEC Q7). */
export interface PeersTold {
  /** Other nodes that are connected over P2P or reached over HTTP, each once. */
  readonly peerCount: number;
  /** Whether HTTP carries a peer, or would: it does in mode http, and in mode auto unless P2P carries all there are. */
  readonly httpSync: boolean;
}

export function peersTold(lattice: Pick<Lattice, 'peers'>, { mode, syncMode }: NodeStatus): PeersTold {
  const peers = lattice.peers();
  const isCarriedByHttp = peers.some(({ lung }) => lung === 'http');
  return {
    peerCount: peers.filter(({ p2p, http }) => p2p.connected || http.reachable).length,
    httpSync: mode === 'http' || (mode === 'auto' && (isCarriedByHttp || syncMode !== 'P2P')),
  };
}
