import type { Author } from '../../core/types/index.ts';
import { setConfigured, setUrl } from '../peers/link.ts';
import type { PeerTable } from '../peers/peers.ts';
import type { Trust } from './trust.ts';

/** Who may sync with this node: trusted authors, and the peers that it is configured with (SPEC S9). */
export interface Members {
  has(author: Author): boolean;
  /** A peer that the configuration or an operator names. */
  configure(author: Author): void;
  /** The author proved at this URL of ours that it is the one who answers there. */
  foundAt(author: Author, url: string): void;
  /** An operator removed a peer: it is a member from here on only where something else says so. */
  release(author: Author, left: { readonly url: string | undefined; readonly configured: boolean }): void;
}

export function createMembers(deps: {
  readonly self: Author;
  readonly trust: Trust;
  readonly peers: PeerTable;
}): Members {
  const { self, trust, peers } = deps;
  // Trusted authors are listed whether or not anybody has heard of them yet.
  for (const author of trust.authors) if (author !== self) peers.ensure(author);

  return {
    has: (author) => trust.has(author) || peers.get(author)?.link.configured === true,
    configure(author) {
      if (author === self) return;
      const peer = peers.ensure(author);
      if (peer !== undefined) setConfigured(peer.link, true);
    },
    foundAt(author, url) {
      const peer = peers.ensure(author);
      if (peer === undefined) return;
      setConfigured(peer.link, true);
      setUrl(peer.link, url);
    },
    release(author, { url, configured }) {
      const peer = peers.get(author);
      if (peer === undefined) return;
      setUrl(peer.link, url);
      setConfigured(peer.link, configured);
    },
  };
}
