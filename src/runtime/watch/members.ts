import { type Author, bytesToHex, nodeLabel } from '../../core/types/index.ts';
import type { Clock } from '../../ports/index.ts';
import type { Names } from '../fleet/names.ts';
import type { RememberedPeers } from '../fleet/remembered-peers.ts';
import type { Roster } from '../fleet/roster.ts';
import type { Peer, PeerTable } from '../peers/peers.ts';
import { isHeard, lastHeard } from '../peers/view.ts';
import type { HttpPeer } from '../transport/http-peer.ts';
import type { HttpSupervisor } from '../transport/lung-http.ts';
import type { MemberFacts } from './verdict-facts.ts';

/** Two roots of which one changed within this time differ mostly by what is on its way (SPEC S14). */
const FLOWING_MS = 1_500;

export interface MemberFactsDeps {
  readonly clock: Clock;
  readonly graceMs: number;
  readonly heartbeatMs: number;
  readonly roster: Pick<Roster, 'has' | 'endOf' | 'isWriter'>;
  /** With whom this node syncs (SPEC S9): a key that has left is no member, whatever address of it is configured. */
  readonly isMember: (author: Author) => boolean;
  /**
   * Whether a trust list is configured. Without one, and where roster and list name nobody else, a configured URL that
   * nobody answers stands for a member.
   */
  readonly hasTrustList: () => boolean;
  readonly peers: Pick<PeerTable, 'all'>;
  readonly http: Pick<HttpSupervisor, 'peers' | 'find'>;
  readonly peerIdOf: (author: Author) => string;
  readonly lungOf: (peer: Peer) => MemberFacts['lung'];
  /** Our durable root, in hex. */
  readonly root: () => string;
  /** The newest cut for which the author attested the root that this node had, Unix ms. */
  readonly agreedCutOf: (author: Author) => number | undefined;
  readonly names: Pick<Names, 'of' | 'label'>;
  readonly remembered: Pick<RememberedPeers, 'of' | 'at'>;
}

/** Who is expected and who has left is asked of these. */
type Expecting = Pick<MemberFactsDeps, 'clock' | 'roster' | 'peers' | 'isMember'>;

/** Whether anything is expected of a key: it has not left the fleet, and its end has not come. */
const isExpected = ({ clock, roster, isMember }: Omit<Expecting, 'peers'>, author: Author): boolean =>
  isMember(author) && (roster.endOf(author) ?? Number.POSITIVE_INFINITY) >= clock.now();

/** The labels of the configured peers that nobody expects any more, because their keys have left the fleet. */
export function leftOf(deps: Expecting & { readonly names: Pick<Names, 'label'> }): string[] {
  const labels = [...deps.peers.all()].flatMap(({ author, link }) =>
    link.configured && !isExpected(deps, author) ? deps.names.label(author) : [],
  );
  // The former keys of a node have its name.
  return [...new Set(labels)];
}

/**
 * Collects what is known of every other node that is expected: members, but for those that have retired, and configured
 * peers (SPEC J2).
 */
