import { ADDED_PEERS, type AddedPeers, decodeAddedPeers, encodeAddedPeers } from '../../core/rows/index.ts';
import { type Author, LatticeError } from '../../core/types/index.ts';
import { parseBaseUrl } from '../../core/wire/base-url.ts';
import { type Flaw, isFlaw } from '../../core/wire/host.ts';
import { parsePeerMultiaddr } from '../../core/wire/multiaddr.ts';
import type { Log, Store } from '../../ports/index.ts';
import type { Writer } from '../commit/writer.ts';
import type { PeerAddress } from '../facade/index.ts';
import type { Members } from '../fleet/members.ts';
import { twoReads } from '../storage/two-reads.ts';
import type { HttpSupervisor } from '../transport/lung-http.ts';

/** The bound for each of the two kinds. A fleet is some dozens of nodes; more can only be a script out of control. */
const MAX_ADDED = 64;

/** The peers that the configuration names. `authors` are those of its multiaddrs. */
export interface ConfiguredPeers extends AddedPeers {
  readonly authors: readonly Author[];
}

/** The peers that operators have added, as they are at present. The book of added peers alone replaces them. */
export interface AddedList {
  now: AddedPeers;
}

export interface AddedPeersDeps {
  readonly writer: Pick<Writer, 'keep'>;
  readonly added: AddedList;
  readonly configured: ConfiguredPeers;
  readonly self: Author;
  readonly http: Pick<HttpSupervisor, 'add' | 'remove' | 'find' | 'peers'>;
  readonly members: Pick<Members, 'configure' | 'release'>;
  /** Tells the P2P lung which addresses it should stay connected with, those of the configuration included. */
  readonly stayWith: (multiaddrs: readonly string[]) => void;
  /** Called when the list has changed, before anybody on it is dialled. */
  readonly onChange: () => void;
  readonly log: Log;
}

export interface AddedPeersBook {
  add(peer: PeerAddress): Promise<boolean>;
  remove(peer: PeerAddress): Promise<void>;
  /** Takes the peers that the configuration names from now on. Those that an operator added stay. */
  reconfigure(next: ConfiguredPeers): Promise<void>;
  /** The URLs among `urls` and the multiaddrs of `author` that an operator added, in the form that `remove` takes. */
  addressesOf(author: Author | undefined, urls: readonly string[]): readonly string[];
  /** Takes the membership from a peer that left one of our URLs, or was removed, unless something else names it. */
  release(author: Author): void;
}

/** A peer in the form in which it is stored and compared. */
interface Named {
  readonly kind: keyof AddedPeers;
  readonly text: string;
  /** Undefined for a URL, which does not tell who answers there. */
  readonly author: Author | undefined;
}

const invalid = (message: string, next: string): LatticeError => new LatticeError('invalid-peer', message, { next });

function nameOf(peer: PeerAddress): Named | Flaw {
  if ('url' in peer) {
    const text = parseBaseUrl(peer.url.trim());
    return isFlaw(text) ? text : { kind: 'urls', text, author: undefined };
  }
  const parsed = parsePeerMultiaddr(peer.multiaddr.trim());
  return isFlaw(parsed) ? parsed : { kind: 'multiaddrs', text: parsed.text, author: parsed.author };
}

/**
 * The peers that an earlier run stored, without those that this version does not accept. Rejects with LatticeError
 * `damaged-row`.
 */
export async function loadAddedPeers(store: Store): Promise<AddedPeers> {
  const [row] = await twoReads(store, ADDED_PEERS);
  if (row === undefined) return { urls: [], multiaddrs: [] };
  const { urls, multiaddrs } = decodeAddedPeers(row);
  const textOf = (peer: PeerAddress): string | [] => {
    const named = nameOf(peer);
    return isFlaw(named) ? [] : named.text;
  };
  return {
    urls: [...new Set(urls.flatMap((url) => textOf({ url })))],
    multiaddrs: [...new Set(multiaddrs.flatMap((multiaddr) => textOf({ multiaddr })))],
  };
}

