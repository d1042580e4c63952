import { lastHlcAt } from '../../core/clock/index.ts';
import {
  COLLECTORS,
  type CollectionRecord,
  type DisplacedTotals,
  HEADER_READERS,
  type InvitationRow,
  type RememberedPeer,
  type StoredToken,
} from '../../core/rows/index.ts';
import type { Author } from '../../core/types/index.ts';
import { loadBootstrap, type SavedBootstrap } from '../bootstrap/record.ts';
import type { KeptEvidence } from '../commit/contradictions.ts';
import { loadEvidence } from '../commit/saved-evidence.ts';
import { type KeptPair, loadSignedTwice } from '../commit/signed-twice.ts';
import { collectedBy } from '../cuts/collected-at.ts';
import { type CompleteCut, loadComplete } from '../cuts/complete.ts';
import type { NodeDeps, NodeOptions } from '../facade/options.ts';
import { loadHeaderReaders } from '../fleet/header-versions.ts';
import { type KnownAuthors, loadKnownAuthors } from '../fleet/known-authors.ts';
import { loadRememberedPeers } from '../fleet/remembered-peers.ts';
import { createRoster, type RosterOwner } from '../fleet/roster.ts';
import { loadInvitations } from '../membership/invitations.ts';
import { loadMembership, type SavedMembership } from '../membership/saved.ts';
import { type OpenedState, openState, readable } from '../storage/startup.ts';
import { loadAccessTokens } from '../upkeep/access-tokens.ts';
import { type AddedList, loadAddedPeers } from '../upkeep/added-peers.ts';
import { loadRecounted } from '../upkeep/after-end.ts';
import { loadCollection, loadFixedCuts } from '../upkeep/collection.ts';
import { loadDisplaced } from '../upkeep/displaced.ts';
import { type KeptAside, loadAsideLost, loadSetAside } from '../upkeep/set-aside.ts';

/** What a node finds when it starts: its verified state, and what an earlier run stored beside it. */
export interface OpenedNode extends OpenedState {
  readonly self: Author;
  readonly roster: RosterOwner;
  readonly membership: SavedMembership;
  readonly known: KnownAuthors;
  readonly bootstrap: SavedBootstrap;
  readonly invitations: readonly InvitationRow[];
  readonly addedPeers: AddedList;
  readonly accessTokens: readonly StoredToken[];
  readonly rememberedPeers: readonly RememberedPeer[];
  /** The members of whom an earlier run knew that they read headers of version 2. */
  readonly headerReaders: readonly Author[];
  /** The members of whom an earlier run knew that they collect what is dead. */
  readonly collectors: readonly Author[];
  /** How far an earlier run had collected, and what it had set aside. */
  readonly collection: CollectionRecord | undefined;
  /** The roots (hex) of the newest cuts that this store has fixed, by their time; none where it lost its end. */
  readonly fixedCuts: ReadonlyMap<number, string>;
  readonly setAside: readonly KeptAside[];
  /** How many operations that were set aside could not be kept. */
  readonly asideLost: number;
  readonly evidence: readonly KeptEvidence[];
  readonly signedTwice: readonly KeptPair[];
  /** The newest complete cut that an earlier run knew. */
  readonly complete: CompleteCut | undefined;
  /** The ends of authors after which an earlier run found nothing left, Unix ms. */
  readonly recounted: ReadonlyMap<Author, number>;
  readonly displaced: DisplacedTotals;
}

/** Opens and verifies the state. Rejects when the store does not verify, and leaves the store as it is. */
export async function openNode(options: NodeOptions, deps: NodeDeps): Promise<OpenedNode> {
  const { store, hasher, random, verifier } = deps;
  const self = deps.signer.author;
  const { directory, network } = options;
  const log = deps.log.child('node');
  const membership = await readable(directory, () => loadMembership({ store, hasher, verifier, network, log }));
  const roster = createRoster(options.trusted, self, hasher, membership.roster);
  const known = await readable(directory, () => loadKnownAuthors({ store, log }, roster.authors));
  const state = await openState({
    store,
    hasher,
    random,
    network,
    self,
    isKnown: known.has,
    isAfterEnd: (author, ms) => ms > (roster.ends.get(author) ?? Infinity),
    collectedBy: (ms) => collectedBy(roster, ms, options.collectionGridMs),
    directory,
  });
  const { start } = roster.present;
  if (start > 0) state.replica.observeTime(lastHlcAt(start));
  const isKnown = state.replica.knows;
  const evidence = await readable(directory, () => loadEvidence({ store, hasher, verifier, network, isKnown, log }));
  return {
    ...state,
    self,
    roster,
    membership,
    known,
    bootstrap: await readable(directory, () => loadBootstrap(store)),
    invitations: await readable(directory, () => loadInvitations(store)),
    addedPeers: { now: await readable(directory, () => loadAddedPeers(store)) },
    accessTokens: await readable(directory, () => loadAccessTokens(store)),
    rememberedPeers: await readable(directory, () => loadRememberedPeers(store, log)),
    headerReaders: await readable(directory, () => loadHeaderReaders(store, HEADER_READERS, log)),
    collectors: await readable(directory, () => loadHeaderReaders(store, COLLECTORS, log)),
    collection: await readable(directory, () => loadCollection(store)),
    fixedCuts: state.end.short ? new Map() : await readable(directory, () => loadFixedCuts(store)),
    setAside: await readable(directory, () => loadSetAside(store, hasher)),
    asideLost: await readable(directory, () => loadAsideLost(store)),
    evidence,
    signedTwice: await readable(directory, () => loadSignedTwice({ store, hasher, verifier, network, log })),
    recounted: await readable(directory, () => loadRecounted(store)),
    displaced: await readable(directory, () => loadDisplaced(store)),
    complete: await loadComplete({ store, network, roster, verifier, log }),
  };
}