export function createMemberFacts(deps: MemberFactsDeps): () => MemberFacts[] {
  const { clock, http, names, remembered, roster } = deps;

  function factsOf(peer: Peer): MemberFacts {
    const { author, view, repair } = peer;
    const now = clock.monotonic();
    const wall = (at: number | undefined): number | undefined =>
      at === undefined || at === -Infinity ? undefined : Math.round(clock.now() - (now - at));
    const heardAt = wall(lastHeard(view));
    const heard = isHeard(view, now, deps);
    const before = remembered.of(author);
    const url = peer.link.url ?? (before?.url === '' ? undefined : before?.url);
    const { last } = repair;
    const { condition } = view;
    const tried = http.find(author) ?? http.peers().find((one) => one.url === url);
    return {
      author,
      peerId: deps.peerIdOf(author),
      name: names.of(author),
      label: names.label(author),
      url,
      lung: deps.lungOf(peer),
      heard,
      lastHeardAt: heardAt ?? before?.lastHeardAt,
      heardInThisRun: heardAt !== undefined,
      sameRoot: view.head !== undefined && bytesToHex(view.head.root) === deps.root(),
      agreement: view.agreement,
      agreementSince: view.head === undefined ? undefined : view.agreementSince,
      agreedAt: wall(view.agreedAt),
      cutAt: deps.agreedCutOf(author),
      flowing: now - view.pair.at < FLOWING_MS,
      differing: repair.differing?.keys === 0 ? undefined : repair.differing?.keys,
      repair: repair.progress,
      failed: last?.error === undefined ? undefined : { text: last.error, code: last.errorCode },
      refused: repair.refused.groups().map(({ reason, keys, by, author: whose }) => ({
        reason,
        keys,
        by: by === 'peer' ? 'member' : by,
        author: whose === undefined ? undefined : names.label(whose),
        publicKey: whose,
      })),
      addressed: peer.link.configured || url !== undefined,
      isMirror: roster.has(author) && roster.endOf(author) === undefined && !roster.isWriter(author),
      // What a silent member told says nothing of its present condition.
      readOnly:
        heard && condition?.refusesSince !== undefined
          ? { codes: condition.readOnly, since: condition.refusesSince }
          : undefined,
      serves: heard ? condition?.serves : undefined,
      error: tried?.error,
      errorCode: tried?.errorCode,
    };
  }

  /** A configured URL at which nobody has proven who it is, or not yet in this run of the node. */
  function unanswered({ url, error, errorCode }: HttpPeer): MemberFacts {
    const before = remembered.at(url);
    return {
      ...(before === undefined ? {} : { author: before.author, peerId: deps.peerIdOf(before.author) }),
      name: before === undefined ? undefined : names.of(before.author),
      label: before === undefined ? nodeLabel({ url }) : names.label(before.author),
      url,
      lung: 'none',
      heard: false,
      lastHeardAt: before?.lastHeardAt,
      heardInThisRun: false,
      sameRoot: false,
      agreement: 'unknown',
      flowing: false,
      refused: [],
      addressed: true,
      error,
      errorCode,
    };
  }

  return () => {
    const { members, urls } = expectedNodes(deps);
    const now = clock.monotonic();
    // A member that retires is waited for up to its end while it is heard. A key that has turned is never heard again.
    const awaited = members.filter(
      ({ author, view }) => roster.endOf(author) === undefined || isHeard(view, now, deps),
    );
    return [...awaited.map(factsOf), ...urls.map(unanswered)];
  };
}

/**
 * All other nodes that are expected: members, but for those that have retired, and configured peers that have not left;
 * and the configured URLs at which nobody has proven who it is, where they stand for members.
 */
export function expectedNodes(
  deps: Expecting &
    Pick<MemberFactsDeps, 'hasTrustList'> & {
      readonly http: Pick<HttpSupervisor, 'peers'>;
      readonly remembered: Pick<RememberedPeers, 'at'>;
    },
): { readonly members: readonly Peer[]; readonly urls: readonly HttpPeer[] } {
  const { peers, http, remembered, hasTrustList } = deps;
  const members = [...peers.all()].filter(({ author }) => isExpected(deps, author));
  // Who is on the list is named once, however many addresses of it are configured. An address where the list names
  // nobody is all that is known of whoever should answer there.
  if (hasTrustList() && members.length > 0) return { members, urls: [] };
  const known = new Set<Author>(members.map(({ author }) => author));
  const urls = http.peers().filter(({ url, author, self, announced }) => {
    const owner = author ?? remembered.at(url)?.author;
    const hasLeft = owner !== undefined && !isExpected(deps, owner);
    return !self && !announced && author === undefined && !hasLeft && (owner === undefined || !known.has(owner));
  });
  return { members, urls };
}
