import type { AddedPeers } from '../../core/rows/index.ts';
import type { Author } from '../../core/types/index.ts';
import { loadBootstrap, type SavedBootstrap } from '../bootstrap/record.ts';
import type { NodeDeps, NodeOptions } from '../facade/options.ts';
import { type KnownAuthors, loadKnownAuthors } from '../fleet/known-authors.ts';
import { createTrust, type TrustOwner } from '../fleet/trust.ts';
import { type OpenedState, openState, readable } from '../storage/startup.ts';
import { loadAddedPeers } from '../upkeep/added-peers.ts';

/** What a node finds when it starts: its verified state, and what an earlier run stored beside it. */
export interface OpenedNode extends OpenedState {
  readonly self: Author;
  readonly trust: TrustOwner;
  readonly known: KnownAuthors;
  readonly bootstrap: SavedBootstrap;
  readonly addedPeers: AddedPeers;
}

/** Opens and verifies the state. Rejects when the store does not verify, and leaves the store as it is. */
export async function openNode(options: NodeOptions, deps: NodeDeps): Promise<OpenedNode> {
  const { store, hasher, random } = deps;
  const self = deps.signer.author;
  const trust = createTrust(options.trusted, self, hasher);
  const { directory } = options;
  const log = deps.log.child('node');
  const known = await readable(directory, () => loadKnownAuthors({ store, log }, trust.authors));
  const state = await openState({
    store,
    hasher,
    random,
    network: options.network,
    self,
    isKnown: known.has,
    directory,
  });
  return {
    ...state,
    self,
    trust,
    known,
    bootstrap: await readable(directory, () => loadBootstrap(store)),
    addedPeers: await readable(directory, () => loadAddedPeers(store)),
  };
}
