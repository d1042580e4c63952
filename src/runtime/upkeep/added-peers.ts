import { ADDED_PEERS, type AddedPeers, decodeAddedPeers, encodeAddedPeers } from '../../core/rows/index.ts';
import { type Author, LatticeError } from '../../core/types/index.ts';
import { peerIdToAuthor } from '../../core/wire/peer-id.ts';
import type { Store } from '../../ports/index.ts';
import type { Writer } from '../commit/writer.ts';
import type { PeerAddress } from '../facade/facade.ts';

/** Of each kind. A fleet is some dozens of nodes; more is a script that runs wild. */
const MAX_ADDED = 64;
const MAX_URL = 2048;
const MAX_MULTIADDR = 1024;
const MULTIADDR =
  /^\/(?:ip4|ip6|dns|dns4|dns6)\/[^/]+\/tcp\/([1-9][0-9]{0,4})(?:\/ws|\/wss|\/tls\/ws)?\/p2p\/([1-9A-HJ-NP-Za-km-z]+)$/;

export interface AddedPeersDeps {
  readonly store: Store;
  readonly writer: Writer;
  readonly added: AddedPeers;
  readonly configured: AddedPeers;
  readonly self: Author;
  readonly onFatal: (error: unknown) => void;
  /** Called after the change is durable. */
  readonly onChange: (
    now: AddedPeers,
    changed: { readonly peer: PeerAddress; readonly author: Author | undefined; readonly kept: boolean },
  ) => void;
}

export interface AddedPeersBook {
  add(peer: PeerAddress): Promise<boolean>;
  remove(peer: PeerAddress): Promise<void>;
  hasUrl(url: string): boolean;
  hasAuthor(author: Author): boolean;
}

const invalid = (message: string, next: string): LatticeError => new LatticeError('invalid-peer', message, { next });

/** What an earlier run wrote down. LatticeError `damaged-row`. */
export async function loadAddedPeers(store: Store): Promise<AddedPeers> {
  const row = await store.get(ADDED_PEERS);
  return row === undefined ? { urls: [], multiaddrs: [] } : decodeAddedPeers(row);
}

/** The author whose peer id ends the multiaddr; undefined when it is no multiaddr of a node. */
export function multiaddrAuthor(multiaddr: string): Author | undefined {
  const [, port, id] = MULTIADDR.exec(multiaddr) ?? [];
  return id === undefined || Number(port) > 65_535 ? undefined : peerIdToAuthor(id);
}

/** A base URL in the one form that it is compared in. */
function normalUrl(text: string): string {
  const fix = 'write it as in https://node.example.org or http://192.0.2.1:8000';
  const parts = /^(https?):\/\/([^/?#@\s\\]+)((?:\/[^?#\s\\]*)?)$/i.exec(text.trim());
  if (parts === null || text.length > MAX_URL)
    throw invalid('this is no base URL of a node: http or https, no user, query or fragment', fix);
  const [, scheme = '', host = '', path = ''] = parts;
  if (!/^(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i.test(host)) throw invalid('this URL has no valid host', fix);
  return `${scheme.toLowerCase()}://${host.toLowerCase()}${path.replace(/\/+$/, '')}`;
}

/** Peers that operators add and remove while the node runs, kept in the store beside the state. */
export function createAddedPeers(deps: AddedPeersDeps): AddedPeersBook {
  const { store, writer, configured } = deps;
  let now = deps.added;
  /** One change at a time: each builds on the one before. */
  let turn: Promise<unknown> = Promise.resolve();

  function resolved(peer: PeerAddress): {
    readonly kind: keyof AddedPeers;
    readonly text: string;
    readonly author: Author | undefined;
  } {
    if ('url' in peer) return { kind: 'urls', text: normalUrl(peer.url), author: undefined };
    const text = peer.multiaddr.trim();
    const author = text.length > MAX_MULTIADDR ? undefined : multiaddrAuthor(text);
    if (author === undefined) {
      throw invalid('this is no address of a node', 'write it as in /dns4/node.example.org/tcp/9000/p2p/12D3KooW…');
    }
    if (author === deps.self) throw invalid('this is the address of this node itself', 'name another node');
    return { kind: 'multiaddrs', text, author };
  }

  async function keep(next: AddedPeers): Promise<void> {
    await writer.read(async () => {
      try {
        await store.batch([{ type: 'put', key: ADDED_PEERS, value: encodeAddedPeers(next) }]);
      } catch (cause) {
        const error = new LatticeError('store-write-failed', 'the added peers could not be written', { cause });
        deps.onFatal(error);
        throw error;
      }
    });
    now = next;
  }

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = turn.then(work);
    turn = result.catch(() => undefined);
    return result;
  }

  return {
    hasUrl: (url) => now.urls.includes(url),
    hasAuthor: (author) => now.multiaddrs.some((address) => multiaddrAuthor(address) === author),
    async add(peer) {
      const { kind, text, author } = resolved(peer);
      return inTurn(async () => {
        if (configured[kind].includes(text) || now[kind].includes(text)) return false;
        if (now[kind].length >= MAX_ADDED) {
          throw new LatticeError('too-many-peers', `${MAX_ADDED} peers of this kind are added already`, {
            next: 'remove some, or name them in the configuration',
          });
        }
        await keep({ ...now, [kind]: [...now[kind], text] });
        deps.onChange(now, { peer: kind === 'urls' ? { url: text } : { multiaddr: text }, author, kept: true });
        return true;
      });
    },
    async remove(peer) {
      const { kind, text, author } = resolved(peer);
      return inTurn(async () => {
        if (!now[kind].includes(text)) {
          if (configured[kind].includes(text)) {
            throw new LatticeError('peer-configured', 'this peer stands in the configuration', {
              next: 'take it out of DIOTEC360_LATTICE_NODES or DIOTEC360_P2P_BOOTSTRAP and restart the node',
            });
          }
          throw new LatticeError('not-found', 'no such peer was added');
        }
        await keep({ ...now, [kind]: now[kind].filter((known) => known !== text) });
        deps.onChange(now, { peer: kind === 'urls' ? { url: text } : { multiaddr: text }, author, kept: false });
      });
    },
  };
}
