import { type Author, LatticeError } from '../../core/types/index.ts';
import { parseBaseUrl } from '../../core/wire/base-url.ts';
import type { SyncMessage } from '../../core/wire/index.ts';
import type { Clock, HttpLung } from '../../ports/index.ts';
import type { Lattice, PingOutcome } from '../facade/index.ts';
import { findPeer } from '../fleet/find-peer.ts';
import type { Names } from '../fleet/names.ts';
import type { PeerTable } from '../peers/peers.ts';
import { ask } from './link.ts';
import type { HttpSupervisor } from './lung-http.ts';
import type { P2pSupervisor } from './lung-p2p.ts';

/** A peer that needs longer could not carry anything within seconds. */
const TIMEOUT_MS = 4_000;

export interface PingDeps {
  readonly clock: Clock;
  readonly peers: PeerTable;
  readonly p2p: P2pSupervisor;
  readonly http: HttpSupervisor;
  readonly lung: HttpLung;
  readonly peerIdOf: (author: Author) => string;
  readonly names: Pick<Names, 'of' | 'label'>;
  readonly hello: (author: Author) => SyncMessage;
}

/** Tries a peer over both lungs at once, whichever carries it, by a small exchange that changes nothing. */
export function createPing(deps: PingDeps): Lattice['pingPeer'] {
  const { clock, p2p, http } = deps;

  async function timed(lung: PingOutcome['lung'], work: () => Promise<unknown>): Promise<PingOutcome> {
    const from = clock.monotonic();
    try {
      await work();
      return { lung, ok: true, rttMs: Math.round((clock.monotonic() - from) * 10) / 10 };
    } catch (error) {
      return { lung, ok: false, error: error instanceof Error ? error.message : String(error) };
    }
  }

  return async (name) => {
    const baseUrl = parseBaseUrl(name);
    const byUrl = http.peers().find((p) => p.url === baseUrl);
    const peer = byUrl?.author === undefined ? findPeer(name, deps.peers.all(), deps) : deps.peers.get(byUrl.author);
    const url = byUrl ?? (peer === undefined ? undefined : http.find(peer.author));
    const author = peer?.author ?? url?.author;
    if (peer === undefined && url === undefined) {
      throw new LatticeError('not-found', 'no peer of this name is known', {
        next: 'see those that are with lattice peers, or add it first',
      });
    }
    const tries: Promise<PingOutcome>[] = [];
    if (author !== undefined && p2p.status().enabled) {
      tries.push(timed('p2p', () => ask((message) => p2p.request(author, message, TIMEOUT_MS), deps.hello(author))));
    }
    if (url !== undefined) {
      const options = { timeoutMs: TIMEOUT_MS };
      tries.push(
        timed('http', () =>
          author === undefined
            ? deps.lung.identify(url.url, options)
            : ask((message) => deps.lung.request(url.url, message, { ...options, expect: author }), deps.hello(author)),
        ),
      );
    }
    return { peer: author === undefined ? name : deps.peerIdOf(author), results: await Promise.all(tries) };
  };
}