/** The author whose peer id ends the multiaddr; undefined when it is no multiaddr of a node. */
export function multiaddrAuthor(multiaddr: string): Author | undefined {
  const parsed = parsePeerMultiaddr(multiaddr);
  return isFlaw(parsed) ? undefined : parsed.author;
}

/** The peers that operators add and remove while the node runs. They are kept in the store beside the state. */
export function createAddedPeers(deps: AddedPeersDeps): AddedPeersBook {
  const { writer, http, members, added, log } = deps;
  let { configured } = deps;
  /** Changes run one at a time, because each builds on the one before. */
  let turn: Promise<unknown> = Promise.resolve();

  function resolved(peer: PeerAddress): Named {
    const named = nameOf(peer);
    if (isFlaw(named)) {
      const what = 'url' in peer ? 'base URL' : 'address';
      throw invalid(`this is no ${what} of a node: ${named.rule}`, named.fix);
    }
    if (named.author === deps.self) throw invalid('this is the address of this node itself', 'name another node');
    return named;
  }

  const multiaddrsOf = (author: Author | undefined): readonly string[] =>
    author === undefined ? [] : added.now.multiaddrs.filter((address) => multiaddrAuthor(address) === author);

  // The peers that an earlier run stored count from the start.
  for (const address of added.now.multiaddrs) {
    const author = multiaddrAuthor(address);
    if (author !== undefined) members.configure(author);
  }
  stay();

  function stay(): void {
    deps.stayWith([...new Set([...configured.multiaddrs, ...added.now.multiaddrs])]);
  }

  async function keep(next: AddedPeers): Promise<void> {
    await writer.keep(() => [{ type: 'put', key: ADDED_PEERS, value: encodeAddedPeers(next) }]);
    added.now = next;
    deps.onChange();
  }

  function release(author: Author): void {
    const isNamed = http.peers().some((peer) => peer.author === author && !peer.announced);
    members.release(author, {
      url: http.find(author)?.url,
      configured: isNamed || configured.authors.includes(author) || multiaddrsOf(author).length > 0,
    });
  }

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = turn.then(work);
    turn = result.catch(() => undefined);
    return result;
  }

  return {
    addressesOf: (author, urls) => [...added.now.urls.filter((url) => urls.includes(url)), ...multiaddrsOf(author)],
    release,
    async add(peer) {
      const { kind, text, author } = resolved(peer);
      return inTurn(async () => {
        if (configured[kind].includes(text) || added.now[kind].includes(text)) return false;
        if (added.now[kind].length >= MAX_ADDED) {
          throw new LatticeError('too-many-peers', `${MAX_ADDED} peers of this kind are added already`, {
            next: 'remove some, or name them in the configuration',
          });
        }
        await keep({ ...added.now, [kind]: [...added.now[kind], text] });
        log.info({ [kind]: text }, 'peer added');
        stay();
        if (author === undefined) http.add(text);
        else members.configure(author);
        return true;
      });
    },
    reconfigure: (next) =>
      inTurn(async () => {
        const before = configured;
        configured = next;
        stay();
        for (const url of next.urls) http.add(url);
        for (const author of next.authors) members.configure(author);
        const gone = before.urls.filter((url) => !next.urls.includes(url) && !added.now.urls.includes(url));
        // Whoever answered at a URL is released as it leaves.
        for (const url of gone) http.remove(url);
        for (const author of before.authors) if (!next.authors.includes(author)) release(author);
      }),
    async remove(peer) {
      const { kind, text, author } = resolved(peer);
      return inTurn(async () => {
        if (!added.now[kind].includes(text)) {
          if (configured[kind].includes(text)) {
            throw new LatticeError('peer-configured', 'this peer stands in the configuration', {
              next: 'take it out of DIOTEC360_LATTICE_NODES or DIOTEC360_P2P_BOOTSTRAP, then run lattice config reload',
            });
          }
          throw new LatticeError('not-found', 'no such peer was added');
        }
        await keep({ ...added.now, [kind]: added.now[kind].filter((known) => known !== text) });
        log.info({ [kind]: text }, 'peer removed');
        stay();
        // Whoever answered at the URL is released as it leaves.
        if (author === undefined) http.remove(text);
        else release(author);
      });
    },
  };
}
