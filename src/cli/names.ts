import type { CallOptions, Peer, Status } from '../client/index.ts';
import { counted, LatticeError } from '../core/types/index.ts';
import { peerIdToAuthor } from '../core/wire/peer-id.ts';
import type { ApiClient } from './client.ts';
import { usageError } from './context.ts';

/** Peers that an error lists at most. */
const LISTED = 20;
const HEX_32 = /^[0-9a-f]{64}$/i;
/** A peer id of an Ed25519 key, or an author key. In an address a peer id stays, so that the address can be used. */
const ID = /(?<!\/p2p\/)\b(?:12D3KooW[1-9A-HJ-NP-Za-km-z]{44}|[0-9a-f]{64})\b/g;

/** What people read for a peer: its name, made unique where two nodes share one, or else its URL or peer id. */
export function nameOf(peer: Omit<Peer, 'label'> & Partial<Pick<Peer, 'label'>>): string {
  return peer.label ?? peer.name ?? peer.url ?? peer.peerId ?? '(not known yet)';
}

/** Nodes in the order in which people look for them: that of their names. A node lists them by their keys. */
export function byName<T>(nodes: readonly T[], name: (node: T) => string): readonly T[] {
  return nodes.toSorted((a, b) => name(a).localeCompare(name(b), 'en', { numeric: true }));
}

/** The names of the nodes that a node knows, itself included. */
export interface Names {
  /** What people read for an author (nameOf); its key where the node does not know it. */
  ofAuthor(author: string): string;
  /** What people read for the node of a peer id; that id where the node does not know it. */
  ofPeer(peerId: string): string;
  /** A sentence of a node with names in place of the peer ids and author keys that it names. */
  inText(text: string): string;
}

/** Asks a node for the names that it knows. */
export async function readNames(
  client: Pick<ApiClient, 'getStatus' | 'listPeers'>,
  call: CallOptions = {},
): Promise<Names> {
  const [status, peers] = await Promise.all([client.getStatus(call), client.listPeers(call)]);
  return namesIn(status, peers);
}

export function namesIn(status: Pick<Status, 'name' | 'author' | 'peerId'>, peers: readonly Peer[]): Names {
  const byId = new Map<string, string>();
  const add = (id: string | undefined, name: string | undefined): void => {
    if (id !== undefined && name !== undefined && name !== '') byId.set(id, name);
  };
  for (const peer of peers) {
    add(peer.author, nameOf(peer));
    add(peer.peerId, nameOf(peer));
  }
  const own = peers.some(({ name }) => name === status.name) ? `${status.name} (this node)` : status.name;
  add(status.author, own);
  add(status.peerId, own);
  const find = (id: string): string => byId.get(id) ?? id;
  return { ofAuthor: find, ofPeer: find, inText: (text) => text.replace(ID, find) };
}

/**
 * The peer that the user names: by its name, or by its peer id, author key or URL. Rejects with LatticeError
 * `not-found`, and with `usage` where several nodes have that name.
 */
export async function findPeer(client: Pick<ApiClient, 'listPeers'>, given: string): Promise<Peer> {
  const peers = await client.listPeers();
  const url = given.replace(/\/+$/, '');
  const exact = peers.find(
    (peer) =>
      peer.peerId === given ||
      peer.author === given.toLowerCase() ||
      peer.url === url ||
      peer.alternatives?.includes(url) === true,
  );
  if (exact !== undefined) return exact;
  const labelled = peers.filter(({ label }) => label === given);
  const found = labelled.length === 1 ? labelled : peers.filter(({ name }) => name === given);
  const [first, second] = found;
  if (first !== undefined && second === undefined) return first;
  if (first !== undefined) {
    throw usageError(
      `${counted(found.length, 'node')} have the name ${JSON.stringify(given)}`,
      `Name one by its id: ${found.map(idOf).slice(0, LISTED).join(', ')}.`,
    );
  }
  throw new LatticeError('not-found', `the node knows no peer ${JSON.stringify(given)}`, {
    next:
      peers.length === 0
        ? 'It has no peers: lattice peers add URL adds one.'
        : `Its peers: ${peers.map(nameOf).slice(0, LISTED).join(', ')}.`,
  });
}

const idOf = (peer: Peer): string => peer.peerId ?? peer.url ?? '(not known yet)';

/** Whether a text is a peer id, an author key or a URL, and so needs no list of names to be understood. */
export function isId(given: string): boolean {
  return /^https?:\/\//.test(given) || HEX_32.test(given) || peerIdToAuthor(given) !== undefined;
}
