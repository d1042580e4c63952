import { decodeCbor, encodeCbor } from '../../core/cbor/index.ts';
import { metaKey } from '../../core/rows/index.ts';
import { type Author, LatticeError } from '../../core/types/index.ts';
import { parseBaseUrl } from '../../core/wire/base-url.ts';
import { type Flaw, isFlaw } from '../../core/wire/host.ts';
import { parsePeerMultiaddr } from '../../core/wire/multiaddr.ts';
import type { Store } from '../../ports/index.ts';
import type { Writer } from '../commit/writer.ts';
import type { PeerAddress } from '../facade/facade.ts';

const ROW = metaKey('added-peers');
/** Of each kind. A fleet is some dozens of nodes; more is a script that runs wild. */
const MAX_ADDED = 64;

/** Peers that operators added, as they were written down. */
export interface AddedPeers {
  readonly urls: readonly string[];
  readonly multiaddrs: readonly string[];
}

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

/** A peer as it is written down and compared. */
interface Named {
  readonly kind: keyof AddedPeers;
  readonly text: string;
  /** Undefined of a URL, which does not tell who answers there. */
  readonly author: Author | undefined;
}

const invalid = (message: string, next: string): LatticeError => new LatticeError('invalid-peer', message, { next });
const isList = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');

function nameOf(peer: PeerAddress): Named | Flaw {
  if ('url' in peer) {
    const text = parseBaseUrl(peer.url.trim());
    return isFlaw(text) ? text : { kind: 'urls', text, author: undefined };
  }
  const parsed = parsePeerMultiaddr(peer.multiaddr.trim());
  return isFlaw(parsed) ? parsed : { kind: 'multiaddrs', text: parsed.text, author: parsed.author };
}

/** What an earlier run wrote down, without what this version does not take. A row that does not parse is damage. */
export async function loadAddedPeers(store: Store): Promise<AddedPeers> {
  const row = await store.get(ROW);
  if (row === undefined) return { urls: [], multiaddrs: [] };
  const items: unknown = decodeCbor(row);
  if (!Array.isArray(items) || !isList(items[0]) || !isList(items[1]))
    throw new LatticeError('damaged-row', 'the row of added peers does not parse');
  const textOf = (peer: PeerAddress): string | [] => {
    const named = nameOf(peer);
    return isFlaw(named) ? [] : named.text;
  };
  return {
    urls: [...new Set(items[0].flatMap((url) => textOf({ url })))],
    multiaddrs: [...new Set(items[1].flatMap((multiaddr) => textOf({ multiaddr })))],
  };
}

/** The author whose peer id ends the multiaddr; undefined when it is no multiaddr of a node. */
export function multiaddrAuthor(multiaddr: string): Author | undefined {
  const parsed = parsePeerMultiaddr(multiaddr);
  return isFlaw(parsed) ? undefined : parsed.author;
}

/** Peers that operators add and remove while the node runs, kept in the store beside the state. */
export function createAddedPeers(deps: AddedPeersDeps): AddedPeersBook {
  const { store, writer, configured } = deps;
  let now = deps.added;
  /** One change at a time: each builds on the one before. */
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

  async function keep(next: AddedPeers): Promise<void> {
    await writer.read(async () => {
      try {
        await store.batch([{ type: 'put', key: ROW, value: encodeCbor([next.urls, next.multiaddrs]) }]);
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
