import type { Differences, Peer, PingResult, Status, Verdict } from '../api/contract/node-entities.ts';
import type { CallOptions } from './request.ts';

/** The address of a peer: its base URL, or its multiaddr. */
export type PeerName = { readonly url: string } | { readonly multiaddr: string };

/** The peers of the node, and what repairs what differs from them. */
export interface PeersClient {
  /**
   * Lists what the node knows of every peer. Times are Unix ms.
   *
   * @throws nothing of its own
   * @example
   * for (const { peerId, lung, agreement } of await client.listPeers()) console.log(peerId, lung, agreement);
   */
  listPeers(options?: CallOptions): Promise<Peer[]>;

  /**
   * Adds a peer, which the node keeps across restarts. Resolves to false when the peer was known already.
   *
   * @throws `unauthorized`, `invalid-peer`, `too-many-peers`
   * @example
   * const added = await client.addPeer({ url: 'http://192.0.2.7:8000' });
   * console.log(added);
   */
  addPeer(peer: PeerName, options?: CallOptions): Promise<boolean>;

  /**
   * Removes a peer that an operator added.
   *
   * @throws `unauthorized`, `not-found`, `peer-configured`
   * @example
   * await client.removePeer({ url: 'http://192.0.2.7:8000' });
   */
  removePeer(peer: PeerName, options?: CallOptions): Promise<void>;

  /**
   * Has the node try a known peer over each lung, each within 4 s. `peer` is its peer id, its author key or its URL.
   * Round-trip times are in ms.
   *
   * @throws `unauthorized`, `not-found`
   * @example
   * const { results } = await client.pingPeer('http://192.0.2.7:8000');
   * for (const { lung, ok, rttMs } of results) console.log(lung, ok, rttMs);
   */
  pingPeer(peer: string, options?: CallOptions): Promise<PingResult>;

  /**
   * Finds which keys differ between the node and one of its peers, and lists at most `limit` of them (1 to 1,000; 100 by
   * default).
   *
   * @throws `unauthorized`, `not-found`, `peer-unreachable`, `overloaded`, or the code with which the peer refused
   * @example
   * const [peer] = await client.listPeers();
   * if (peer?.peerId !== undefined) console.log(await client.getDifferences(peer.peerId, { limit: 10 }));
   */
  getDifferences(peerId: string, options?: CallOptions & { readonly limit?: number | undefined }): Promise<Differences>;

  /**
   * Begins a check of the whole store. It is done when `scrub.completed` of the status is at least `round`.
   *
   * @throws `unauthorized`
   * @example
   * const { round } = await client.verifyStore();
   * console.log(round, (await client.getStatus()).scrub?.completed);
   */
  verifyStore(options?: CallOptions): Promise<{ round: number }>;

  /**
   * Has the node compare its state with that of every peer it reaches and repair what differs, and resolves when all of
   * these repairs have ended.
   *
   * @throws `unauthorized`; `deadline` after 30 s, while the repairs go on
   * @example
   * const { converged } = await client.syncNow();
   * console.log(converged.equal, 'of', converged.peers);
   */
  syncNow(options?: CallOptions): Promise<{
    converged: { peers: number; equal: number };
    verdict: Verdict;
    peers: Peer[];
  }>;

  /**
   * Sets which lungs may carry peers: `auto`, `p2p` or `http`. `reason` (1 to 200 characters) is shown in the status.
   *
   * @throws `unauthorized`, `invalid-body`
   * @example
   * const { message } = await client.setMode('http', { reason: 'P2P is blocked here' });
   * console.log(message);
   */
  setMode(
    mode: Status['mode'],
    options?: CallOptions & { readonly reason?: string | undefined },
  ): Promise<{ changed: boolean; mode: Status['mode']; message: string }>;
}
