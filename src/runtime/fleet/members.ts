import type { Author } from '../../core/types/index.ts';
import { setConfigured, setUrl } from '../peers/link.ts';
import type { PeerTable } from '../peers/peers.ts';
import type { Roster } from './roster.ts';

/** Who may sync with this node: trusted authors, and the peers that are configured (SPEC S9). */
export interface Members {
  has(author: Author): boolean;
  /** Whether there is a member beside this node itself. */
  any(): boolean;
  /** Lists every trusted author as a peer, even one that no message has come from. To be called with each new list. */
  listTrusted(): void;
  /** Makes a member of a peer that the configuration or an operator names. */
  configure(author: Author): void;
  /**
   * Takes the URL of the author who proved to be the one that answers there. One that is `configured` makes it a member;
   * one that it announced does not.
   */
  foundAt(author: Author, url: string, configured: boolean): void;
  /**
   * Notes that an operator removed a peer, or that another one answers at a URL that was its own. `left` is what is still
   * known of it; where nothing configures it, only the roster can make it a member.
   */
  release(author: Author, left: { readonly url: string | undefined; readonly configured: boolean }): void;
}

export function createMembers(deps: {
  readonly self: Author;
  readonly roster: Pick<Roster, 'authors' | 'has' | 'present'>;
  readonly peers: PeerTable;
}): Members {
  const { self, roster, peers } = deps;
  function listTrusted(): void {
    for (const author of roster.authors) if (author !== self) peers.ensure(author);
  }
  listTrusted();

  return {
    // A key that left the fleet, or was left out of it, stays out, whatever address the configuration still names.
    has(author) {
      const { departed, leftOut } = roster.present.state;
      if (leftOut.has(author)) return false;
      return roster.has(author) || (peers.get(author)?.link.configured === true && !departed.has(author));
    },
    listTrusted,
    any: () =>
      roster.authors.some((author) => author !== self && !roster.present.state.leftOut.has(author)) ||
      [...peers.all()].some(({ link }) => link.configured),
    configure(author) {
      if (author === self) return;
      const peer = peers.ensure(author);
      if (peer !== undefined) setConfigured(peer.link, true);
    },
    foundAt(author, url, configured) {
      const peer = peers.ensure(author);
      if (peer === undefined) return;
      if (configured) setConfigured(peer.link, true);
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
